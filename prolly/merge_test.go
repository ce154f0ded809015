package prolly

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

var merges = flag.Int("merges", 0, "random merges to compare with the model; 2,000 when 0, 400 with -short")

// TestMergeAgainstModel compares random merges with what a map says. The long
// form is -merges 100000.
func TestMergeAgainstModel(t *testing.T) {
	n := *merges
	if n == 0 {
		if n = 2000; testing.Short() {
			n = 400
		}
	}
	var sums mergeSums
	began := time.Now()
	for seed := range n {
		sums.merge(t, uint64(seed))
		if t.Failed() {
			return
		}
	}
	if sums.conflicts == 0 || sums.same == 0 || sums.beside == 0 || sums.pieces == 0 || sums.adopted == 0 {
		t.Errorf("a case did not occur: %+v", sums)
	}
	t.Logf("%d merges, %d entries changed by theirs, %d conflicts, %d changed alike, %d kept beside, %d merges in pieces, %d with nodes adopted; %v",
		n, sums.theirs, sums.conflicts, sums.same, sums.beside, sums.pieces, sums.adopted, time.Since(began).Round(time.Second))
}

type mergeSums struct {
	theirs, conflicts, same, beside uint64
	pieces, adopted                 int
}

// merge makes one random merge.
func (sums *mergeSums) merge(t *testing.T, seed uint64) {
	s := source{rand.New(rand.NewPCG(seed, 0x6d65726765))}
	shape := shapes[s.IntN(len(shapes))]
	space := []int{4, 40, 300, 300, 1200, 1200}[s.IntN(6)]
	if s.IntN(60) == 0 && shape != "monotone" && shape != "long" {
		space = 12_000
	}
	defer func(n int) { mergePiece = n }(mergePiece)
	mergePiece = []int{1, 3, 50, 2048}[s.IntN(4)]
	defer func(n int) { adoptChanged = n }(adoptChanged)
	adoptChanged = 1 + s.IntN(4)
	ns := NewMemStore()
	base := model{}
	if s.IntN(8) > 0 {
		base = randomModel(s, shape, space/2)
	}
	ours, theirs := s.sides(shape, space, base)
	a, b, c := mustBuild(t, ns, base), mustBuild(t, ns, ours), mustBuild(t, ns, theirs)
	r := &modelResolver{t: t, tree: a, kind: s.IntN(4), base: base, ours: ours, theirs: theirs}
	got, stats, err := Merge(ctx, a, b, c, r.resolve)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	want := r.merged()
	if root := mustBuild(t, ns, want).Root(); got.Root() != root || got.Len() != uint64(len(want)) {
		t.Fatalf("seed %d, %s, %d keys: merged root %v of %d entries, built %v of %d", seed, shape, space, got.Root(), got.Len(), root, len(want))
	}
	if !slices.Equal(r.asked, r.conflicts()) && a.Root() != b.Root() && a.Root() != c.Root() && b.Root() != c.Root() {
		t.Fatalf("seed %d: asked for %q, conflicts are %q", seed, r.asked, r.conflicts())
	}
	if seed%16 == 0 {
		if err := got.Check(ctx, CheckOptions{}, func(p Problem) error { return fmt.Errorf("%v", p) }); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	sums.theirs, sums.conflicts, sums.same = sums.theirs+stats.Theirs, sums.conflicts+stats.Conflicts, sums.same+stats.Same
	sums.beside += uint64(r.beside)
	if stats.Theirs > uint64(mergePiece) {
		sums.pieces++
	}
	if stats.Adopted > 0 {
		sums.adopted++
	}
}

// sides changes a model in two ways, which have something in common. Half of the
// time stretches of the keys are left to one side.
func (s source) sides(shape string, space int, base model) (ours, theirs model) {
	both := s.edits(shape, space, s.IntN(4))
	sides := [2]model{maps.Clone(base), maps.Clone(base)}
	keys := base.keys()
	owners := make([]int, 1+s.IntN(12))
	for i := range owners {
		if owners[i] = 2; s.IntN(8) > 0 {
			owners[i] = s.IntN(2)
		}
	}
	apart := s.IntN(2) == 0
	for i, m := range sides {
		m.apply(both)
		for range 1 + s.IntN(3) {
			edits := s.edits(shape, space, s.IntN(1+min(space, []int{3, 30, 400, 3000}[s.IntN(4)])))
			for _, e := range edits {
				at, _ := slices.BinarySearch(keys, string(e.Key))
				if owner := owners[at*len(owners)/(len(keys)+1)]; apart && owner != 2 && owner != i {
					continue
				}
				m.apply([]Edit{e})
			}
		}
		if s.IntN(20) == 0 {
			clear(m)
		}
	}
	return sides[0], sides[1]
}

// modelResolver resolves in one of several ways, and knows what comes of it.
type modelResolver struct {
	t                  testing.TB
	tree               Tree // to read blobs with
	kind               int
	base, ours, theirs model
	asked              []string
	beside             int
}

func (r *modelResolver) resolve(ctx context.Context, c Conflict) (Resolution, error) {
	r.asked = append(r.asked, string(c.Key))
	for _, x := range []struct {
		got  *Value
		from model
	}{{c.Base, r.base}, {c.Ours, r.ours}, {c.Theirs, r.theirs}} {
		want, ok := x.from[string(c.Key)]
		if ok != (x.got != nil) || ok && !sameValue(r.t, r.tree, *x.got, want) {
			r.t.Errorf("wrong conflict at %q: %+v, want %v", c.Key, x.got, want)
		}
	}
	return []Resolver{Ours, Theirs, KeepBoth("~"), third}[r.kind](ctx, c)
}

// third removes the key or sets what neither side has.
func third(_ context.Context, c Conflict) (Resolution, error) {
	if len(c.Key)%2 == 0 {
		return Resolution{}, nil
	}
	return Resolution{Value: &Value{Bytes: bytes.Repeat([]byte("3"), 3*len(c.Key))}}, nil
}

func (r *modelResolver) changed(from, to model, k string) bool {
	a, ok := from[k]
	b, ok2 := to[k]
	return ok != ok2 || !sameValue(r.t, r.tree, a, b)
}

func (r *modelResolver) conflicts() (list []string) {
	for k := range r.all() {
		if r.changed(r.base, r.ours, k) && r.changed(r.base, r.theirs, k) && r.changed(r.ours, r.theirs, k) {
			list = append(list, k)
		}
	}
	slices.Sort(list)
	return list
}

func (r *modelResolver) all() model {
	all := maps.Clone(r.base)
	maps.Copy(all, r.ours)
	maps.Copy(all, r.theirs)
	return all
}

// merged is the merge by definition.
func (r *modelResolver) merged() model {
	out := maps.Clone(r.ours)
	conflicts := r.conflicts()
	for _, k := range r.all().keys() {
		if _, found := slices.BinarySearch(conflicts, k); !found && r.changed(r.base, r.theirs, k) {
			out.take(k, r.theirs)
		}
	}
	taken := r.all()
	for _, k := range conflicts {
		_, here := r.ours[k]
		theirs, there := r.theirs[k]
		switch {
		case r.kind == 1, r.kind == 2 && !here:
			out.take(k, r.theirs)
		case r.kind == 2 && there:
			key := k + "~"
			for _, ok := taken[key]; ok; _, ok = taken[key] {
				key += "~"
			}
			r.beside++
			taken[key], out[key] = theirs, theirs
		case r.kind == 3 && len(k)%2 == 0:
			delete(out, k)
		case r.kind == 3:
			out[k] = Value{Bytes: bytes.Repeat([]byte("3"), 3*len(k))}
		}
	}
	return out
}

// take sets a key to what it is in another model.
func (m model) take(k string, from model) {
	if v, ok := from[k]; ok {
		m[k] = v
	} else {
		delete(m, k)
	}
}

// readCounter counts the nodes that are read.
type readCounter struct {
	NodeStore
	n *atomic.Int64
}

func (c readCounter) ReadNode(ctx context.Context, a Addr) ([]byte, []Hint, error) {
	c.n.Add(1)
	return c.NodeStore.ReadNode(ctx, a)
}

var mergeEntries = flag.Int("merge.entries", 100_000, "entries of TestMergeReads; each side edits 1 % of them")

// TestMergeReads merges two branches that edited other keys each, and compares
// the nodes read with those that the two diffs read.
//
//	go test ./prolly -run TestMergeReads -v -merge.entries 1000000
func TestMergeReads(t *testing.T) {
	ns := NewMemStore()
	n := *mergeEntries
	key := func(i int) []byte { return fmt.Appendf(nil, "/blob/%020d", i*7) }
	base, err := Build(ctx, ns, func(yield func(Entry, error) bool) {
		for i := range n {
			if !yield(Entry{key(i), Value{Bytes: fmt.Appendf(nil, "%064d", i)}}, nil) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	s := newSource(t, 1)
	for _, kind := range []string{"updates", "resizes and deletes", "one region each"} {
		var sides [2]Tree
		keys := s.Perm(n)
		for i := range sides {
			var edits []Edit
			for j := range n / 100 {
				e := Edit{Key: key(keys[i*n/2+j]), Value: Value{Bytes: fmt.Appendf(nil, "%064d", n+j)}}
				switch {
				case kind == "one region each":
					e.Key = key(n/3*(i+1) + j)
				case kind != "updates" && j%2 == 0:
					e.Delete = true
				case kind != "updates":
					e.Value.Bytes = e.Value.Bytes[:40]
				}
				edits = append(edits, e)
			}
			if sides[i], err = base.Apply(ctx, edits); err != nil {
				t.Fatal(err)
			}
		}
		var counted atomic.Int64
		cold := readCounter{ns, &counted}
		for i := range sides {
			for _, err := range Diff(ctx, base.In(cold), sides[i].In(cold), Range{}) {
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		diffs := counted.Swap(0)
		got, stats, err := Merge(ctx, base.In(cold), sides[0].In(cold), sides[1].In(cold), Fail)
		if err != nil {
			t.Fatal(err)
		}
		reads := counted.Load()
		ratio := float64(reads) / float64(diffs)
		t.Logf("%d entries, %s: the diffs read %d nodes, the merge %d: %.2f; %+v", n, kind, diffs, reads, ratio, stats)
		if ratio > 1.1 {
			t.Errorf("%s: the merge reads %.2f times the nodes of the diffs", kind, ratio)
		}
		back, _, err := Merge(ctx, base, sides[1], sides[0], Fail)
		if err != nil || back.Root() != got.Root() {
			t.Errorf("the other way about: %v, %v instead of %v", err, back.Root(), got.Root())
		}
	}
}

func TestMergeTrivial(t *testing.T) {
	ns := NewMemStore()
	s := newSource(t, 3)
	m := randomModel(s, "path", 500)
	base := mustBuild(t, ns, m)
	next := mustApply(t, base, []Edit{{Key: []byte("new"), Value: Value{Bytes: []byte("1")}}})
	none := failingStore{}
	for _, c := range []struct{ base, ours, theirs, want Tree }{
		{base, base, base, base},
		{base, base, next, next},
		{base, next, base, next},
		{base, next, next, next},
	} {
		got, stats, err := Merge(ctx, c.base.In(none), c.ours.In(none), c.theirs.In(none), nil)
		if err != nil || got.Root() != c.want.Root() || stats != (MergeStats{}) {
			t.Errorf("%v, %+v, %v", got.Root(), stats, err)
		}
	}
}

// failingStore reads nothing.
type failingStore struct{ discard }

func mustApply(t testing.TB, tree Tree, edits []Edit) Tree {
	t.Helper()
	next, err := tree.Apply(ctx, edits)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func put(key, value string) Edit { return Edit{Key: []byte(key), Value: Value{Bytes: []byte(value)}} }

func TestResolvers(t *testing.T) {
	ns := NewMemStore()
	base := mustApply(t, Empty(ns), []Edit{put("a", "0"), put("b", "0"), put("c", "0")})
	ours := mustApply(t, base, []Edit{put("a", "1"), {Key: []byte("b"), Delete: true}, put("c", "1"), put("d", "1")})
	theirs := mustApply(t, base, []Edit{put("a", "2"), put("b", "2"), {Key: []byte("c"), Delete: true}, put("d", "2"), put("a~", "x")})
	now := time.UnixMilli(1000)
	for name, c := range map[string]struct {
		r    Resolver
		want string
	}{
		"ours":           {Ours, "a=1 a~=x c=1 d=1 "},
		"theirs":         {Theirs, "a=2 a~=x b=2 d=2 "},
		"newest, ours":   {Newest(now, now), "a=1 a~=x c=1 d=1 "},
		"newest, theirs": {Newest(now, now.Add(1)), "a=2 a~=x b=2 d=2 "},
		"newest by key": {NewestBy(func(_ context.Context, c Conflict) (bool, error) {
			return c.Key[0] == 'a', nil
		}), "a=2 a~=x c=1 d=1 "},
		"both": {KeepBoth("~"), "a=1 a~=x a~~=2 b=2 c=1 d=1 d~=2 "},
	} {
		got, _, err := Merge(ctx, base, ours, theirs, c.r)
		if err != nil {
			t.Fatal(name, err)
		}
		if text := contentOf(t, got); text != c.want {
			t.Errorf("%s: %s, want %s", name, text, c.want)
		}
	}
	_, _, err := Merge(ctx, base, ours, theirs, nil)
	var conflict *ConflictError
	if !errors.As(err, &conflict) || !errors.Is(err, ErrConflict) || string(conflict.Key) != "a" {
		t.Errorf("without a resolver: %v", err)
	}
	mine := errors.New("mine")
	if _, _, err := Merge(ctx, base, ours, theirs, func(context.Context, Conflict) (Resolution, error) { return Resolution{}, mine }); !errors.Is(err, mine) {
		t.Errorf("a resolver's error: %v", err)
	}
	if _, _, err := Merge(ctx, base, ours, theirs, KeepBoth("")); !errors.Is(err, ErrKeyEmpty) {
		t.Errorf("no suffix: %v", err)
	}
	if _, _, err := Merge(ctx, base, ours, theirs, KeepBoth(string(make([]byte, codec.MaxKey)))); !errors.Is(err, ErrKeyTooLong) {
		t.Errorf("a long suffix: %v", err)
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	if _, _, err := Merge(done, base, ours, theirs, Ours); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that is done: %v", err)
	}
}

func contentOf(t testing.TB, tree Tree) (s string) {
	for e, err := range tree.Range(ctx, Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		s += fmt.Sprintf("%s=%s ", e.Key, e.Value.Bytes)
	}
	return s
}

// oneGap is keys of a hundred leaves without a stage-1 cut.
var oneGap = sync.OnceValue(func() [][]byte { return fallingKeys(2500) })

// TestMergeAdopts merges branches that kept to stretches of their own, in trees
// of many levels, so that nodes are taken over on all of them.
func TestMergeAdopts(t *testing.T) {
	defer func(n int) { adoptChanged = n }(adoptChanged)
	rounds := 25
	if testing.Short() {
		rounds = 3
	}
	var adopted, read, least uint64
	for seed := range rounds {
		for i, shape := range []string{"sequential", "path", "monotone", "random", "long", "long", "long"} {
			s := newSource(t, uint64(seed)<<8|uint64(i))
			adoptChanged = 1 + s.IntN(4)
			space := 6000
			switch shape {
			case "long":
				space = 900
			case "monotone":
				space = 10
			}
			ns := NewMemStore()
			base := randomModel(s, shape, space/2)
			if shape == "monotone" {
				for _, k := range oneGap() {
					base[string(k)] = s.value()
				}
			}
			sides := [2]model{maps.Clone(base), maps.Clone(base)}
			keys := base.keys()
			for _, n := range []int{2, 7, 20, 60}[s.IntN(4):][:1] {
				side := s.IntN(2)
				for part := range n {
					lo, hi := len(keys)*part/n, len(keys)*(part+1)/n
					if lo == hi {
						continue
					}
					side = 1 - side
					for range s.IntN(1 + (hi-lo)/(1+s.IntN(8))) {
						k := keys[lo+s.IntN(hi-lo)]
						switch s.IntN(4) {
						case 0:
							delete(sides[side], k)
						case 1:
							sides[side][k+"+"] = s.value()
						default:
							sides[side][k] = s.value()
						}
					}
				}
			}
			a, b, c := mustBuild(t, ns, base), mustBuild(t, ns, sides[0]), mustBuild(t, ns, sides[1])
			r := &modelResolver{t: t, tree: a, kind: s.IntN(4), base: base, ours: sides[0], theirs: sides[1]}
			if r.kind == 2 && shape == "long" {
				r.kind = 1
			}
			got, stats, err := Merge(ctx, a, b, c, r.resolve)
			if err != nil {
				t.Fatal(err)
			}
			if want := mustBuild(t, ns, r.merged()); got.Root() != want.Root() {
				t.Fatalf("%s: merged root %v, built %v; %+v", shape, got.Root(), want.Root(), stats)
			}
			adopted, read = adopted+stats.Adopted, read+stats.NodesRead
			if stats.Adopted > 0 {
				least++
			}
		}
	}
	t.Logf("%d merges with nodes taken over, %d of them; %d nodes read", least, adopted, read)
	if least < uint64(rounds) {
		t.Errorf("nodes taken over in %d merges only", least)
	}
}

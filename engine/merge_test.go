package engine

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// set stages "k=v" pairs, "k-" removing one.
func set(t tester, b *Branch, pairs ...string) {
	t.Helper()
	for _, p := range pairs {
		k, v, ok := bytes.Cut([]byte(p), []byte("="))
		if ok {
			do(t, b.Put(ctx, k, v))
		} else {
			do(t, b.Delete(ctx, k[:len(k)-1]))
		}
	}
}

// commit stages pairs and commits.
func commit(t tester, b *Branch, pairs ...string) Commit {
	t.Helper()
	set(t, b, pairs...)
	return must(b.Commit(ctx, CommitOptions{}))(t)
}

func branch(t tester, e *Engine, name string, at Commit) *Branch {
	t.Helper()
	return must(e.CreateBranch(ctx, name, at.CID))(t)
}

func TestMergeOutcomes(t *testing.T) {
	over(t, func(t *testing.T, open opener) {
		e := startTest(t, open, &Options{Now: clock()})
		main := must(e.Branch(ctx, "main"))(t)
		first := commit(t, main, "a=0", "b=0")
		dev := branch(t, e, "dev", first)
		second := commit(t, dev, "a=1")

		m := must(main.Merge(ctx, "dev", MergeOptions{}))(t)
		if m.Outcome != FastForward || m.Commit != second.CID || contentOf(t, main) != "a=1 b=0 " {
			t.Fatalf("%+v, %s", m, contentOf(t, main))
		}
		for _, ref := range []string{"dev", first.CID.String()} {
			if m = must(main.Merge(ctx, ref, MergeOptions{}))(t); m.Outcome != AlreadyMerged || m.Commit != second.CID {
				t.Fatalf("%s: %+v", ref, m)
			}
		}

		set(t, main, "c=staged")
		third := commit(t, dev, "b=2", "d=2")
		m = must(main.Merge(ctx, "dev", MergeOptions{Message: "both"}))(t)
		c := must(main.Head(ctx))(t)
		if m.Outcome != Merged || c.CID != m.Commit || !slices.Equal(c.Parents, []cid.Cid{second.CID, third.CID}) ||
			string(c.Meta["message"]) != "both" || c.Seq != 4 || c.Root != m.Root || m.Stats.Taken != 2 {
			t.Fatalf("%+v, %+v", m, c)
		}
		if s := contentOf(t, main); s != "a=1 b=2 c=staged d=2 " {
			t.Fatal(s)
		}

		commit(t, dev, "a=dev")
		commit(t, main, "a=main")
		_, err := main.Merge(ctx, "dev", MergeOptions{})
		var conflict *prolly.ConflictError
		if !errors.As(err, &conflict) || string(conflict.Key) != "a" {
			t.Fatal(err)
		}
		if h := must(main.Head(ctx))(t); contentOf(t, main) != "a=main b=2 c=staged d=2 " || h.Seq != 5 {
			t.Fatalf("a failed merge changed the branch: %+v", h)
		}
		m = must(main.Merge(ctx, "dev", MergeOptions{Newest: true, NoCommit: true}))(t)
		if s := contentOf(t, main); s != "a=main b=2 c=staged d=2 " || must(main.Head(ctx))(t).Seq != 5 {
			t.Fatalf("%+v, %s", m, s)
		}
		commit(t, dev, "e=1")
		must(main.Merge(ctx, "dev", MergeOptions{Resolve: prolly.KeepBoth(".theirs")}))(t)
		if s := contentOf(t, main); s != "a=main a.theirs=dev b=2 c=staged d=2 e=1 " {
			t.Fatal(s)
		}

		other := must(e.Branch(ctx, "other"))(t)
		commit(t, other, "a=main", "z=9")
		m = must(main.Merge(ctx, "other", MergeOptions{}))(t)
		if s := contentOf(t, main); len(m.Bases) != 0 || s != "a=main a.theirs=dev b=2 c=staged d=2 e=1 z=9 " {
			t.Fatalf("unrelated: %+v, %s", m, s)
		}
		empty := must(e.Branch(ctx, "empty"))(t)
		if m = must(empty.Merge(ctx, "main", MergeOptions{}))(t); m.Outcome != FastForward || contentOf(t, empty) != contentOf(t, main) {
			t.Fatalf("into an empty branch: %+v", m)
		}
		_, err = main.Merge(ctx, "nothing", MergeOptions{})
		want(t, err, ErrUnknownRef)
		if list := problems(t, e); len(list) > 0 {
			t.Fatal(list)
		}
	})
}

// TestMergeBase: a root, and a base of the caller's.
func TestMergeWithBase(t *testing.T) {
	e := startTest(t, memory(), nil)
	main := must(e.Branch(ctx, "main"))(t)
	first := commit(t, main, "a=0", "b=0")
	other := must(e.Branch(ctx, "other"))(t)
	commit(t, other, "a=0", "c=1")
	must(main.Merge(ctx, "other", MergeOptions{Base: first.Root.String()}))(t)
	if s := contentOf(t, main); s != "a=0 c=1 " {
		t.Fatalf("b should be removed, as other has none: %s", s)
	}
	must(main.Merge(ctx, first.Root.String(), MergeOptions{}))(t)
	if s, c := contentOf(t, main), must(main.Head(ctx))(t); s != "a=0 b=0 c=1 " || len(c.Parents) != 1 {
		t.Fatalf("a root adds what it has: %s, %+v", s, c)
	}
}

// TestCrissCross: two branches that merged each other have two best common
// ancestors, which decided a conflict in different ways.
func TestCrissCross(t *testing.T) {
	e := startTest(t, memory(), nil)
	a := must(e.Branch(ctx, "a"))(t)
	base := commit(t, a, "k=0", "x=0", "y=0")
	b := branch(t, e, "b", base)
	a1, b1 := commit(t, a, "k=a", "x=a"), commit(t, b, "k=b", "y=b")
	must(a.Merge(ctx, b1.CID.String(), MergeOptions{Resolve: prolly.Ours}))(t)
	must(b.Merge(ctx, a1.CID.String(), MergeOptions{Resolve: prolly.Ours}))(t)
	commit(t, a, "m=1")
	commit(t, b, "n=1", "x-")
	before := e.Stats()
	_, err := a.Merge(ctx, "b", MergeOptions{})
	var conflict *prolly.ConflictError
	if !errors.As(err, &conflict) || string(conflict.Key) != "k" {
		t.Fatalf("each side decided k in its own way: %v", err)
	}
	if after := e.Stats(); after.NodeWrites-before.NodeWrites > 2 {
		t.Errorf("%d nodes written for a merge that failed", after.NodeWrites-before.NodeWrites)
	}
	m := must(a.Merge(ctx, "b", MergeOptions{Resolve: prolly.Theirs}))(t)
	if s := contentOf(t, a); s != "k=b m=1 n=1 y=b " || len(m.Bases) != 2 || m.Stats.Conflicts != 1 {
		t.Fatalf("%s, %+v", s, m)
	}
	if list := problems(t, e); len(list) > 0 {
		t.Fatal(list)
	}
}

// story is a random history and what is known of it.
type story struct {
	t        *testing.T
	r        *rand.Rand
	e        *Engine
	branches []*Branch
	commits  map[cid.Cid]Commit
	content  map[cid.Cid]content
}

// TestHistoriesAgainstModel makes random histories of several branches, with
// merges, criss-cross and not, and compares bases, logs, blame and merged
// contents with what their definitions say.
func TestHistoriesAgainstModel(t *testing.T) {
	rounds := 40
	if testing.Short() {
		rounds = 10
	}
	several, single := 0, 0
	for seed := range rounds {
		s := newStory(t, uint64(seed))
		for range 30 {
			s.step(&several, &single)
		}
		s.compare()
		do(t, s.e.Close())
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if several == 0 || single == 0 {
		t.Errorf("%d merges over several bases, %d over one", several, single)
	}
}

func newStory(t *testing.T, seed uint64) *story {
	s := &story{t: t, r: rand.New(rand.NewPCG(seed, 4)), e: start(t, memory(), &Options{Now: clock()})}
	s.commits, s.content = map[cid.Cid]Commit{}, map[cid.Cid]content{}
	for i := range 3 {
		s.branches = append(s.branches, must(s.e.Branch(ctx, fmt.Sprint("b", i)))(t))
	}
	return s
}

func (s *story) key() string { return fmt.Sprintf("k%02d", s.r.IntN(12)) }

// note takes down a branch's last commit.
func (s *story) note(b *Branch, c content) Commit {
	h := must(b.Head(ctx))(s.t)
	s.commits[h.CID], s.content[h.CID] = h, c
	if got := contentOf(s.t, b); got != c.text() {
		s.t.Fatalf("%s has %s, want %s", b.name, got, c.text())
	}
	return h
}

func (c content) text() (s string) {
	for _, k := range slices.Sorted(maps.Keys(c)) {
		s += fmt.Sprintf("%s=%s ", k, c[k])
	}
	return s
}

func (s *story) head(b *Branch) (content, bool) {
	h, err := b.Head(ctx)
	if errors.Is(err, ErrNoCommit) {
		return content{}, false
	}
	do(s.t, err)
	return maps.Clone(s.content[h.CID]), true
}

func (s *story) step(several, single *int) {
	b, from := s.branches[s.r.IntN(3)], s.branches[s.r.IntN(3)]
	mine, _ := s.head(b)
	theirs, ok := s.head(from)
	if s.r.IntN(2) == 0 || !ok || b == from {
		for range 1 + s.r.IntN(3) {
			k := s.key()
			if mine[k] = fmt.Sprint(s.r.IntN(3)); s.r.IntN(3) == 0 {
				delete(mine, k)
				set(s.t, b, k+"-")
			} else {
				set(s.t, b, k+"="+mine[k])
			}
		}
		must(b.Commit(ctx, CommitOptions{}))(s.t)
		s.note(b, mine)
		return
	}
	other := must(from.Head(ctx))(s.t)
	m := must(b.Merge(ctx, from.name, MergeOptions{Resolve: prolly.Theirs}))(s.t)
	switch {
	case m.Outcome == FastForward:
		s.note(b, theirs)
	case m.Outcome == Merged && len(m.Bases) < 2:
		base := content{}
		if len(m.Bases) == 1 {
			base = s.content[m.Bases[0]]
			*single++
		}
		for k := range s.keys() {
			if value(base, k) != value(theirs, k) {
				mine.copy(k, theirs)
			}
		}
		s.note(b, mine)
	case m.Outcome == Merged:
		*several++
		s.note(b, s.read(b))
	case other.CID != m.Commit && !s.ancestors(m.Commit)[other.CID]:
		s.t.Fatalf("%+v, but %v is no ancestor", m, other.CID)
	}
}

func (s *story) keys() map[string]bool {
	keys := map[string]bool{}
	for i := range 12 {
		keys[fmt.Sprintf("k%02d", i)] = true
	}
	return keys
}

func value(c content, k string) string {
	if v, ok := c[k]; ok {
		return "=" + v
	}
	return ""
}

func (c content) copy(k string, from content) {
	if v, ok := from[k]; ok {
		c[k] = v
	} else {
		delete(c, k)
	}
}

func (s *story) read(b *Branch) content {
	c := content{}
	for e, err := range b.Range(ctx, prolly.Range{}) {
		do(s.t, err)
		c[string(e.Key)] = string(e.Value.Bytes)
	}
	return c
}

// ancestors returns a commit and all that it descends from.
func (s *story) ancestors(c cid.Cid) map[cid.Cid]bool {
	all := map[cid.Cid]bool{}
	for todo := []cid.Cid{c}; len(todo) > 0; {
		c, todo = todo[0], todo[1:]
		if !all[c] {
			all[c] = true
			todo = append(todo, s.commits[c].Parents...)
		}
	}
	return all
}

// bases is MergeBases by definition.
func (s *story) bases(a, b cid.Cid) map[cid.Cid]bool {
	ours, theirs := s.ancestors(a), s.ancestors(b)
	best := map[cid.Cid]bool{}
	for c := range ours {
		best[c] = theirs[c]
	}
	for c, common := range maps.Clone(best) {
		if !common {
			delete(best, c)
			continue
		}
		for older := range s.ancestors(c) {
			if older != c {
				best[older] = false
			}
		}
	}
	maps.DeleteFunc(best, func(_ cid.Cid, yes bool) bool { return !yes })
	return best
}

// changes tells whether a commit differs from each parent at a key.
func (s *story) changes(c cid.Cid, k string) bool {
	before := []content{}
	for _, p := range s.commits[c].Parents {
		before = append(before, s.content[p])
	}
	if len(before) == 0 {
		before = append(before, content{})
	}
	for _, p := range before {
		if value(p, k) == value(s.content[c], k) {
			return false
		}
	}
	return true
}

func (s *story) compare() {
	for a := range s.commits {
		for b := range s.commits {
			want, n := s.bases(a, b), 0
			for _, c := range must(s.e.MergeBases(ctx, a, b))(s.t) {
				if n++; !want[c.CID] {
					s.t.Errorf("%v is no best common ancestor", c.CID)
				}
			}
			if n != len(want) {
				s.t.Errorf("%d best common ancestors, want %d", n, len(want))
			}
		}
	}
	b := s.branches[0]
	for name := range s.commits {
		for k := range s.keys() {
			key := prolly.Range{From: []byte(k), To: []byte(k + "\x00")}
			n := 0
			for c := range s.ancestors(name) {
				if s.changes(c, k) {
					n++
				}
			}
			for c, err := range b.Log(ctx, LogOptions{From: name, Within: key}) {
				do(s.t, err)
				if n--; !s.changes(c.CID, k) {
					s.t.Errorf("%v did not change %s", c.CID, k)
				}
			}
			if n != 0 {
				s.t.Errorf("the log of %s lacks %d commits", k, n)
			}
			s.compareBlame(b, name, k)
		}
	}
	if list := problems(s.t, s.e); len(list) > 0 {
		s.t.Error(list)
	}
}

func (s *story) compareBlame(b *Branch, name cid.Cid, k string) {
	got, err := b.Blame(ctx, []byte(k), BlameOptions{From: name})
	if errors.Is(err, ErrNotFound) {
		if _, ok := s.content[name][k]; ok {
			s.t.Errorf("blame does not find %s", k)
		}
		return
	}
	do(s.t, err)
	v, ok := s.content[name][k]
	if ok != (got.Value != nil) || ok && string(got.Value.Bytes) != v || !s.changes(got.Commit.CID, k) || !s.ancestors(name)[got.Commit.CID] {
		s.t.Errorf("blame of %s=%q: %+v", k, v, got)
	}
}

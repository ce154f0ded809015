package prolly

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestMachine runs random calls on a tree and on a sorted map, and compares every
// answer (P1, P6). rapid prints the failing sequence, made short, and the file
// that repeats it.
func TestMachine(t *testing.T) {
	steps := flag.Lookup("rapid.steps")
	before := steps.Value.String()
	if err := steps.Value.Set("200"); err != nil {
		t.Fatal(err)
	}
	defer steps.Value.Set(before)
	calls := 0
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine(t)
		count := func(f func(*rapid.T)) func(*rapid.T) {
			return func(t *rapid.T) {
				calls++
				f(t)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"apply":  count(m.apply),
			"get":    count(m.get),
			"range":  count(m.ranged),
			"at":     count(m.at),
			"rank":   count(m.rank),
			"diff":   count(m.diff),
			"reload": count(m.reload),
			"value":  count(m.open),
		})
	})
	t.Logf("%d calls", calls)
}

// machine is a tree, and what it ought to be.
type machine struct {
	ns    NodeStore
	tree  Tree
	model model
	shape string
	space int

	oldTree  Tree // as it was at some time
	oldModel model
}

func newMachine(t *rapid.T) *machine {
	m := &machine{ns: NewMemStore(), model: model{}, oldModel: model{}}
	m.shape = rapid.SampledFrom(shapes).Draw(t, "shape")
	m.space = rapid.SampledFrom([]int{5, 40, 400, 3000}).Draw(t, "space")
	m.tree, m.oldTree = Empty(m.ns), Empty(m.ns)
	return m
}

// sub makes what rapid need not shrink.
func sub(t *rapid.T) source {
	return source{rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))}
}

func (m *machine) key(t *rapid.T) []byte {
	return keyAt(m.shape, rapid.IntRange(0, m.space-1).Draw(t, "key"))
}

// some draws a key that has an entry; false when there is none.
func (m *machine) some(t *rapid.T) (int, string, bool) {
	keys := m.model.keys()
	if len(keys) == 0 {
		return 0, "", false
	}
	i := rapid.IntRange(0, len(keys)-1).Draw(t, "number")
	return i, keys[i], true
}

func (m *machine) apply(t *rapid.T) {
	if rapid.IntRange(0, 4).Draw(t, "remember") == 0 {
		m.oldTree, m.oldModel = m.tree, maps.Clone(m.model)
	}
	n := rapid.SampledFrom([]int{0, 1, 1, 3, 30, 300}).Draw(t, "edits")
	edits := sub(t).edits(m.shape, m.space, n)
	next, err := m.tree.Apply(ctx, edits)
	if err != nil {
		t.Fatal(err)
	}
	m.tree = next
	m.model.apply(edits)
	built, err := Build(ctx, m.ns, m.model.sorted())
	if err != nil {
		t.Fatal(err)
	}
	if m.tree.Root() != built.Root() || m.tree.Len() != uint64(len(m.model)) {
		t.Fatalf("%d entries under %v, want %d under %v", m.tree.Len(), m.tree.Root(), len(m.model), built.Root())
	}
}

func (m *machine) get(t *rapid.T) {
	k := m.key(t)
	want, ok := m.model[string(k)]
	if has, err := m.tree.Has(ctx, k); has != ok || err != nil {
		t.Fatalf("Has(%q): %v, %v, want %v", k, has, err, ok)
	}
	e, err := m.tree.Lookup(ctx, k)
	if ok != (err == nil) || err != nil && err != ErrNotFound {
		t.Fatalf("Lookup(%q): %v", k, err)
	}
	if ok && (e.Value.Link != want.Link || !bytes.Equal(e.Key, k)) {
		t.Fatalf("Lookup(%q): %v, want %v", k, e, want)
	}
	b, err := m.tree.Get(ctx, k)
	view := m.tree.View(ctx, k, func(v []byte) error {
		if !bytes.Equal(v, want.Bytes) {
			return fmt.Errorf("another value than expected: %q", v)
		}
		return nil
	})
	if view != err { // the sentinels come bare
		t.Fatalf("View(%q): %v, Get: %v", k, view, err)
	}
	switch {
	case !ok && err != ErrNotFound, ok && want.Link.Defined() && err != ErrIsLink,
		ok && !want.Link.Defined() && (err != nil || !bytes.Equal(b, want.Bytes)):
		t.Fatalf("Get(%q): %q, %v", k, b, err)
	}
}

func (m *machine) ranged(t *rapid.T) {
	r := sub(t).span(m.shape, m.space)
	var got []string
	for e, err := range m.tree.Range(ctx, r) {
		if err != nil {
			t.Fatal(err)
		}
		if want := m.model[string(e.Key)]; e.Value.Blob().Defined() != (len(want.Bytes) > 0 && e.Value.Bytes == nil) ||
			e.Value.Bytes != nil && !bytes.Equal(e.Value.Bytes, want.Bytes) || e.Value.Link != want.Link {
			t.Fatalf("another value under %q", e.Key)
		}
		got = append(got, string(e.Key))
	}
	if want := m.model.selected(r); !slices.Equal(got, want) {
		t.Fatalf("%d entries in %+v, want %d", len(got), r, len(want))
	}
}

func (m *machine) at(t *rapid.T) {
	i, k, ok := m.some(t)
	if !ok {
		i = rapid.IntRange(0, 3).Draw(t, "beyond")
	}
	e, err := m.tree.At(ctx, uint64(i))
	if ok && (err != nil || string(e.Key) != k) || !ok && err != ErrNotFound {
		t.Fatalf("At(%d): %q, %v, want %q", i, e.Key, err, k)
	}
}

func (m *machine) rank(t *rapid.T) {
	k := m.key(t)
	want, _ := slices.BinarySearch(m.model.keys(), string(k))
	if got, err := m.tree.Rank(ctx, k); got != uint64(want) || err != nil {
		t.Fatalf("Rank(%q): %d, %v, want %d", k, got, err, want)
	}
}

func (m *machine) diff(t *rapid.T) {
	r := sub(t).span(m.shape, m.space)
	r.Reverse = false
	want := map[string]bool{}
	both := maps.Clone(m.oldModel)
	maps.Copy(both, m.model)
	limit := r.Limit
	r.Limit = 0
	for _, k := range both.selected(r) {
		a, was := m.oldModel[k]
		b, is := m.model[k]
		if was != is || !bytes.Equal(a.Bytes, b.Bytes) || a.Link != b.Link {
			if want[k] = true; len(want) == limit {
				break
			}
		}
	}
	r.Limit = limit
	n := 0
	for c, err := range Diff(ctx, m.oldTree, m.tree, r) {
		if err != nil {
			t.Fatal(err)
		}
		_, was := m.oldModel[string(c.Key)]
		_, is := m.model[string(c.Key)]
		if !want[string(c.Key)] || (c.From != nil) != was || (c.To != nil) != is {
			t.Fatalf("Diff yields %q: was there %v, is %v", c.Key, was, is)
		}
		n++
	}
	if n != len(want) {
		t.Fatalf("%d changes, want %d", n, len(want))
	}
}

// reload opens the tree by its root CID, through a store that keeps no decoded
// nodes.
func (m *machine) reload(t *rapid.T) {
	loaded, err := Load(ctx, struct{ NodeStore }{m.ns}, m.tree.Root())
	if err != nil {
		t.Fatal(err)
	}
	if loaded.Len() != m.tree.Len() || loaded.Bytes() != m.tree.Bytes() || loaded.Height() != m.tree.Height() {
		t.Fatalf("loaded: %d entries, %d bytes, height %d", loaded.Len(), loaded.Bytes(), loaded.Height())
	}
	m.tree = loaded
}

// open reads a piece of a value.
func (m *machine) open(t *rapid.T) {
	_, k, ok := m.some(t)
	if !ok {
		return
	}
	want := m.model[k]
	r, err := m.tree.Open(ctx, []byte(k))
	if want.Link.Defined() {
		if err != ErrIsLink {
			t.Fatalf("Open(%q): %v", k, err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	from := rapid.IntRange(0, len(want.Bytes)).Draw(t, "from")
	if _, err := r.Seek(int64(from), io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want.Bytes[from:]) {
		t.Fatalf("value of %q from byte %d: %d bytes, %v, want %d", k, from, len(got), err, len(want.Bytes)-from)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

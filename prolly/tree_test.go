package prolly

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

var shapes = []string{"random", "sequential", "path", "long", "monotone"}

// randomModel holds about n entries.
func randomModel(s source, shape string, n int) model {
	m := model{}
	for range n {
		m[string(s.key(shape, 4*n+1))] = s.value()
	}
	return m
}

func mustBuild(t testing.TB, ns NodeStore, m model) Tree {
	t.Helper()
	tree, err := Build(ctx, ns, m.sorted())
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestBuildIsTheDefinition(t *testing.T) {
	for _, shape := range shapes {
		for seed, n := range []int{0, 1, 2, 3, 10, 40, 100, 400, 2000} {
			s := newSource(t, uint64(seed))
			m := randomModel(s, shape, n)
			checkTree(t, mustBuild(t, NewMemStore(), m), m)
		}
	}
}

func TestReadsAgainstModel(t *testing.T) {
	for seed, shape := range shapes {
		s := newSource(t, uint64(seed))
		m := randomModel(s, shape, 700)
		tree := mustBuild(t, NewMemStore(), m)
		keys := m.keys()
		for range 300 {
			k := s.key(shape, 2801)
			want, ok := m[string(k)]
			e, err := tree.Lookup(ctx, k)
			if ok && (err != nil || !sameValue(t, tree, e.Value, want)) || !ok && err != ErrNotFound {
				t.Fatalf("Lookup(%q): %v, %v", k, e, err)
			}
			b, err := tree.Get(ctx, k)
			switch {
			case !ok && err != ErrNotFound, ok && want.Link.Defined() && err != ErrIsLink,
				ok && !want.Link.Defined() && (err != nil || !bytes.Equal(b, want.Bytes)):
				t.Fatalf("Get(%q): %q, %v", k, b, err)
			}
			if has, err := tree.Has(ctx, k); has != ok || err != nil {
				t.Fatalf("Has(%q): %v, %v", k, has, err)
			}
			i, _ := slices.BinarySearch(keys, string(k))
			if r, err := tree.Rank(ctx, k); r != uint64(i) || err != nil {
				t.Fatalf("Rank(%q): %d, %v, want %d", k, r, err, i)
			}
			i = s.IntN(len(keys))
			if e, err := tree.At(ctx, uint64(i)); err != nil || string(e.Key) != keys[i] || !sameValue(t, tree, e.Value, m[keys[i]]) {
				t.Fatalf("At(%d): %q, %v, want %q", i, e.Key, err, keys[i])
			}
		}
		if _, err := tree.At(ctx, tree.Len()); err != ErrNotFound {
			t.Fatalf("At(Len): %v", err)
		}
	}
}

// selected is Range by definition.
func (m model) selected(r Range) []string {
	var out []string
	for _, k := range m.keys() {
		b := []byte(k)
		if bytes.Compare(b, r.From) >= 0 && (len(r.To) == 0 || bytes.Compare(b, r.To) < 0) && bytes.HasPrefix(b, r.Prefix) {
			out = append(out, k)
		}
	}
	if r.Reverse {
		slices.Reverse(out)
	}
	if r.Limit > 0 && len(out) > r.Limit {
		out = out[:r.Limit]
	}
	return out
}

// span draws a range.
func (s source) span(shape string, n int) Range {
	r := Range{Reverse: s.IntN(2) == 0}
	if s.IntN(2) == 0 {
		r.From = s.key(shape, n)
	}
	if s.IntN(2) == 0 {
		r.To = s.key(shape, n)
	}
	if s.IntN(3) == 0 {
		k := s.key(shape, n)
		r.Prefix = k[:1+s.IntN(len(k))]
	}
	if s.IntN(3) == 0 {
		r.Limit = 1 + s.IntN(50)
	}
	return r
}

func TestRangeAgainstModel(t *testing.T) {
	for seed, shape := range shapes {
		s := newSource(t, uint64(seed))
		for _, n := range []int{0, 1, 20, 700} {
			m := randomModel(s, shape, n)
			tree := mustBuild(t, NewMemStore(), m)
			for range 200 {
				r := s.span(shape, 4*n+1)
				var got []string
				for e, err := range tree.Range(ctx, r) {
					if err != nil {
						t.Fatal(err)
					}
					if !sameValue(t, tree, e.Value, m[string(e.Key)]) {
						t.Fatalf("wrong value under %q", e.Key)
					}
					got = append(got, string(e.Key))
				}
				if want := m.selected(r); !slices.Equal(got, want) {
					t.Fatalf("%d entries in %+v, want %d", len(got), r, len(want))
				}
			}
		}
	}
}

func TestBadInput(t *testing.T) {
	ns := NewMemStore()
	entries := func(es ...Entry) error {
		_, err := Build(ctx, ns, func(yield func(Entry, error) bool) {
			for _, e := range es {
				if !yield(e, nil) {
					return
				}
			}
		})
		return err
	}
	v := Value{Bytes: []byte("v")}
	for _, c := range []struct {
		err  error
		want error
	}{
		{entries(Entry{nil, v}), ErrKeyEmpty},
		{entries(Entry{make([]byte, codec.MaxKey+1), v}), ErrKeyTooLong},
		{entries(Entry{[]byte("b"), v}, Entry{[]byte("a"), v}), ErrUnsorted},
		{entries(Entry{[]byte("a"), v}, Entry{[]byte("a"), v}), ErrUnsorted},
		{entries(Entry{[]byte("a"), Value{Size: 9}}), ErrBadValue},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("got %v, want %v", c.err, c.want)
		}
	}
}

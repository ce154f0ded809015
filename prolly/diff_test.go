package prolly

import (
	"maps"
	"slices"
	"testing"
)

// edits draws n edits: inserts, updates of any size, deletes; all over, or in a
// cluster of neighbours where the shape is ordered.
func (s source) edits(shape string, space, n int) []Edit {
	var out []Edit
	base, width := 0, space
	if s.IntN(3) == 0 {
		width = min(space, 2*n)
		base = s.IntN(space - width + 1)
	}
	for range n {
		e := Edit{Key: keyAt(shape, base+s.IntN(width))}
		if s.IntN(3) == 0 {
			e.Delete = true
		} else {
			e.Value = s.value()
		}
		out = append(out, e)
	}
	return out
}

// changed is Diff by definition: the keys in r whose values differ.
func changed(t testing.TB, tree Tree, from, to model, r Range) []string {
	both := maps.Clone(from)
	maps.Copy(both, to)
	var out []string
	limit := r.Limit
	r.Limit = 0
	for _, k := range both.selected(r) {
		a, ok := from[k]
		b, ok2 := to[k]
		if ok != ok2 || !sameValue(t, tree, a, b) {
			out = append(out, k)
		}
	}
	if limit > 0 && len(out) > limit {
		out = out[:limit]
	}
	return out
}

func TestDiffAgainstModel(t *testing.T) {
	for seed, shape := range shapes {
		s := newSource(t, uint64(seed))
		for _, n := range []int{0, 1, 30, 900} {
			for _, edits := range []int{0, 1, 5, 100, 2000} {
				ns := NewMemStore()
				from := randomModel(s, shape, n)
				to := maps.Clone(from)
				to.apply(s.edits(shape, 4*n+1, edits))
				diffAgainst(t, s, shape, n, 20, [2]Tree{mustBuild(t, ns, from), mustBuild(t, ns, to)}, [2]model{from, to})
			}
		}
	}
}

// diffAgainst compares two trees, and spans of them, with their models.
func diffAgainst(t *testing.T, s source, shape string, n, spans int, trees [2]Tree, models [2]model) {
	t.Helper()
	for i := range spans {
		var r Range
		if i > 0 {
			r = s.span(shape, 4*n+1)
			r.Reverse = false
		}
		var got []string
		var st DiffStats
		for c, err := range DiffCounted(ctx, trees[0], trees[1], r, &st) {
			if err != nil {
				t.Fatal(err)
			}
			checkChange(t, trees[0], c, models[0], models[1])
			got = append(got, string(c.Key))
		}
		if want := changed(t, trees[0], models[0], models[1], r); !slices.Equal(got, want) {
			t.Fatalf("%s n=%d %+v: %d changes, want %d", shape, n, r, len(got), len(want))
		}
		if st.NodesRead > st.NodesDiffering && i == 0 {
			t.Fatalf("read %d nodes where %d differ", st.NodesRead, st.NodesDiffering)
		}
	}
}

func checkChange(t testing.TB, tree Tree, c Change, from, to model) {
	t.Helper()
	for _, x := range []struct {
		got  *Value
		from model
	}{{c.From, from}, {c.To, to}} {
		want, ok := x.from[string(c.Key)]
		if ok != (x.got != nil) || ok && !sameValue(t, tree, *x.got, want) {
			t.Fatalf("wrong change of %q", c.Key)
		}
	}
}

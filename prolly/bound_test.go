package prolly

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

// gapped tells whether a check turns the tree down for its gaps.
func gapped(t *testing.T, tree Tree, most uint64) bool {
	t.Helper()
	found := false
	err := tree.Check(ctx, CheckOptions{MaxGap: most}, func(p Problem) error {
		if !errors.Is(p, ErrTooLarge) {
			return p
		}
		found = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestWithin: Build and Apply within limits refuse what a check of the result
// turns down, and nothing else, and make the same tree otherwise.
func TestWithin(t *testing.T) {
	s := newSource(t, 5)
	falling := fallingKeys(400)
	refused, made := 0, 0
	for round := range 60 {
		m := randomModel(s, "random", 500+s.IntN(3000))
		ns := NewMemStore()
		base := mustBuild(t, ns, m)
		most := uint64(maxWeight) * uint64(2+s.IntN(4))
		l := Limits{MaxGap: most}
		if got, err := BuildWithin(ctx, ns, m.sorted(), l); gapped(t, base, most) != errors.Is(err, ErrGap) || err == nil && got.Root() != base.Root() {
			t.Fatalf("round %d: a build within %d: %v", round, most, err)
		}
		if gapped(t, base, most) {
			refused++
			continue
		}
		for range 4 {
			edits := someEdits(s, m, falling)
			want, err := base.Apply(ctx, edits)
			if err != nil {
				t.Fatal(err)
			}
			heavy := gapped(t, want, most)
			got, err := base.ApplyWithin(ctx, edits, l)
			if heavy != errors.Is(err, ErrGap) || !heavy && (err != nil || got.Root() != want.Root()) {
				t.Fatalf("round %d: edits within %d: %v; a check refuses: %v", round, most, err, heavy)
			}
			if !heavy {
				base = got
				made++
			} else {
				refused++
			}
		}
	}
	t.Logf("%d refused, %d made", refused, made)
	if refused < 20 || made < 20 {
		t.Error("too much of one kind to show anything")
	}
}

// someEdits puts, and now and then deletes; some of the keys are made against
// the hash.
func someEdits(s source, m model, falling [][]byte) (edits []Edit) {
	from := s.IntN(len(falling))
	for _, k := range falling[from : from+s.IntN(len(falling)-from)] {
		edits = append(edits, Edit{Key: k, Value: Value{Bytes: recipeBytes(fmt.Sprint(s.IntN(100)), 100+s.IntN(700))}})
	}
	keys := m.keys()
	for _, k := range keys[:min(len(keys), 100)] {
		edits = append(edits, Edit{Key: []byte(k), Delete: s.IntN(2) == 0, Value: Value{Bytes: s.bytes(s.IntN(300))}})
	}
	slices.SortFunc(edits, func(a, b Edit) int { return slices.Compare(a.Key, b.Key) })
	return edits
}

package prolly

import (
	"flag"
	"runtime"
	"testing"
)

var long = flag.Bool("long", false, "run the long form of the property tests")

// TestIncrementalIsRebuilt applies random batches to stored trees and compares
// each result with the tree built of the same content (P1).
func TestIncrementalIsRebuilt(t *testing.T) {
	rounds := 6
	if *long {
		rounds = 400
	}
	for seed := range rounds {
		for _, shape := range shapes {
			s := newSource(t, uint64(seed)*16+uint64(len(shape)))
			incremental(t, s, shape, 40)
		}
	}
}

// TestManyPasses makes small batches go through several passes.
func TestManyPasses(t *testing.T) {
	defer func(edits, procs int) {
		editsAPass = edits
		runtime.GOMAXPROCS(procs)
	}(editsAPass, runtime.GOMAXPROCS(4))
	editsAPass = 1
	for seed := range 8 {
		for _, shape := range shapes {
			incremental(t, newSource(t, uint64(seed)*16+uint64(len(shape))), shape, 40)
		}
	}
}

func incremental(t *testing.T, s source, shape string, batches int) {
	ns := NewMemStore()
	space := []int{10, 60, 300, 3000, 20000}[s.IntN(5)]
	m := model{}
	tree := Empty(ns)
	if s.IntN(2) == 0 {
		m = randomModel(s, shape, space/4)
		tree = mustBuild(t, ns, m)
	}
	for b := range batches {
		n := []int{1, 1, 2, 10, 100, space / 2}[s.IntN(6)]
		edits := s.edits(shape, space, n)
		if s.IntN(8) == 0 { // shrink, perhaps to nothing
			for i := range edits {
				edits[i].Delete = true
			}
			for _, k := range m.keys() {
				if s.IntN(10) > 0 {
					edits = append(edits, Edit{Key: []byte(k), Delete: true})
				}
			}
		}
		next, err := tree.Apply(ctx, edits)
		if err != nil {
			t.Fatalf("batch %d: %v", b, err)
		}
		m.apply(edits)
		want := mustBuild(t, ns, m)
		if next.Root() != want.Root() {
			t.Fatalf("%s: batch %d of %d edits on %d entries: root differs from the rebuilt tree", shape, b, n, tree.Len())
		}
		if next.Len() != want.Len() || next.Bytes() != want.Bytes() || next.Height() != want.Height() {
			t.Fatalf("batch %d: sums %d/%d/%d, want %d/%d/%d", b, next.Len(), next.Bytes(), next.Height(), want.Len(), want.Bytes(), want.Height())
		}
		tree = next
	}
}

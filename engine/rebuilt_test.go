package engine

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

var rebuiltRounds = flag.Int("rebuilt.rounds", 40, "batches that TestFoldIsRebuilt folds; 1600 make over a million edits")

// TestFoldIsRebuilt folds random batches on Pebble, with a cache too small for
// the tree and reopening now and then, and compares each root with that of a tree
// built in memory of the same content.
func TestFoldIsRebuilt(t *testing.T) {
	ctx := context.Background()
	const seed = 11
	r := rand.New(rand.NewPCG(seed, 2))
	dir := filepath.Join(t.TempDir(), "store")
	open := func() (*Engine, *Branch) {
		e, err := Open(dir, &Options{CacheBytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		b, err := e.Branch(ctx, "main")
		if err != nil {
			t.Fatal(err)
		}
		return e, b
	}
	e, b := open()
	want := map[string]string{}
	edited := 0
	for round := range *rebuiltRounds {
		if r.IntN(10) == 0 {
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
			e, b = open()
		}
		edits := rebuiltBatch(r, want)
		edited += len(edits)
		if err := b.Apply(ctx, edits, NoSync); err != nil {
			t.Fatal(err)
		}
		root, err := b.Fold(ctx)
		if err != nil {
			t.Fatal(err)
		}
		built, err := prolly.Build(ctx, prolly.NewMemStore(), func(yield func(prolly.Entry, error) bool) {
			for _, k := range slices.Sorted(maps.Keys(want)) {
				if !yield(prolly.Entry{Key: []byte(k), Value: prolly.Value{Bytes: []byte(want[k])}}, nil) {
					return
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if root != built.Root() {
			t.Fatalf("seed %d, round %d, %d edits on %d entries: the folded root is not that of the rebuilt tree", seed, round, len(edits), len(want))
		}
	}
	t.Logf("%d edits, %d roots equal to the rebuilt tree's", edited, *rebuiltRounds)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

// rebuiltBatch draws edits: inserts, deletes and resizes, all over or among
// neighbours, sometimes of nearly everything.
func rebuiltBatch(r *rand.Rand, want map[string]string) []prolly.Edit {
	const space = 6000
	n := []int{1, 3, 30, 300, 2000}[r.IntN(5)]
	base, width := 0, space
	if r.IntN(3) == 0 {
		width = min(space, 2*n)
		base = r.IntN(space - width + 1)
	}
	shrink := r.IntN(12) == 0
	var edits []prolly.Edit
	for range n {
		k := fmt.Sprintf("/dir%d/%05d", (base+r.IntN(width))%7, base+r.IntN(width))
		e := prolly.Edit{Key: []byte(k), Delete: shrink || r.IntN(3) == 0}
		if e.Delete {
			delete(want, k)
		} else {
			size := r.IntN(150)
			if r.IntN(200) == 0 {
				size = 1200 + r.IntN(200)
			}
			v := make([]byte, size)
			for i := range v {
				v[i] = byte(r.Uint32())
			}
			e.Value = prolly.Value{Bytes: v}
			want[k] = string(v)
		}
		edits = append(edits, e)
	}
	if shrink {
		for _, k := range slices.Sorted(maps.Keys(want)) {
			if r.IntN(20) > 0 {
				edits = append(edits, prolly.Edit{Key: []byte(k), Delete: true})
				delete(want, k)
			}
		}
	}
	return edits
}

package engine

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// TestFoldInRuns: a fold of more than is applied at once, from several layers,
// into an empty tree and into one that is not, arrives at the tree of the
// content (E3).
func TestFoldInRuns(t *testing.T) {
	defer func(n int) { foldRun = n }(foldRun)
	foldRun = 64
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 21))
		open := memory()
		e := start(t, open, nil)
		b := must(e.Branch(ctx, "main"))(t)
		c := content{}
		for range 3 {
			for range 1 + r.IntN(4) { // layers
				edits := voyageEdits(r, 1+r.IntN(400))
				do(t, b.Apply(ctx, edits, NoSync))
				c.apply(edits)
				do(t, b.fold.lock(ctx))
				b.freeze()
				b.fold.unlock()
			}
			if root := must(b.Fold(ctx))(t); root != c.root(t) {
				t.Fatalf("seed %d: root %v, want %v", seed, root, c.root(t))
			}
			compareRange(t, b.Range(ctx, prolly.Range{}), c, prolly.Range{})
		}
		do(t, e.Close())
	}
}

// TestFoldIsDeferred: while a tree is small, nothing is folded in the background
// before the most is nearly staged; a large tree is folded into sooner.
func TestFoldIsDeferred(t *testing.T) {
	for _, c := range []struct {
		o     Options
		treeB int // bytes in the tree
		from  int64
	}{
		{Options{StagingBytes: 8 << 10}, 0, 8 << 10},
		{Options{StagingBytes: 8 << 10, MaxStagingBytes: 64 << 10}, 0, 56 << 10},
		{Options{StagingBytes: 8 << 10, MaxStagingBytes: 64 << 10}, 500 << 10, 56 << 10},
		{Options{StagingBytes: 8 << 10, MaxStagingBytes: 64 << 10}, 1100 << 10, 8 << 10},
		{Options{MaxStagingBytes: 10 << 10}, 0, 5 << 10},
		{Options{CacheBytes: 1 << 20}, 0, 32 << 20},
		{Options{CacheBytes: 224 << 20}, 0, 224 << 20},
	} {
		e := startTest(t, memory(), &c.o)
		b := must(e.Branch(ctx, "main"))(t)
		_, err := b.Load(ctx, func(yield func(prolly.Entry, error) bool) {
			for i := range c.treeB >> 10 {
				if !yield(prolly.Entry{Key: fmt.Appendf(nil, "%08d", i), Value: prolly.Value{Bytes: make([]byte, 1016)}}, nil) {
					return
				}
			}
		})
		do(t, err)
		if from := b.foldFrom(); from != c.from {
			t.Errorf("%+v, tree of %d bytes: folds begin at %d, want %d", c.o, c.treeB, from, c.from)
		}
		if most := b.e.o.MaxStagingBytes; most < c.from {
			t.Errorf("at most %d", most)
		}
	}
}

// TestStagedLoadWritesOnce: entries staged in random order, of which folds in
// the background would each write the whole tree, are written about once.
func TestStagedLoadWritesOnce(t *testing.T) {
	const n, batch = 20_000, 1_000
	written := func(o *Options, bytes uint64) float64 {
		e := startTest(t, memory(), o)
		b := must(e.Branch(ctx, "main"))(t)
		for i := range uint64(n / batch) {
			var edits []prolly.Edit
			for j := i * batch; j < (i+1)*batch; j++ {
				edits = append(edits, prolly.Edit{Key: benchKey(nil, j), Value: prolly.Value{Bytes: benchValue}})
			}
			do(t, b.Apply(ctx, edits, NoSync))
		}
		must(b.Fold(ctx))(t)
		return float64(e.Stats().NodeWriteBytes) / float64(bytes)
	}
	const size = n * (62 + 100)
	once, often := written(&Options{StagingBytes: 512 << 10, MaxStagingBytes: 8 << 20}, size), written(&Options{StagingBytes: 512 << 10}, size)
	t.Logf("bytes of nodes for each byte of entries: %.2f; where little may be staged %.2f", once, often)
	if once > 1.2 || often < 1.5 {
		t.Errorf("%.2f and %.2f times the entries", once, often)
	}
}

package engine

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/kv/memkv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// TestMend: inner nodes of a tree that are damaged, the root among them, are made again
// from its leaves, so that all commits of its history are as they were, whether versions
// differ in few leaves or in most. Where too much is missing to find the proof, each entry
// is in another version or on a branch of what was found.
func TestMend(t *testing.T) {
	seeds := 30
	if testing.Short() {
		seeds = 8
	}
	damaged, mended, whole := 0, uint64(0), 0
	for seed := range seeds {
		d, done := mendOnce(t, uint64(seed))
		damaged, mended = damaged+d, mended+done.Mended
		if done.Losses == 0 && done.Same == done.Commits {
			whole++
		}
	}
	t.Logf("%d inner nodes damaged, %d made; %d of %d stores as they were", damaged, mended, whole, seeds)
	if whole < seeds*2/3 {
		t.Error("these are few")
	}
}

func mendOnce(t *testing.T, seed uint64) (damaged int, done Salvaged) {
	r := rand.New(rand.NewPCG(seed, 17))
	disk, x := memkv.NewDisk(memkv.Options{MovingHints: true}), &tampered{}
	e := must(New(must(disk.Open())(t), nil))(t)
	b := must(e.Branch(ctx, "main"))(t)
	edits := []int{3, 40, 400}[r.IntN(3)]
	var roots []prolly.Addr
	do(t, b.Apply(ctx, mendEdits(r, 4000), NoSync))
	for i := range 6 {
		do(t, b.Apply(ctx, mendEdits(r, edits), NoSync))
		must(b.Commit(ctx, CommitOptions{Message: fmt.Sprint(i)}))(t)
		roots = append(roots, b.state.Load().trees[theTree].Addr())
	}
	want := elsewhere(t, e)
	bad := map[codec.Hash]bool{}
	tree := must(prolly.LoadAt(ctx, e.nodes, roots[r.IntN(len(roots))]))(t)
	share := 1 + r.IntN(4)
	do(t, tree.Walk(ctx, func(a prolly.Addr, n *prolly.Node) error {
		if n.Level() > 0 && r.IntN(4) < share {
			bad[a.Hash] = true
		}
		return nil
	}))
	do(t, e.Close())
	x.node = func(h codec.Hash, _ kv.Hint, n kv.Node) (kv.Node, error) {
		if bad[h] {
			n.Block = append([]byte{1}, n.Block...)
		}
		return n, nil
	}
	src := must(New(must(x.opener(func() (kv.Store, error) { return disk.Open() })())(t), &Options{ReadOnly: true}))(t)
	dst := must(New(memkv.New(), nil))(t)
	done = must(Salvage(ctx, src, dst, func(Loss) {}))(t)
	all := elsewhere(t, dst)
	for x := range want {
		if !all[x] {
			t.Fatalf("seed %d: %q = %q is nowhere: %+v", seed, x[0], x[1], done)
		}
	}
	do(t, dst.Check(ctx, func(p Problem) { t.Errorf("seed %d: the copy: %v", seed, p) }))
	do(t, src.Close())
	do(t, dst.Close())
	return len(bad), done
}

// mendEdits puts and deletes keys in a tree of three levels.
func mendEdits(r *rand.Rand, n int) (edits []prolly.Edit) {
	for range n {
		e := prolly.Edit{Key: fmt.Appendf(nil, "a somewhat long key, for few to a node, %06d", r.IntN(20000)), Delete: r.IntN(4) == 0}
		if !e.Delete {
			e.Value = prolly.Value{Bytes: fmt.Append(nil, r.Uint64())}
		}
		edits = append(edits, e)
	}
	return edits
}

package prolly

import (
	"context"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

func problems(t testing.TB, tree Tree) []Problem {
	var out []Problem
	err := tree.Check(ctx, CheckOptions{Blobs: true}, func(p Problem) error {
		out = append(out, p)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestCheckPassesWhatBuildMakes(t *testing.T) {
	for seed, shape := range shapes {
		s := newSource(t, uint64(seed))
		for _, n := range []int{0, 1, 30, 2000} {
			tree := mustBuild(t, NewMemStore(), randomModel(s, shape, n))
			if ps := problems(t, tree); len(ps) > 0 {
				t.Fatalf("%s, %d entries: %v", shape, n, ps[0])
			}
		}
	}
}

// Right content in a wrong shape: trees with a cut that the rule does not make.
func TestCheckFindsWrongShape(t *testing.T) {
	s := newSource(t, 1)
	ns := NewMemStore()
	m := randomModel(s, "sequential", 2000)
	leaves := m.leaves(t, ns)
	for name, spoil := range map[string]func(cuts []int) []int{
		"a cut one late":  func(c []int) []int { c[3]++; return c },
		"a cut too many":  func(c []int) []int { return append(c[:4:4], append([]int{c[3] + 1}, c[4:]...)...) },
		"the last one":    func(c []int) []int { c[len(c)-1]--; return c },
		"nothing spoiled": func(c []int) []int { return c },
	} {
		b := newBuilder(ctx, ns)
		for i := range leaves {
			lb, err := b.level(0)
			if err != nil {
				t.Fatal(err)
			}
			lb.items.leaf = append(lb.items.leaf, leaves[i])
		}
		var p1 []uint64
		var weights []int
		for i := range leaves {
			p1 = append(p1, priority1(0, leaves[i].Key))
			weights = append(weights, leafWeight(&leaves[i]))
		}
		cuts := append(spoil(chunkAll(p1, weights)), len(leaves))
		for k, lo := range cuts[:len(cuts)-1] {
			c, err := b.w.write(&b.levels[0].items, lo, cuts[k+1])
			if err != nil {
				t.Fatal(err)
			}
			if err := b.addChild(1, c); err != nil {
				t.Fatal(err)
			}
		}
		b.levels[0].items.reset(0)
		tree, err := b.finish()
		if err != nil {
			t.Fatal(err)
		}
		tree, err = Load(ctx, ns, tree.Root())
		if err != nil {
			t.Fatal(err)
		}
		ps := problems(t, tree)
		if (len(ps) > 0) != (name != "nothing spoiled") {
			t.Errorf("%s: %v", name, ps)
		}
	}
}

// flipped answers one node with a bit changed.
type flipped struct {
	NodeStore
	h codec.Hash
}

func (f flipped) ReadNode(ctx context.Context, a Addr) ([]byte, []Hint, error) {
	b, hints, err := f.NodeStore.ReadNode(ctx, a)
	if a.Hash == f.h {
		b = append([]byte{}, b...)
		b[len(b)/2] ^= 4
	}
	return b, hints, err
}

func TestCheckNamesTheDamage(t *testing.T) {
	s := newSource(t, 2)
	ns := NewMemStore()
	tree := mustBuild(t, ns, randomModel(s, "path", 3000))
	err := tree.Walk(ctx, func(a Addr, n *Node) error {
		var got []Problem
		bad := tree.In(flipped{ns, a.Hash})
		err := bad.Check(ctx, CheckOptions{}, func(p Problem) error {
			got = append(got, p)
			return nil
		})
		if err != nil {
			return err
		}
		if len(got) == 0 || got[0].Node != a.Hash {
			t.Errorf("damage of a level-%d node: %v", n.Level(), got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

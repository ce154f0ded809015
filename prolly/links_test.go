package prolly

import (
	"sync"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// linkNodes makes an inner node, and a copy of it, over n leaves.
func linkNodes(t *testing.T, n int) (parent, copy *Node, leaves []*Node) {
	var entries []codec.InnerEntry
	for i := range n {
		key := []byte{'k', byte(i)}
		block := codec.AppendLeaf(nil, []codec.LeafEntry{{Key: key}})
		leaf, err := NewNode(block, nil)
		if err != nil {
			t.Fatal(err)
		}
		leaves = append(leaves, leaf)
		entries = append(entries, codec.InnerEntry{Key: key, Child: codec.Sum(block), Count: 1, Bytes: 2})
	}
	block := codec.AppendInner(nil, 1, entries)
	parent, err := NewNode(block, nil)
	if err != nil {
		t.Fatal(err)
	}
	if copy, err = NewNode(block, nil); err != nil {
		t.Fatal(err)
	}
	return parent, copy, leaves
}

// TestRemember: one parent at most remembers a node, and none does that the
// cache has let go, in whatever order things happen.
func TestRemember(t *testing.T) {
	a, b, leaves := linkNodes(t, 3)
	want := func(what string, n *Node, i int, child *Node) {
		t.Helper()
		if got := n.Recall(i); got != child {
			t.Errorf("%s: child %d is %p, want %p", what, i, got, child)
		}
	}
	want("before", a, 0, nil)
	a.Remember(0, leaves[0])
	a.Remember(2, leaves[2])
	want("remembered", a, 0, leaves[0])
	want("another", a, 1, nil)
	b.Remember(0, leaves[0])
	want("taken by the copy", a, 0, nil)
	want("taken by the copy", b, 0, leaves[0])
	leaves[0].Forget()
	want("forgotten", b, 0, nil)
	b.Remember(0, leaves[0])
	want("forgotten for good", b, 0, nil)

	_, _, again := linkNodes(t, 3)
	b.Remember(0, again[0])
	leaves[0].Forget()
	want("a copy in its place", b, 0, again[0])
	a.Remember(2, again[2])
	leaves[2].Forget()
	want("put over another", a, 2, again[2])
	again[2].Forget()
	want("the last", a, 2, nil)
}

// TestTakeLinks: what is made of a node remembers what that one did, but for what
// is new in it; the old one does no more, and learns anew. Whoever recalls children of
// the old one meanwhile gets those or none.
func TestTakeLinks(t *testing.T) {
	for round := range 300 {
		old, made, leaves := linkNodes(t, 3)
		_, _, others := linkNodes(t, 3)
		for i, leaf := range leaves {
			old.Remember(i, leaf)
		}
		if round%2 == 0 {
			others[1].Forget() // it left the cache at once
		}
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() {
				for range 20 {
					if c := old.Recall(1); c != nil && c != leaves[1] {
						t.Error("the new child of another node")
					}
				}
			})
		}
		all.Go(func() { old.Remember(1, leaves[1]) })
		made.takeLinks(old)
		made.relink(1, others[1])
		made.relink(2, nil)
		all.Wait()
		second := others[1]
		if round%2 == 0 {
			second = nil
		}
		if made.Recall(0) != leaves[0] || made.Recall(1) != second || made.Recall(2) != nil {
			t.Fatal("other children are remembered than were taken over")
		}
		if old.Recall(0) != nil || old.Recall(2) != nil {
			t.Fatal("the old node remembers what was taken over")
		}
		for _, n := range append(leaves, others[1]) {
			n.Forget()
		}
		for i := range leaves {
			if made.Recall(i) != nil || old.Recall(i) != nil {
				t.Fatal("a node that left the cache is remembered")
			}
		}
	}
}

// TestRememberAtOnce: after Forget nothing leads to a node, although others
// remember it meanwhile.
func TestRememberAtOnce(t *testing.T) {
	for range 200 {
		a, b, leaves := linkNodes(t, 4)
		_, _, copies := linkNodes(t, 4)
		var all sync.WaitGroup
		for _, parent := range []*Node{a, b} {
			for i := range leaves {
				all.Go(func() { parent.Remember(i, leaves[i]) })
				all.Go(func() { parent.Remember(i, copies[i]) })
				all.Go(func() { parent.Recall(i) })
			}
		}
		for i := range leaves {
			all.Go(leaves[i].Forget)
		}
		all.Wait()
		for i := range leaves {
			for _, parent := range []*Node{a, b} {
				if parent.Recall(i) == leaves[i] {
					t.Fatal("a node that left the cache is remembered")
				}
			}
			copies[i].Forget()
			if a.Recall(i) != nil || b.Recall(i) != nil {
				t.Fatal("a node that left the cache is remembered")
			}
		}
	}
}

package prolly

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestAssemble: the leaves of a tree make its inner nodes again, and so its root.
func TestAssemble(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{0, 1, 40, 1000, 20000} {
		ns := NewMemStore()
		tree, err := Build(t.Context(), ns, func(yield func(Entry, error) bool) {
			for i := range n {
				if !yield(Entry{Key: fmt.Appendf(nil, "key/%07d", i), Value: Value{Bytes: make([]byte, r.IntN(200))}}, nil) {
					return
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		var leaves []Child
		err = tree.Walk(t.Context(), func(a Addr, n *Node) error {
			if n.Level() == 0 && n.Len() > 0 {
				entries, bytes := n.Sums()
				leaves = append(leaves, Child{n.AppendKey(nil, 0), a, entries, bytes})
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		made, err := Assemble(t.Context(), NewMemStore(), each(leaves))
		if err != nil || made.Root() != tree.Root() || made.Len() != tree.Len() {
			t.Errorf("%d entries: %v with %d, %v; want %v", n, made.Root(), made.Len(), err, tree.Root())
		}
		if len(leaves) < 3 {
			continue
		}
		if made, err := Assemble(t.Context(), NewMemStore(), each(leaves[1:])); err != nil || made.Root() == tree.Root() {
			t.Errorf("%d entries: without a leaf: %v, %v", n, made.Root(), err)
		}
		leaves[0], leaves[1] = leaves[1], leaves[0]
		if _, err := Assemble(t.Context(), NewMemStore(), each(leaves)); !errors.Is(err, ErrUnsorted) {
			t.Errorf("%d entries: out of order: %v", n, err)
		}
	}
}

func each(list []Child) func(yield func(Child, error) bool) {
	return func(yield func(Child, error) bool) {
		for _, c := range list {
			if !yield(c, nil) {
				return
			}
		}
	}
}

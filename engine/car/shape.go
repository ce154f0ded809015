package car

import (
	"context"
	"errors"
	"fmt"
	"slices"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// shape makes sure that t is the tree that its entries make: the changes that
// lead to it from a tree of which that is known must make it again, or, when
// these are many, all its entries.
func (m *importer) shape(t prolly.Tree, have bases) error {
	if i := slices.IndexFunc(have, func(b *base) bool { return b.tree.Len() > 0 }); i >= 0 {
		if done, err := m.reapply(have[i].tree.In(m.ns), t); done || err != nil {
			return err
		}
	}
	again, err := prolly.Build(m.ctx, nowhere{m.ns}, t.Range(m.ctx, prolly.Range{}))
	if errors.Is(err, prolly.ErrUnsorted) {
		return fmt.Errorf("%w: %w", ErrShape, err)
	}
	if err != nil {
		return err
	}
	return compare(t, again)
}

func compare(t, again prolly.Tree) error {
	if t.Root() != again.Root() {
		return fmt.Errorf("%w: the entries of %v make %v", ErrShape, t.Root(), again.Root())
	}
	return nil
}

const (
	// reapplied is how many changes are applied at once.
	reapplied = 4096
	// reapplyShare: beyond one change in so many entries a tree is built anew.
	reapplyShare = 4
)

// reapply applies the changes from a tree to t, part by part, and compares. It
// is not done when there are too many.
func (m *importer) reapply(from, t prolly.Tree) (done bool, err error) {
	w := &overlay{NodeStore: m.ns, nodes: map[codec.Hash]overlaid{}}
	again := from.In(w)
	most := reapplied + t.Len()/reapplyShare
	var edits []prolly.Edit
	n := uint64(0)
	for c, err := range prolly.Diff(m.ctx, from, t, prolly.Range{}) {
		if err != nil {
			return false, err
		}
		if n++; n > most {
			return false, nil
		}
		c = c.Clone()
		e := prolly.Edit{Key: c.Key, Delete: c.To == nil}
		if c.To != nil {
			e.Value = *c.To
		}
		if edits = append(edits, e); len(edits) == reapplied {
			if again, err = again.Apply(m.ctx, edits); err != nil {
				return false, err
			}
			edits = edits[:0]
		}
	}
	if again, err = again.Apply(m.ctx, edits); err != nil {
		return false, err
	}
	return true, compare(t, again)
}

// nowhere drops what is written.
type nowhere struct{ prolly.NodeStore }

func (nowhere) WriteNode(context.Context, codec.Hash, []byte, []prolly.Hint) (prolly.Hint, error) {
	return prolly.Hint{}, nil
}

func (nowhere) WriteBlob(context.Context, cid.Cid, []byte) error { return nil }

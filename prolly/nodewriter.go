package prolly

import (
	"context"
	"fmt"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// nodeWriter encodes, hashes and stores nodes, one after the other.
type nodeWriter struct {
	ctx   context.Context
	ns    NodeStore
	block []byte // scratch
}

// child is a finished node as its parent needs it.
type child struct {
	codec.InnerEntry
	hint Hint
}

func (c child) addr() Addr { return Addr{c.Child, c.hint} }

// write makes a node of items [lo, hi).
func (w *nodeWriter) write(s *items, lo, hi int) (child, error) {
	c := child{}
	c.Key = s.key(lo)
	c.Count, c.Bytes = s.sums(lo, hi)
	if c.Count > codec.MaxSum || c.Bytes > codec.MaxSum {
		return c, ErrTooLarge
	}
	var hints []Hint
	if s.level == 0 {
		w.block = codec.AppendLeaf(w.block[:0], s.leaf[lo:hi])
	} else {
		w.block = codec.AppendInner(w.block[:0], s.level, s.inner[lo:hi])
		hints = s.hints[lo:hi]
	}
	return c, w.store(&c, hints)
}

// store hashes and stores the scratch block, and completes c.
func (w *nodeWriter) store(c *child, hints []Hint) error {
	c.Child = codec.Sum(w.block)
	hint, err := w.ns.WriteNode(w.ctx, c.Child, w.block, hints)
	if err != nil {
		return fmt.Errorf("prolly: write node: %w", err)
	}
	c.hint = hint
	return nil
}

// replaced tells the store that a node of the old tree is not in the new one.
func (w *nodeWriter) replaced(h codec.Hash) {
	if r, ok := w.ns.(NodeReplacer); ok {
		r.NodeReplaced(h)
	}
}

// empty stores the node of the empty tree, so that walkers of the store find it.
func (w *nodeWriter) empty() (Addr, error) {
	w.block = append(w.block[:0], codec.EmptyLeaf()...)
	c := child{}
	err := w.store(&c, nil)
	return c.addr(), err
}

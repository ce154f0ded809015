package prolly

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// nodeWriter encodes, hashes and stores nodes, one after the other.
type nodeWriter struct {
	ctx   context.Context
	ns    NodeStore
	block []byte // scratch

	old []Replaced // nodes of the old tree that the new one has no place for
}

// child is a finished node as its parent needs it.
type child struct {
	codec.InnerEntry
	hint Hint
	node *Node // if it is known: the node, which a cache holds
}

func (c child) addr() Addr { return Addr{c.Child, c.hint} }

// child says what a parent needs to know of a node of items [lo, hi), but for
// its hash and place.
func (s *items) child(lo, hi int) (c child, err error) {
	c.Key = s.key(lo)
	c.Count, c.Bytes = s.sums(lo, hi)
	if c.Count > codec.MaxSum || c.Bytes > codec.MaxSum {
		err = ErrTooLarge
	}
	return c, err
}

// write makes a node of items [lo, hi).
func (w *nodeWriter) write(s *items, lo, hi int) (child, error) {
	c, err := s.child(lo, hi)
	if err != nil {
		return c, err
	}
	var hints []Hint
	if s.level == 0 {
		w.block = codec.AppendLeaf(w.block[:0], s.leaf[lo:hi])
	} else {
		w.block = codec.AppendInner(w.block[:0], s.level, s.inner[lo:hi])
		hints = s.hints[lo:hi]
	}
	return c, w.put(&c, w.block, hints)
}

// put hashes and stores a block, and completes c.
func (w *nodeWriter) put(c *child, block []byte, hints []Hint) error {
	c.Child = codec.Sum(block)
	if t, ok := w.ns.(NodeTaker); ok && (len(hints) > 0 || t.TakesLeaves()) {
		n := &Node{Node: codec.ViewNode(bytes.Clone(block))}
		if n.Level() > 0 {
			n.hints = slices.Clone(hints)
		}
		return w.give(c, t, n)
	}
	return w.store(c, block, hints)
}

// store gives a block to the store.
func (w *nodeWriter) store(c *child, block []byte, hints []Hint) (err error) {
	if c.hint, err = w.ns.WriteNode(w.ctx, c.Child, block, hints); err != nil {
		return fmt.Errorf("prolly: write node: %w", err)
	}
	return nil
}

// give gives a node to a store that takes it as it is.
func (w *nodeWriter) give(c *child, t NodeTaker, n *Node) (err error) {
	if c.hint, err = t.TakeNode(w.ctx, c.Child, n); err != nil {
		return fmt.Errorf("prolly: write node: %w", err)
	}
	c.node = n
	return nil
}

// putNode is put for a node that nobody else has.
func (w *nodeWriter) putNode(c *child, n *Node) error {
	c.Child = codec.Sum(n.Block())
	if t, ok := w.ns.(NodeTaker); ok && (n.Level() > 0 || t.TakesLeaves()) {
		return w.give(c, t, n)
	}
	return w.store(c, n.Block(), n.hints)
}

// replaced notes that a node of the old tree is not in the new one.
func (w *nodeWriter) replaced(h codec.Hash, n *Node) { w.old = append(w.old, Replaced{h, n}) }

// tell tells the store which nodes were replaced.
func (w *nodeWriter) tell() {
	if r, ok := w.ns.(NodeReplacer); ok && len(w.old) > 0 {
		r.NodesReplaced(w.old)
	}
	clear(w.old)
	w.old = w.old[:0]
}

// empty stores the node of the empty tree, so that walkers of the store find it.
func (w *nodeWriter) empty() (Addr, error) {
	w.block = append(w.block[:0], codec.EmptyLeaf()...)
	c := child{}
	err := w.put(&c, w.block, nil)
	return c.addr(), err
}

package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// checkedNode is what a node must be to those above it.
type checkedNode struct {
	hash           codec.Hash
	ok             bool // nothing at or below it is wrong but, perhaps, blobs; what is wrong was reported
	whole          bool // nor are those
	level          int
	first, last    []byte
	entries, bytes uint64
	weight         int
	branch         string // through which it was met
}

func newCheckedNode(h codec.Hash, n *prolly.Node, branch string) *checkedNode {
	r := &checkedNode{hash: h, level: n.Level(), weight: n.Weight(), branch: branch}
	r.entries, r.bytes = n.Sums()
	if n.Len() > 0 {
		r.first = n.AppendKey(nil, 0)
	}
	return r
}

// root checks a tree; and, if all nodes of it are there, by cuts that they begin
// where the format has them begin.
func (c *check) root(a prolly.Addr, cuts func(prolly.Addr) error) error {
	if a.Hash == codec.EmptyRoot {
		return nil
	}
	c.tree, c.from, c.to = true, nil, nil
	n, err := c.node(a)
	c.tree = false
	if err != nil || !n.ok {
		return err
	}
	return cuts(a)
}

// uncached reads nodes from the store itself.
type uncached struct{ *nodeStore }

// LoadNode implements prolly.NodeLoader.
func (u uncached) LoadNode(ctx context.Context, a prolly.Addr) (*prolly.Node, error) {
	return u.fetch(ctx, a)
}

// LoadChild implements prolly.ChildLoader.
func (u uncached) LoadChild(ctx context.Context, parent *prolly.Node, i int) (*prolly.Node, error) {
	return u.fetch(ctx, parent.Addr(i))
}

// ReadNode implements prolly.NodeStore.
func (u uncached) ReadNode(ctx context.Context, a prolly.Addr) ([]byte, []prolly.Hint, error) {
	n, err := u.fetch(ctx, a)
	if err != nil {
		return nil, nil, err
	}
	return n.Block(), n.Hints(), nil
}

// node checks the node at a and all below it. It reads from the store, not from
// the cache, but what it has verified before.
func (c *check) node(a prolly.Addr) (*checkedNode, error) {
	if n := c.known(a); n != nil {
		return n, c.again(a, n)
	}
	if err := c.e.ready(c.ctx); err != nil {
		return nil, err
	}
	n, err := c.e.nodes.fetch(c.ctx, a)
	if err != nil {
		r := &checkedNode{hash: a.Hash, branch: c.branch}
		return r, errors.Join(c.seen.add(c.ctx, r), c.found(ProblemNode, a.Hash.CID(), err))
	}
	if c.stats.Nodes++; c.stats.Nodes%1024 == 0 {
		c.tell()
	}
	c.stats.NodeBytes += uint64(len(n.Block()))
	r := newCheckedNode(a.Hash, n, c.branch)
	if n.Level() == 0 {
		err = c.leaf(a, n, r)
	} else {
		err = c.inner(a, n, r)
	}
	if err == nil {
		err = c.seen.add(c.ctx, r)
	}
	return r, err
}

// known returns what was found of a node before; nil when it has to be verified.
// Of one that is whole and not remembered it reads what is to be known again.
func (c *check) known(a prolly.Addr) *checkedNode {
	if r := c.seen.node(a.Hash); r != nil {
		return r
	}
	if !c.seen.whole(c.ctx, a.Hash) {
		return nil
	}
	n, err := c.e.nodes.peek(c.ctx, a)
	if err != nil || n.Len() == 0 {
		return nil
	}
	r := newCheckedNode(a.Hash, n, c.branch)
	r.ok, r.whole = true, true
	for n.Level() > 0 {
		if n, err = c.e.nodes.peek(c.ctx, n.Addr(n.Len()-1)); err != nil || n.Len() == 0 {
			return nil
		}
	}
	r.last = n.AppendKey(nil, n.Len()-1)
	c.seen.recently(r)
	return r
}

// again tells of damage that was met before and touches another branch too.
func (c *check) again(a prolly.Addr, n *checkedNode) error {
	if n.whole || n.branch == c.branch || c.seen.tell("node", string(a.Hash[:]), c.branch) {
		return nil
	}
	return c.found(ProblemNode, a.Hash.CID(), fmt.Errorf("%w: at or below it, as reported of %q", ErrCorrupt, n.branch))
}

func (c *check) leaf(a prolly.Addr, n *prolly.Node, r *checkedNode) error {
	if n.Len() == 0 {
		return c.found(ProblemNode, a.Hash.CID(), fmt.Errorf("%w: empty leaf", ErrCorrupt))
	}
	r.ok, r.whole = true, true
	r.last = n.AppendKey(nil, n.Len()-1)
	if !n.HasOutOfLine() {
		return nil
	}
	for i := range n.Len() {
		if n.Kind(i) == codec.Inline {
			continue
		}
		c.from = n.AppendKey(nil, i)
		c.to = append(bytes.Clone(c.from), 0)
		name, err := castCID(n.Link(i))
		right := false
		switch {
		case err != nil:
			err = c.found(ProblemNode, a.Hash.CID(), err)
		case n.Kind(i) == codec.Link:
			right, err = c.link(name)
		default:
			right, err = c.value(name, n.Size(i))
		}
		if err != nil {
			return err
		}
		r.whole = r.whole && right
	}
	return nil
}

// inner checks a node's children, and each against what the node says of it.
func (c *check) inner(a prolly.Addr, n *prolly.Node, r *checkedNode) error {
	r.ok, r.whole = true, true
	from, to := c.from, c.to
	defer func() { c.from, c.to = from, to }()
	for i := range n.Len() {
		if c.from, c.to = n.AppendKey(nil, i), to; i+1 < n.Len() {
			c.to = n.AppendKey(nil, i+1)
		}
		child, err := c.node(n.Addr(i))
		if err != nil {
			return err
		}
		r.whole = r.whole && child.whole
		if !child.ok {
			r.ok = false
			continue
		}
		if err := child.fits(n, i, r.last); err != nil {
			r.ok, r.whole = false, false
			if err := c.found(ProblemNode, a.Hash.CID(), err); err != nil {
				return err
			}
		}
		r.last = child.last
	}
	return nil
}

// fits tells whether a node can be child i of n, after a sibling whose last key
// is before.
func (r *checkedNode) fits(n *prolly.Node, i int, before []byte) error {
	var what string
	switch {
	case r.level != n.Level()-1:
		what = fmt.Sprintf("is of level %d", r.level)
	case !bytes.Equal(r.first, n.AppendKey(nil, i)):
		what = "begins with another key"
	case r.entries != n.Count(i) || r.bytes != n.Bytes(i):
		what = "has other sums"
	case i > 0 && bytes.Compare(before, r.first) >= 0:
		what = "begins before its sibling ends"
	case r.weight < codec.MinWeight || r.weight > codec.MaxWeight:
		what = fmt.Sprintf("weighs %d", r.weight)
	default:
		return nil
	}
	return fmt.Errorf("%w: child %d, %v, %s", ErrCorrupt, i, n.Child(i), what)
}

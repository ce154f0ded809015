package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// checkedNode is what a node must be to those above it. ok is false when
// something at or below it is wrong, which was reported.
type checkedNode struct {
	ok             bool
	level          int
	first, last    []byte
	entries, bytes uint64
	weight         int
	branch         string // through which it was met
}

// root checks a tree; and, if all of it is there and cuts are asked for, that
// its nodes begin where the format has them begin.
func (c *check) root(a prolly.Addr, cuts bool) error {
	if a.Hash == codec.EmptyRoot {
		return nil
	}
	c.tree, c.from, c.to = true, nil, nil
	n, err := c.node(a)
	c.tree = false
	if err != nil || !n.ok || !cuts {
		return err
	}
	t, err := prolly.LoadAt(c.ctx, uncached{c.e.nodes}, a)
	if err != nil {
		return c.found(ProblemNode, a.Hash.CID(), err)
	}
	return t.Check(c.ctx, prolly.CheckOptions{}, func(p prolly.Problem) error {
		return c.found(ProblemShape, p.Node.CID(), p.Err)
	})
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
// the cache.
func (c *check) node(a prolly.Addr) (*checkedNode, error) {
	if n := c.nodes[a.Hash]; n != nil {
		return n, c.again(a, n)
	}
	if err := c.e.ready(c.ctx); err != nil {
		return nil, err
	}
	r := &checkedNode{branch: c.branch}
	c.nodes[a.Hash] = r
	n, err := c.e.nodes.fetch(c.ctx, a)
	if err != nil {
		return r, c.found(ProblemNode, a.Hash.CID(), err)
	}
	r.level, r.weight = n.Level(), n.Weight()
	r.entries, r.bytes = n.Sums()
	if n.Len() > 0 {
		r.first = n.AppendKey(nil, 0)
	}
	if n.Level() == 0 {
		return r, c.leaf(a, n, r)
	}
	return r, c.inner(a, n, r)
}

// again tells of damage that was met before and touches another branch too.
func (c *check) again(a prolly.Addr, n *checkedNode) error {
	key := string(a.Hash[:]) + c.branch
	if n.ok || n.branch == c.branch || c.told[key] {
		return nil
	}
	c.told[key] = true
	return c.found(ProblemNode, a.Hash.CID(), fmt.Errorf("%w: at or below it, as reported of %q", ErrCorrupt, n.branch))
}

func (c *check) leaf(a prolly.Addr, n *prolly.Node, r *checkedNode) error {
	r.ok = true
	if n.Len() == 0 {
		r.ok = false
		return c.found(ProblemNode, a.Hash.CID(), fmt.Errorf("%w: empty leaf", ErrCorrupt))
	}
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
		switch {
		case err != nil:
			err = c.found(ProblemNode, a.Hash.CID(), err)
		case n.Kind(i) == codec.Link:
			err = c.link(name)
		default:
			err = c.value(name, n.Size(i))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// inner checks a node's children, and each against what the node says of it.
func (c *check) inner(a prolly.Addr, n *prolly.Node, r *checkedNode) error {
	r.ok = true
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
		if !child.ok {
			r.ok = false
			continue
		}
		if err := child.fits(n, i, r.last); err != nil {
			r.ok = false
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

// link checks the block that a caller's link names, if it is here and its hash
// function is known.
func (c *check) link(name cid.Cid) error {
	if c.blobs[string(name.Hash())] {
		return nil
	}
	c.blobs[string(name.Hash())] = true
	_, err := c.e.ReadBlock(c.ctx, name)
	if errors.Is(err, ErrMissing) || errors.Is(err, ErrHash) {
		return nil
	}
	return c.found(ProblemBlob, name, err)
}

// value checks the blocks of an out-of-line value of size bytes.
func (c *check) value(name cid.Cid, size uint64) error {
	key := fmt.Sprintf("%s %d", name.KeyString(), size)
	if c.blobs[key] {
		return nil
	}
	c.blobs[key] = true
	b, err := c.e.nodes.readBlob(c.ctx, name)
	if err == nil {
		err = verify(name, b)
	}
	if err == nil && name.Type() == cid.DagCBOR {
		return c.chunks(name, b, size)
	}
	if err == nil && uint64(len(b)) != size {
		err = fmt.Errorf("%w: %d bytes instead of %d", ErrCorrupt, len(b), size)
	}
	return c.found(ProblemBlob, name, err)
}

func (c *check) chunks(name cid.Cid, block []byte, size uint64) error {
	l, err := codec.ParseChunkList(block)
	if err == nil && l.Total != size {
		err = fmt.Errorf("%w: a list of %d bytes instead of %d", ErrCorrupt, l.Total, size)
	}
	if err != nil {
		return c.found(ProblemBlob, name, err)
	}
	for i, x := range l.Links {
		if err := c.value(x, l.Lengths[i]); err != nil {
			return err
		}
	}
	return nil
}

package engine

import (
	"bytes"
	"context"
	"io"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// cuts checks that all nodes of a tree, every one of which is there, begin
// where the format has them begin.
func (c *check) cuts(a prolly.Addr) error {
	if c.seen.shapes.has(a.Hash) {
		return nil
	}
	t, err := prolly.LoadAt(c.ctx, uncached{c.e.nodes}, a)
	if err != nil {
		return c.found(ProblemNode, a.Hash.CID(), err)
	}
	before := c.stats.Problems
	err = t.Check(c.ctx, prolly.CheckOptions{}, func(p prolly.Problem) error {
		return c.found(ProblemShape, p.Node.CID(), p.Err)
	})
	if err == nil && c.stats.Problems == before {
		c.isShaped(t)
	}
	return err
}

func (c *check) isShaped(t prolly.Tree) {
	c.seen.shapes.add(t.Addr().Hash)
	c.shaped, c.any = t, true
	c.stats.Trees++
}

// likeEdits is by how many entries trees may differ for one to be judged by the
// other: their edits, and the nodes made of them, are in memory.
const likeEdits = 5000

// likeShaped is cuts for a tree that is like the last one whose cuts are right:
// what they differ in, applied to that, must give this one, for the cuts depend
// on nothing but the entries.
func (c *check) likeShaped(a prolly.Addr) error {
	if !c.any || c.seen.shapes.has(a.Hash) {
		return c.cuts(a)
	}
	t, err := prolly.LoadAt(c.ctx, uncached{c.e.nodes}, a)
	if err != nil {
		return c.found(ProblemNode, a.Hash.CID(), err)
	}
	var edits []prolly.Edit
	for x, err := range prolly.Diff(c.ctx, c.shaped.In(peeked{c.e.nodes}), t.In(peeked{c.e.nodes}), prolly.Range{}) {
		if err != nil || len(edits) == likeEdits {
			return c.cuts(a)
		}
		e := prolly.Edit{Key: bytes.Clone(x.Key), Delete: x.To == nil}
		if x.To != nil {
			e.Value = x.To.Clone()
		}
		edits = append(edits, e)
	}
	made, err := c.shaped.In(scratch{peeked{c.e.nodes}, prolly.NewMemStore()}).Apply(c.ctx, edits)
	if err != nil || made.Addr().Hash != a.Hash {
		return c.cuts(a)
	}
	c.isShaped(t)
	return nil
}

// peeked reads nodes and leaves the cache as it is.
type peeked struct{ *nodeStore }

// LoadNode implements prolly.NodeLoader.
func (p peeked) LoadNode(ctx context.Context, a prolly.Addr) (*prolly.Node, error) {
	if a.Hash == codec.EmptyRoot {
		return emptyNode, nil
	}
	return p.peek(ctx, a)
}

// LoadChild implements prolly.ChildLoader.
func (p peeked) LoadChild(ctx context.Context, parent *prolly.Node, i int) (*prolly.Node, error) {
	return p.peek(ctx, parent.Addr(i))
}

// ReadNode implements prolly.NodeStore.
func (p peeked) ReadNode(ctx context.Context, a prolly.Addr) ([]byte, []prolly.Hint, error) {
	n, err := p.LoadNode(ctx, a)
	if err != nil {
		return nil, nil, err
	}
	return n.Block(), n.Hints(), nil
}

// scratch is a store over another: what is written to it is in memory, and
// forgotten with it.
type scratch struct {
	below peeked
	mem   prolly.NodeStore
}

// ReadNode implements prolly.NodeStore.
func (s scratch) ReadNode(ctx context.Context, a prolly.Addr) ([]byte, []prolly.Hint, error) {
	if block, hints, err := s.mem.ReadNode(ctx, a); err == nil {
		return block, hints, nil
	}
	return s.below.ReadNode(ctx, a)
}

// WriteNode implements prolly.NodeStore.
func (s scratch) WriteNode(ctx context.Context, h codec.Hash, block []byte, children []prolly.Hint) (prolly.Hint, error) {
	return s.mem.WriteNode(ctx, h, block, children)
}

// ReadBlob implements prolly.NodeStore.
func (s scratch) ReadBlob(ctx context.Context, c cid.Cid) (io.ReadCloser, error) {
	return s.below.ReadBlob(ctx, c)
}

// WriteBlob implements prolly.NodeStore. Nobody reads it again.
func (s scratch) WriteBlob(context.Context, cid.Cid, []byte) error { return nil }

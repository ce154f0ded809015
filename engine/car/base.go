package car

import (
	"bytes"
	"context"
	"fmt"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// load reads a node that must stand at a level, from a store that verifies
// what it reads, or keeps what it has verified.
func load(ctx context.Context, ns prolly.NodeStore, a prolly.Addr, level int) (*prolly.Node, error) {
	var n *prolly.Node
	var err error
	if l, ok := ns.(prolly.NodeLoader); ok {
		n, err = l.LoadNode(ctx, a)
	} else {
		n, err = prolly.ReadNode(ctx, ns, a)
	}
	if err == nil && n.Level() != level {
		err = fmt.Errorf("%w: node %v has level %d where its parent needs %d", prolly.ErrCorrupt, a.Hash, n.Level(), level)
	}
	return n, err
}

// base is a tree that the receiver has. Of every level there is one node in
// which a key belongs: a node is in the tree if it is that one for its first key.
// Asked for ascending keys it reads each node once.
type base struct {
	ns   prolly.NodeStore
	tree prolly.Tree
	path []baseFrame
}

type baseFrame struct {
	node *prolly.Node
	i    int // the child that comes next on the path
}

func newBase(ns prolly.NodeStore, t prolly.Tree) *base { return &base{ns: ns, tree: t} }

// descend makes the path end with the node of a level in which key belongs, or
// with the root.
func (b *base) descend(ctx context.Context, level int, key []byte) (*prolly.Node, error) {
	if len(b.path) == 0 {
		n, err := load(ctx, b.ns, b.tree.Addr(), b.tree.Height()-1)
		if err != nil {
			return nil, err
		}
		b.path = append(b.path, baseFrame{n, -1})
	}
	for d := 0; ; d++ {
		f := &b.path[d]
		if f.node.Level() <= level {
			return f.node, nil
		}
		i, found := f.node.Find(key)
		if !found && i > 0 {
			i--
		}
		if f.i == i && d+1 < len(b.path) {
			continue
		}
		n, err := load(ctx, b.ns, f.node.Addr(i), f.node.Level()-1)
		if err != nil {
			return nil, err
		}
		f.i = i
		b.path = append(b.path[:d+1], baseFrame{n, -1})
	}
}

// place is where a base has a node, and what its parent says of it.
type place struct {
	addr         prolly.Addr
	count, bytes uint64
}

// node tells whether the node h, of a level and with a first key, is in the tree.
func (b *base) node(ctx context.Context, h codec.Hash, level int, key []byte) (place, bool, error) {
	top := b.tree.Height() - 1
	if b.tree.Len() == 0 || level > top {
		return place{}, false, nil
	}
	if level == top {
		return place{b.tree.Addr(), b.tree.Len(), b.tree.Bytes()}, b.tree.Addr().Hash == h, nil
	}
	n, err := b.descend(ctx, level+1, key)
	if err != nil {
		return place{}, false, err
	}
	i, found := n.Find(key)
	if !found || n.Child(i) != h {
		return place{}, false, nil
	}
	return place{n.Addr(i), n.Count(i), n.Bytes(i)}, true, nil
}

// entry returns the leaf in which key has an entry, and its place; nil when it
// has none.
func (b *base) entry(ctx context.Context, key []byte) (*prolly.Node, int, error) {
	if b.tree.Len() == 0 {
		return nil, 0, nil
	}
	n, err := b.descend(ctx, 0, key)
	if err != nil {
		return nil, 0, err
	}
	if i, found := n.Find(key); found {
		return n, i, nil
	}
	return nil, 0, nil
}

// bases are several of them; what one has need not come along.
type bases []*base

func (s bases) node(ctx context.Context, h codec.Hash, level int, key []byte) (place, bool, error) {
	for _, b := range s {
		if p, ok, err := b.node(ctx, h, level, key); ok || err != nil {
			return p, ok, err
		}
	}
	return place{}, false, nil
}

// chunks are blocks of long values that the receiver has, and how many bytes
// are at or below each.
type chunks map[cid.Cid]uint64

// value tells whether one of them has the value i of the leaf n under the same
// key. chunks are the blocks of another long value that one has there: of two
// versions most of them agree.
func (s bases) value(ctx context.Context, key []byte, n *prolly.Node, i int) (same bool, have chunks, err error) {
	for _, b := range s {
		m, j, err := b.entry(ctx, key)
		if err != nil {
			return false, nil, err
		}
		if m == nil || m.Kind(j) != n.Kind(i) {
			continue
		}
		if bytes.Equal(m.Link(j), n.Link(i)) && m.Size(j) == n.Size(i) {
			return true, nil, nil
		}
		if n.Kind(i) == codec.Blob {
			if err := have.add(ctx, b.ns, m.Link(j)); err != nil {
				return false, nil, err
			}
		}
	}
	return false, have, nil
}

// add adds the items of the chunk list that link names, if it names one.
func (s *chunks) add(ctx context.Context, ns prolly.NodeStore, link []byte) error {
	_, c, err := cid.CidFromBytes(link)
	if err != nil {
		return fmt.Errorf("%w: link of a value: %w", prolly.ErrCorrupt, err)
	}
	if c.Type() != cid.DagCBOR {
		return nil
	}
	l, err := readList(ctx, ns, c)
	if err != nil {
		return err
	}
	if *s == nil {
		*s = chunks{}
	}
	for i, x := range l.Links {
		(*s)[x] = l.Lengths[i]
	}
	return nil
}

func readList(ctx context.Context, ns prolly.NodeStore, c cid.Cid) (codec.ChunkList, error) {
	b, err := readBlob(ctx, ns, c)
	if err != nil {
		return codec.ChunkList{}, err
	}
	l, err := codec.ParseChunkList(b)
	if err != nil {
		err = fmt.Errorf("%w: chunk list %v: %w", prolly.ErrCorrupt, c, err)
	}
	return l, err
}

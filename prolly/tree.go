package prolly

import (
	"bytes"
	"context"
	"fmt"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// Tree is an immutable ordered map from keys to values. It is a small value:
// copy it freely, use it from any number of goroutines. Trees with the same entries
// have the same root, however they came about.
type Tree struct {
	ns    NodeStore
	root  Addr
	level int
	count uint64
	bytes uint64
}

func newTree(ns NodeStore, root child, level int) Tree {
	return Tree{ns: ns, root: root.addr(), level: level, count: root.Count, bytes: root.Bytes}
}

// Empty returns the tree without entries. It needs nothing of the store.
func Empty(ns NodeStore) Tree { return Tree{ns: ns, root: Addr{Hash: codec.EmptyRoot}} }

// Load opens the tree under a root. It reads the root node: an error wraps
// ErrMissing or ErrCorrupt, or says that the CID cannot name a node.
func Load(ctx context.Context, ns NodeStore, root cid.Cid) (Tree, error) {
	h, err := codec.HashOf(root)
	if err != nil {
		return Tree{}, err
	}
	return LoadAt(ctx, ns, Addr{Hash: h})
}

// LoadAt is Load for an address, whose hint saves a lookup.
func LoadAt(ctx context.Context, ns NodeStore, root Addr) (Tree, error) {
	n, err := loadNode(ctx, ns, root)
	if err != nil {
		return Tree{}, err
	}
	t := Tree{ns: ns, root: root, level: n.Level()}
	t.count, t.bytes = n.Sums()
	return t, nil
}

// In returns the same tree, read and extended through another store.
func (t Tree) In(ns NodeStore) Tree {
	t.ns = ns
	return t
}

// Root returns the tree's identity: the CID of its root node.
func (t Tree) Root() cid.Cid { return t.root.Hash.CID() }

// Addr returns the root's hash and where it lies.
func (t Tree) Addr() Addr { return t.root }

// Len returns the number of entries.
func (t Tree) Len() uint64 { return t.count }

// Bytes returns the summed lengths of all keys and values, values out of line
// included.
func (t Tree) Bytes() uint64 { return t.bytes }

// Height returns the number of levels: 1 for a tree of one node.
func (t Tree) Height() int { return t.level + 1 }

// Beginning returns what the keys in the root node begin with, as most keys of
// the tree do. The bytes are the caller's.
func (t Tree) Beginning(ctx context.Context) ([]byte, error) {
	n, err := t.rootNode(ctx)
	if err != nil {
		return nil, err
	}
	return append([]byte(nil), n.Prefix()...), nil
}

func (t Tree) rootNode(ctx context.Context) (*Node, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return loadLevel(ctx, t.ns, t.root, t.level)
}

// find returns the leaf that would hold key, and where in it.
func (t Tree) find(ctx context.Context, key []byte) (*Node, int, error) {
	n, err := t.rootNode(ctx)
	if err != nil {
		return nil, 0, err
	}
	l, _ := t.ns.(ChildLoader)
	for n.Level() > 0 {
		if n, err = loadChildBy(ctx, t.ns, l, n, n.childFor(key)); err != nil {
			return nil, 0, err
		}
	}
	i, found := n.Find(key)
	if !found {
		return nil, 0, ErrNotFound
	}
	return n, i, nil
}

// Get returns a copy of the value of key, out of line or not. ErrNotFound when
// there is none, ErrIsLink when it is a link.
func (t Tree) Get(ctx context.Context, key []byte) ([]byte, error) {
	n, i, err := t.find(ctx, key)
	if err != nil {
		return nil, err
	}
	if n.Kind(i) == codec.Inline {
		return append([]byte{}, n.Inline(i)...), nil
	}
	return t.readOutOfLine(ctx, n, i)
}

// View calls f with the value of key, without copying it where it stands in
// the leaf. The bytes are valid, and must not be changed, until f returns. The
// errors are those of Get and of f.
func (t Tree) View(ctx context.Context, key []byte, f func([]byte) error) error {
	n, i, err := t.find(ctx, key)
	if err != nil {
		return err
	}
	if n.Kind(i) == codec.Inline {
		return f(n.Inline(i))
	}
	b, err := t.readOutOfLine(ctx, n, i)
	if err != nil {
		return err
	}
	return f(b)
}

func (t Tree) readOutOfLine(ctx context.Context, n *Node, i int) ([]byte, error) {
	if n.Kind(i) == codec.Link {
		return nil, ErrIsLink
	}
	return ReadBlob(ctx, t.ns, n.Link(i), n.Size(i))
}

// Lookup returns the entry of key whatever its kind; blobs stay unread. The
// bytes are the caller's to keep, not to change.
func (t Tree) Lookup(ctx context.Context, key []byte) (Entry, error) {
	n, i, err := t.find(ctx, key)
	if err != nil {
		return Entry{}, err
	}
	v, err := nodeValue(n, i)
	return Entry{Key: bytes.Clone(key), Value: v}, err
}

// Has tells whether key has an entry.
func (t Tree) Has(ctx context.Context, key []byte) (bool, error) {
	_, _, err := t.find(ctx, key)
	if err == ErrNotFound {
		return false, nil
	}
	return err == nil, err
}

// Size returns the length of key's value, in bytes, and of a link that of its
// CID; blobs stay unread. ErrNotFound.
func (t Tree) Size(ctx context.Context, key []byte) (uint64, error) {
	n, i, err := t.find(ctx, key)
	if err != nil {
		return 0, err
	}
	return n.Size(i), nil
}

// nodeValue returns value i of a leaf. Its bytes are the node's.
func nodeValue(n *Node, i int) (Value, error) {
	switch n.Kind(i) {
	case codec.Inline:
		b := n.Inline(i)
		return Value{Bytes: b, Size: uint64(len(b))}, nil
	case codec.Blob:
		return Value{Size: n.Size(i), blob: n.Link(i)}, nil
	}
	_, c, err := cid.CidFromBytes(n.Link(i))
	if err != nil {
		return Value{}, fmt.Errorf("%w: link of entry %d: %w", ErrCorrupt, i, err)
	}
	return Value{Link: c, Size: n.Size(i)}, nil
}

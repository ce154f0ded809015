package prolly

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// Node is a node whose hash and form were verified, ready to be searched. It
// is immutable and may be shared by any number of goroutines.
type Node struct {
	codec.Node
	hints []Hint // of the children; nil when unknown
	links links
	edges edges
	cell  Cell

	lineage lineage
}

// DecodeNode verifies that block hashes to h and is a well-formed node. It
// keeps block and hints, which must not change afterwards. The error wraps
// ErrCorrupt.
func DecodeNode(h codec.Hash, block []byte, hints []Hint) (*Node, error) {
	if codec.Sum(block) != h {
		return nil, fmt.Errorf("%w: the block of node %v has another hash", ErrCorrupt, h)
	}
	n, err := NewNode(block, hints)
	if err != nil {
		return nil, fmt.Errorf("%w: node %v: %w", ErrCorrupt, h, err)
	}
	return n, nil
}

// NewNode is DecodeNode for a block whose hash the caller has just computed,
// as a NodeStore has when it keeps what WriteNode gave it.
func NewNode(block []byte, hints []Hint) (*Node, error) {
	n, err := codec.ParseNode(block)
	if err != nil {
		return nil, err
	}
	if n.Level() == 0 || len(hints) != n.Len() {
		hints = nil
	}
	return &Node{Node: n, hints: hints}, nil
}

// hint returns where child i lies.
func (n *Node) hint(i int) Hint {
	if n.hints == nil {
		return Hint{}
	}
	return n.hints[i]
}

// Addr returns the address of child i of an inner node.
func (n *Node) Addr(i int) Addr { return Addr{n.Child(i), n.hint(i)} }

// Hints returns where the children lie, or nil. The caller must not change it.
func (n *Node) Hints() []Hint { return n.hints }

// childFor returns which child's keys surround key.
func (n *Node) childFor(key []byte) int {
	i, found := n.Find(key)
	if !found && i > 0 {
		i--
	}
	return i
}

// emptyNode is the root of the empty tree: the one node that needs no store.
var emptyNode = func() *Node {
	n, err := DecodeNode(codec.EmptyRoot, codec.EmptyLeaf(), nil)
	if err != nil {
		panic(err)
	}
	return n
}()

// loadNode reads, or finds in the store's cache, the node at a. Where a hint
// leads to something else, the node is looked up by its hash before it is
// called corrupt.
func loadNode(ctx context.Context, ns NodeStore, a Addr) (*Node, error) {
	if l, ok := ns.(NodeLoader); ok {
		return l.LoadNode(ctx, a)
	}
	return ReadNode(ctx, ns, a)
}

// ReadNode reads and verifies the node at a, around any cache that the store
// may keep. The error wraps ErrMissing or ErrCorrupt, or is the store's.
func ReadNode(ctx context.Context, ns NodeStore, a Addr) (*Node, error) {
	if a.Hash == codec.EmptyRoot {
		return emptyNode, nil
	}
	block, hints, err := ns.ReadNode(ctx, a)
	if err != nil {
		return nil, fmt.Errorf("prolly: read node %v: %w", a.Hash, err)
	}
	n, err := DecodeNode(a.Hash, block, hints)
	if errors.Is(err, ErrCorrupt) && a.Hint != (Hint{}) {
		return ReadNode(ctx, ns, Addr{Hash: a.Hash})
	}
	return n, err
}

// loadLevel is loadNode for a node that must stand at a level. Levels that
// descend strictly are what ends every walk, whatever a store hands out.
func loadLevel(ctx context.Context, ns NodeStore, a Addr, level int) (*Node, error) {
	n, err := loadNode(ctx, ns, a)
	if err != nil {
		return nil, err
	}
	if n.Level() != level {
		return nil, errLevel(a, n, level)
	}
	return n, nil
}

func errLevel(a Addr, n *Node, level int) error {
	return fmt.Errorf("%w: node %v has level %d where its parent needs %d", ErrCorrupt, a.Hash, n.Level(), level)
}

// loadChild is loadLevel for child i of an inner node.
func loadChild(ctx context.Context, ns NodeStore, parent *Node, i int) (*Node, error) {
	l, _ := ns.(ChildLoader)
	return loadChildBy(ctx, ns, l, parent, i)
}

// loadChildBy is loadChild for a store whose ability, nil for none, is known.
func loadChildBy(ctx context.Context, ns NodeStore, l ChildLoader, parent *Node, i int) (*Node, error) {
	if l == nil {
		return loadLevel(ctx, ns, parent.Addr(i), parent.Level()-1)
	}
	n, err := l.LoadChild(ctx, parent, i)
	if err == nil && n.Level() != parent.Level()-1 {
		return nil, errLevel(parent.Addr(i), n, parent.Level()-1)
	}
	return n, err
}

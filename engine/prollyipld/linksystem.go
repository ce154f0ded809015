package prollyipld

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	cid "github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	_ "github.com/ipld/go-ipld-prime/codec/raw" // a LinkSystem is to know the codecs that trees have
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/linking"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Name is what selectors call this layout: KnownReifiers["prolly"].
const Name = "prolly"

// ErrNotTree: the node is not the root of a tree.
var ErrNotTree = errors.New("prollyipld: not a node of a tree")

// ErrReadOnly answers writes through trees.
var ErrReadOnly = errors.New("prollyipld: read only")

// NewLinkSystem returns a LinkSystem of CIDs over a storage, which knows this
// layout. Blocks are hashed once, by the storage.
func NewLinkSystem(s *Storage) *linking.LinkSystem {
	lsys := cidlink.DefaultLinkSystem()
	lsys.SetReadStorage(s)
	lsys.SetWriteStorage(s)
	lsys.TrustedStorage = true
	Register(&lsys)
	return &lsys
}

// Register makes a LinkSystem know this layout.
func Register(lsys *linking.LinkSystem) {
	if lsys.KnownReifiers == nil {
		lsys.KnownReifiers = map[string]linking.NodeReifier{}
	}
	lsys.KnownReifiers[Name] = Reify
}

// Reify makes a map of the root node of a tree, whose other blocks it reads
// through lsys as they are needed, with the context of lctx. It is a
// linking.NodeReifier. ErrNotTree when the node is anything else.
func Reify(lctx linking.LinkContext, n datamodel.Node, lsys *linking.LinkSystem) (datamodel.Node, error) {
	ctx := lctx.Ctx
	if ctx == nil {
		ctx = context.Background()
	}
	block, err := encode(n)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotTree, err)
	}
	if _, err := codec.ParseNode(block); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotTree, err)
	}
	h := codec.Sum(block)
	t, err := prolly.LoadAt(ctx, &linked{lsys, h, block}, prolly.Addr{Hash: h})
	if err != nil {
		return nil, err
	}
	return &Map{ctx: ctx, tree: t, substrate: n}, nil
}

// encode returns the block of a node. Whatever node it is, no more than the
// largest node of a tree is written.
func encode(n datamodel.Node) ([]byte, error) {
	if n.Kind() != datamodel.Kind_List || n.Length() != leafFields && n.Length() != innerFields {
		return nil, fmt.Errorf("a %v of length %d", n.Kind(), n.Length())
	}
	var b bounded
	err := dagcbor.Encode(n, &b)
	return b.Bytes(), err
}

// leafFields and innerFields are the lengths of the arrays that nodes are.
const (
	leafFields  = 9
	innerFields = 7
)

// bounded takes the bytes of one node.
type bounded struct{ bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > codec.MaxNode {
		return 0, fmt.Errorf("more than %d bytes", codec.MaxNode)
	}
	return b.Buffer.Write(p)
}

// linked is a NodeStore over a LinkSystem. It has the root at hand.
type linked struct {
	lsys  *linking.LinkSystem
	root  codec.Hash
	block []byte
}

// ReadNode implements prolly.NodeStore.
func (s *linked) ReadNode(ctx context.Context, a prolly.Addr) ([]byte, []prolly.Hint, error) {
	if a.Hash == s.root {
		return s.block, nil, nil
	}
	b, err := s.raw(ctx, a.Hash.CID())
	return b, nil, err
}

// ReadBlob implements prolly.NodeStore.
func (s *linked) ReadBlob(ctx context.Context, c cid.Cid) (io.ReadCloser, error) {
	b, err := s.raw(ctx, c)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

func (s *linked) raw(ctx context.Context, c cid.Cid) ([]byte, error) {
	return s.lsys.LoadRaw(linking.LinkContext{Ctx: ctx}, cidlink.Link{Cid: c})
}

// WriteNode implements prolly.NodeStore by refusing.
func (s *linked) WriteNode(context.Context, codec.Hash, []byte, []prolly.Hint) (prolly.Hint, error) {
	return prolly.Hint{}, ErrReadOnly
}

// WriteBlob implements prolly.NodeStore by refusing.
func (s *linked) WriteBlob(context.Context, cid.Cid, []byte) error { return ErrReadOnly }

package kv

import (
	"context"
	"iter"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// Hint says where a store keeps a node. Pebble keeps generation and sequence in
// it; an object store would keep pack and offset.
type Hint = codec.Hint

// Node is a stored node: its block and, for an inner node, where its children
// lie, as far as the store keeps such hints: nil when it keeps none, and a zero
// Hint for one that is not its own. The caller owns both and may keep them.
type Node struct {
	Block    []byte
	Children []Hint
}

// Blocks reads content by hash. A store returns what it has and does not hash
// it: whoever reads verifies.
type Blocks interface {
	// ReadNode returns the node h. It looks at the hint first; a hint that is
	// zero, or at which nothing lies, means looking it up by hash. ErrNotFound when
	// it has no such node. A hint at which another node lies may give that
	// one: who hashes the block notices, and asks again without a hint.
	ReadNode(ctx context.Context, h codec.Hash, at Hint) (Node, error)

	// ReadBlob returns the block c, which the caller then owns. Blocks are
	// told apart by their multihash: CIDs that differ in version or codec
	// alone name the same block.
	ReadBlob(ctx context.Context, c cid.Cid) ([]byte, error)

	// HasBlob tells whether block c is here, without reading it.
	HasBlob(ctx context.Context, c cid.Cid) (bool, error)
}

// BlobKey is what tells blobs apart: the multihash of c. ok is false for an
// undefined CID, which names nothing.
func BlobKey(c cid.Cid) (key []byte, ok bool) {
	if !c.Defined() {
		return nil, false
	}
	return c.Hash(), true
}

// Keep decides what a sweep spares. A nil function spares everything of its
// kind.
type Keep struct {
	Node func(codec.Hash) bool
	Blob func(multihash []byte) bool
}

// KeepsNode tells whether a sweep spares the node h.
func (k Keep) KeepsNode(h codec.Hash) bool { return k.Node == nil || k.Node(h) }

// KeepsBlob tells whether a sweep spares the blob with this multihash.
func (k Keep) KeepsBlob(multihash []byte) bool { return k.Blob == nil || k.Blob(multihash) }

// Swept is what a sweep removed. Bytes are those of the blocks.
type Swept struct {
	Nodes, Blobs         uint64
	NodeBytes, BlobBytes uint64
}

// Scanner is the ability to enumerate what is stored, for the checker.
type Scanner interface {
	// ScanNodes yields every stored node once, with the hash under which it is
	// found, in any order; the node is valid until the next step.
	ScanNodes(ctx context.Context) iter.Seq2[StoredNode, error]

	// ScanBlobs yields every stored blob, in any order; it is valid until the
	// next step.
	ScanBlobs(ctx context.Context) iter.Seq2[StoredBlob, error]
}

// StoredNode is a node as a Scanner finds it.
type StoredNode struct {
	Hash codec.Hash
	At   Hint
	Node Node
}

// StoredBlob is a blob as a Scanner finds it.
type StoredBlob struct {
	Multihash []byte
	Block     []byte
}

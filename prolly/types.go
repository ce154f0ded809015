package prolly

import (
	"bytes"
	"context"
	"io"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// Hint says where the store keeps a node: a tree only carries it from the store
// that gave it to the next read.
type Hint = codec.Hint

// Addr names a node: its hash, and a hint of where it lies.
type Addr struct {
	Hash codec.Hash
	Hint Hint
}

// NodeStore is what a tree asks of its surroundings. All methods may be called
// by several goroutines at once.
type NodeStore interface {
	// ReadNode returns the block whose SHA-256 is a.Hash and, for an inner
	// node, where its children lie (nil when unknown). The caller must not
	// change either slice. A block that is not there is ErrMissing, never
	// ErrNotFound, which speaks of keys.
	ReadNode(ctx context.Context, a Addr) (block []byte, children []Hint, err error)

	// WriteNode stores a node and says where. It must not keep block or
	// children after it returns. children is nil for a leaf.
	WriteNode(ctx context.Context, h codec.Hash, block []byte, children []Hint) (Hint, error)

	// ReadBlob opens the block c, as stored: its bytes are checked by the
	// caller. A block that is not there is ErrMissing.
	ReadBlob(ctx context.Context, c cid.Cid) (io.ReadCloser, error)

	// WriteBlob stores a block. It must not keep it after it returns.
	WriteBlob(ctx context.Context, c cid.Cid, block []byte) error
}

// NodeLoader is an ability of a NodeStore that keeps decoded nodes: it answers
// a node that was already verified, so that it is not hashed and parsed again.
type NodeLoader interface {
	LoadNode(ctx context.Context, a Addr) (*Node, error)
}

// ChildLoader is an ability of a NodeLoader that finds a node sooner when it is
// told whose child it is; see Node.Recall.
type ChildLoader interface {
	// LoadChild is LoadNode of parent.Addr(i).
	LoadChild(ctx context.Context, parent *Node, i int) (*Node, error)
}

// BlobLoader is an ability of a NodeStore that has blocks in memory when it reads
// them: LoadBlob is ReadBlob of a whole block, at most codec.MaxBlob long, that
// is the caller's. Its bytes are verified against c already: ErrCorrupt.
type BlobLoader interface {
	LoadBlob(ctx context.Context, c cid.Cid) ([]byte, error)
}

// NodeReplacer is an ability of a NodeStore that keeps nodes in memory: Apply
// tells it which nodes of the old tree have no place in the new one, so that they
// need not be kept for the new one's sake. The slice must not be kept.
type NodeReplacer interface {
	NodesReplaced(nodes []Replaced)
}

// NodeTaker is an ability of a NodeStore that keeps nodes in memory: it is given
// a new node as a whole, which is then its own, in place of WriteNode.
type NodeTaker interface {
	TakeNode(ctx context.Context, h codec.Hash, n *Node) (Hint, error)

	// TakesLeaves tells whether leaves are wanted this way too.
	TakesLeaves() bool
}

// Value is one of three things: inline bytes; a caller's link; or, with both
// empty and Size set, bytes that stand out of line in blocks of their own.
//
// A Value given to an edit needs Bytes or Link only, and Bytes of any length:
// the tree decides what is kept inline (FORMAT.md, section 2). A yielded Value
// always has Size, in bytes; for a link it is the length of the CID. An
// out-of-line Value that was yielded may be given to an edit: it then keeps
// its blocks.
type Value struct {
	Bytes []byte
	Link  cid.Cid
	Size  uint64

	blob []byte // out of line: the CID of the root block
}

// OutOfLine names a value of size bytes whose blocks, under the root block c,
// are in the store already.
func OutOfLine(c cid.Cid, size uint64) Value {
	return Value{Size: size, blob: c.Bytes()}
}

// OutOfLineAt is OutOfLine by the CID in binary, which the value shares.
func OutOfLineAt(link []byte, size uint64) Value { return Value{Size: size, blob: link} }

// Blob returns the CID of the root block of an out-of-line value, and
// cid.Undef for any other.
func (v Value) Blob() cid.Cid {
	if v.blob == nil {
		return cid.Undef
	}
	_, c, err := cid.CidFromBytes(v.blob)
	if err != nil {
		return cid.Undef
	}
	return c
}

// Kind says how the value is kept. Bytes that were not stored yet count as
// inline whatever their length.
func (v Value) Kind() codec.Kind {
	switch {
	case v.Link.Defined():
		return codec.Link
	case v.blob != nil:
		return codec.Blob
	}
	return codec.Inline
}

// Clone returns a copy of v that shares no bytes with it.
func (v Value) Clone() Value {
	v.Bytes = bytes.Clone(v.Bytes)
	v.blob = bytes.Clone(v.blob)
	return v
}

// Entry is a key and its value. The bytes of a yielded Entry are valid until
// the next step of the iteration, unless said otherwise; Clone keeps them.
type Entry struct {
	Key   []byte
	Value Value
}

// Clone returns a copy of e that shares no bytes with it.
func (e Entry) Clone() Entry {
	return Entry{Key: bytes.Clone(e.Key), Value: e.Value.Clone()}
}

// Edit sets a key or deletes it. Deleting a key that is not there does nothing.
type Edit struct {
	Key    []byte
	Value  Value
	Delete bool
}

// Change is what became of a key between two trees: From is nil when it was
// added, To is nil when it was removed.
type Change struct {
	Key      []byte
	From, To *Value
}

// Range selects entries: keys at or after From, before To, and with Prefix;
// each is unbounded when empty. Reverse yields the largest key first. A Limit
// above 0 ends after as many entries.
type Range struct {
	From, To, Prefix []byte
	Reverse          bool
	Limit            int
}

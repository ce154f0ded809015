package kv

import (
	"context"
	"errors"
	"iter"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// Hint says where a store keeps a node: opaque to everyone else, perhaps
// stale, never trusted. The zero Hint says nothing. Pebble keeps generation
// and sequence in it; an object store would keep pack and offset.
type Hint [16]byte

// Node is a stored node: its block and, for an inner node, where its children
// lie. The caller owns both and may keep them.
type Node struct {
	Block    []byte
	Children []Hint
}

// Ref is one small named record. What is in it is its writer's business.
type Ref struct {
	Name  string
	Value []byte
}

// Record is one entry of a log.
type Record struct {
	Seq  uint64
	Data []byte
}

var (
	// ErrNotFound: no such block or ref.
	ErrNotFound = errors.New("kv: not found")

	// ErrConflict: a ref is not what the batch expected; nothing was written.
	ErrConflict = errors.New("kv: ref was changed by another")

	// ErrCorrupt: the store's own records contradict each other or fail their
	// checksums.
	ErrCorrupt = errors.New("kv: corrupt")

	// ErrRollback: the store stands at a state older than one it had
	// acknowledged as durable.
	ErrRollback = errors.New("kv: store was rolled back")

	// ErrFormat: the store was written in a format that this release cannot
	// read, or the directory is no store at all.
	ErrFormat = errors.New("kv: unknown store format")

	// ErrLocked: another process, or another handle, holds the store.
	ErrLocked = errors.New("kv: store is in use")

	// ErrClosed: the store is closed.
	ErrClosed = errors.New("kv: closed")
)

// Store keeps what an engine gives it: blocks by hash, refs, and a log beside
// each ref. All methods may be called by several goroutines at once; after
// Close all of them answer ErrClosed.
//
// What is written becomes visible, whole, when its batch is committed, and
// durable at the next Sync that begins afterwards. Durability keeps the order of
// commits: after a crash every batch before a surviving one that swapped a ref
// or appended to a log survives too.
type Store interface {
	Blocks
	Refs
	Logs

	// NewBatch begins a group of writes.
	NewBatch() Batch

	// Sync makes durable whatever was committed before the call. Calls that
	// run at once share the work.
	Sync(ctx context.Context) error

	// Close makes everything durable and gives the store back. It waits for
	// calls under way.
	Close() error
}

// Blocks reads content by hash. A store returns what it has and does not hash
// it: whoever reads verifies.
type Blocks interface {
	// ReadNode returns the node h. It looks at the hint first; a hint that is
	// zero, or at which nothing lies, means looking it up by hash. ErrNotFound when
	// it has no such node.
	ReadNode(ctx context.Context, h codec.Hash, at Hint) (Node, error)

	// ReadBlob returns the block c, which the caller then owns. Blocks are
	// told apart by their multihash: CIDs that differ in version or codec
	// alone name the same block.
	ReadBlob(ctx context.Context, c cid.Cid) ([]byte, error)

	// HasBlob tells whether block c is here, without reading it.
	HasBlob(ctx context.Context, c cid.Cid) (bool, error)
}

// Refs reads the named records.
type Refs interface {
	// ReadRef returns the value of a ref, or ErrNotFound.
	ReadRef(ctx context.Context, name string) ([]byte, error)

	// ListRefs yields all refs whose name has the prefix, by name, as they
	// stood at some moment during the call.
	ListRefs(ctx context.Context, prefix string) iter.Seq2[Ref, error]
}

// Logs reads the log that stands beside each ref.
type Logs interface {
	// ReadLog yields the records of ref's log with a sequence number above
	// after, ascending. The data is the caller's.
	ReadLog(ctx context.Context, ref string, after uint64) iter.Seq2[Record, error]
}

// Batch gathers writes that take effect together. It belongs to one goroutine.
// A batch may touch one ref only, and that ref's log only: it is all that
// an object store can swap in one step. Names of refs are 1 to 255 bytes.
//
// After Commit or Close, whatever they returned, the batch is spent.
type Batch interface {
	BlockWriter
	RefWriter

	// Size is about how many bytes the batch will write.
	Size() int

	// Commit makes the batch visible, all or nothing. ErrConflict when SwapRef
	// expected another value.
	Commit(ctx context.Context) error

	// Close drops a batch that was not committed; it does nothing after
	// Commit.
	Close() error
}

// BlockWriter adds blocks. What it is given it copies.
type BlockWriter interface {
	// PutNode adds a node and says where it will lie. children may be nil
	// (a leaf, or unknown).
	PutNode(h codec.Hash, block []byte, children []Hint) (Hint, error)

	// PutBlob adds a block. A block that the store has already costs nothing.
	PutBlob(c cid.Cid, block []byte) error
}

// RefWriter moves a ref and its log.
type RefWriter interface {
	// SwapRef sets the ref to next if it is old when the batch is committed.
	// A nil old: the ref must not exist. A nil next: it is removed, and its
	// log with it.
	SwapRef(name string, old, next []byte) error

	// AppendLog adds a record. Sequence numbers must ascend within a log.
	AppendLog(ref string, seq uint64, data []byte) error

	// TrimLog removes the records up to and including seq.
	TrimLog(ref string, seq uint64) error
}

// Sweeper is the ability to give space back.
type Sweeper interface {
	// Sweep removes every node and every blob that its function does not
	// keep, and reports what went. Nothing else may write to the store meanwhile.
	Sweep(ctx context.Context, keep Keep) (Swept, error)
}

// Keep decides what a sweep spares.
type Keep struct {
	Node func(codec.Hash) bool
	Blob func(multihash []byte) bool
}

// Swept is what a sweep removed.
type Swept struct {
	Nodes, Blobs         uint64
	NodeBytes, BlobBytes uint64
}

// Scanner is the ability to enumerate what is stored, for the checker.
type Scanner interface {
	// ScanNodes yields every stored node with its hash; the block is valid
	// until the next step.
	ScanNodes(ctx context.Context) iter.Seq2[StoredNode, error]

	// ScanBlobs yields every stored blob; the block is valid until the next
	// step.
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

// Sizer is the ability to tell how much room the store takes.
type Sizer interface {
	// DiskUsage is in bytes.
	DiskUsage(ctx context.Context) (uint64, error)
}

// Checker is the ability of a store to verify its own records: checksums, the
// hash index against the nodes, the head record. It reports each problem and
// goes on.
type Checker interface {
	CheckStore(ctx context.Context, report func(error)) error
}

package kv

import (
	"context"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// Batch gathers writes that take effect together, in the order of the calls.
// It belongs to one goroutine. A batch may touch one ref only, and that ref's
// log only: it is all that an object store can swap in one step. A call that
// answers an error added nothing.
//
// After Commit or Close, whatever they returned, the batch is spent: its
// other methods answer ErrBatch.
type Batch interface {
	BlockWriter
	RefWriter

	// Size is about how many bytes the batch will write.
	Size() int

	// Commit makes the batch visible, all or nothing. ErrConflict when SwapRef
	// expected another value, ErrSequence when AppendLog would not ascend. A
	// batch in which nothing was written commits and does nothing.
	Commit(ctx context.Context) error

	// Close drops a batch that was not committed; it does nothing after
	// Commit.
	Close() error
}

// Renewable is the ability of a batch to be used again.
type Renewable interface {
	// Renew makes a spent batch an empty one, as new, in the same memory. It
	// does nothing to a batch that is not spent.
	Renew()
}

// BlockWriter adds blocks. What it is given it copies.
type BlockWriter interface {
	// PutNode adds a node and says where it will lie. children may be nil
	// (a leaf, or unknown). Adding a node again replaces its children's hints.
	PutNode(h codec.Hash, block []byte, children []Hint) (Hint, error)

	// PutBlob adds a block. A block that the store has already costs nothing.
	PutBlob(c cid.Cid, block []byte) error
}

// RefWriter moves a ref and its log. Names of refs are any 1 to MaxName bytes.
type RefWriter interface {
	// SwapRef sets the ref to next if it is old when the batch is committed.
	// A nil old: the ref must not exist. A nil next: it is removed, and its
	// log with it. Empty and nil differ. A batch swaps once.
	SwapRef(name string, old, next []byte) error

	// AppendLog adds a record to the log beside a ref, which need not exist
	// yet. Sequence numbers begin above 0 and ascend: each must be above those
	// that are in the log at that moment.
	AppendLog(ref string, seq uint64, data []byte) error

	// TrimLog removes the records up to and including seq.
	TrimLog(ref string, seq uint64) error
}

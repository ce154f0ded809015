package kv

import "context"

// Store keeps what an engine gives it: blocks by hash, refs, and a log beside
// each ref. All methods may be called by several goroutines at once; after
// Close all of them answer ErrClosed. A context that has ended makes a call
// that was not begun answer the context's error.
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
	// calls under way; an iteration under way ends with ErrClosed at its next
	// step, so Close must not be called from within one. A second Close answers
	// ErrClosed.
	Close() error
}

// Sweeper is the ability to give space back.
type Sweeper interface {
	// Sweep removes every node and every blob that its function does not
	// keep, and reports what went. Reads may go on; nothing may write to the
	// store meanwhile, and hints of nodes that stay may become stale. It is
	// durable when it returns.
	Sweep(ctx context.Context, keep Keep) (Swept, error)
}

// Sizer is the ability to tell how much room the store takes.
type Sizer interface {
	// DiskUsage is in bytes.
	DiskUsage(ctx context.Context) (uint64, error)
}

// Checker is the ability of a store to verify its own records: checksums, the
// hash index against the nodes, the head record. It reports each problem and
// goes on; the error it returns says why it could not.
type Checker interface {
	CheckStore(ctx context.Context, report func(error)) error
}

// Package kv says what the engine asks of a key/value store: blocks found by
// hash or by hint, small named refs that move by compare-and-swap, a log beside
// each ref, and batches that take effect whole.
//
// It stores nothing itself; the packages below it do: pebblekv on a disk,
// memkv as the model, dskv over any go-datastore. It knows nothing of trees: a
// node is bytes with a hash, and hints of where its children lie. It does not
// hash what it reads: whoever reads verifies.
//
//	       Batch ──── Commit ───┐ visible          Sync: durable
//	PutNode PutBlob             ▼                     │
//	SwapRef AppendLog   ┌───────────────────────┐     ▼
//	                    │ b1 │ b2 │ b3 │ b4 │ b5│ ────┬──────►  commits
//	                    └───────────────────────┘     │
//	after a crash:      └── all up to some commit, at or after the last Sync
//
// Invariants, which the suite in kvtest cites:
//
//	K1  A batch is visible whole or not at all, to every reader and after a crash.
//	K2  What was committed before a Sync that returned nil survives a crash.
//	K3  What survives a crash is a prefix of the commits.
//	K4  A ref moves only from the value that its batch expected.
//	K5  The sequence numbers of a log ascend.
//	K6  A read answers what was written, ErrNotFound or another error: never
//	    part of it, never less without an error.
//	K7  A hint never changes what a read with the right hash finds, only how fast.
//	K8  After Close every call answers ErrClosed; Close waits for calls under way.
//	K9  Bytes given to a store are copied; bytes taken from it are the caller's.
package kv

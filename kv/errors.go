package kv

import "errors"

var (
	// ErrNotFound: no such block or ref.
	ErrNotFound = errors.New("kv: not found")

	// ErrConflict: a ref is not what the batch expected; nothing was written.
	ErrConflict = errors.New("kv: ref was changed by another")

	// ErrSequence: a log record is numbered 0, or not above the records before
	// it; nothing was written.
	ErrSequence = errors.New("kv: log sequence does not ascend")

	// ErrName: a ref's name is not 1 to MaxName bytes long, or a blob has no
	// name.
	ErrName = errors.New("kv: bad name")

	// ErrBatch: a batch was used for what it cannot do: for a second ref, for a
	// second swap, or after it was committed or closed.
	ErrBatch = errors.New("kv: misused batch")

	// ErrTooLarge: more than the store takes at once.
	ErrTooLarge = errors.New("kv: too large")

	// ErrCorrupt: the store's own records contradict each other or fail their
	// checksums.
	ErrCorrupt = errors.New("kv: corrupt")

	// ErrRollback: the store stands at a state older than one it had
	// acknowledged as durable.
	ErrRollback = errors.New("kv: store was rolled back")

	// ErrFormat: the store was written in a format that this release cannot
	// read, or the directory is no store at all.
	ErrFormat = errors.New("kv: unknown store format")

	// ErrNoStore: there is no store where one had to be.
	ErrNoStore = errors.New("kv: no store here")

	// ErrLocked: another process, or another handle, holds the store.
	ErrLocked = errors.New("kv: store is in use")

	// ErrReadOnly: the store was opened for reading only.
	ErrReadOnly = errors.New("kv: store is read-only")

	// ErrFailed: an earlier write or sync failed, so that nobody knows what is
	// on the disk. The store does nothing more; opening it again finds a state
	// that keeps every promise.
	ErrFailed = errors.New("kv: store stopped after a failure")

	// ErrBusy: garbage is being collected already.
	ErrBusy = errors.New("kv: a collection is under way")

	// ErrClosed: the store is closed.
	ErrClosed = errors.New("kv: closed")
)

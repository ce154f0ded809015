package engine

import (
	"errors"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

var (
	// ErrClosed: the engine, the snapshot or the iterator's engine was closed.
	ErrClosed = errors.New("engine: closed")

	// ErrConflict: the transaction read what another writer has changed since;
	// nothing was written. Begin again.
	ErrConflict = errors.New("engine: conflict")

	// ErrNotFound is prolly.ErrNotFound: the key is not there. Nothing else is
	// ever reported by it.
	ErrNotFound = prolly.ErrNotFound

	// ErrReadOnly: the engine was opened for reading.
	ErrReadOnly = errors.New("engine: read only")

	// ErrNoBranch and ErrBranchExists: of the name that was given.
	ErrNoBranch     = errors.New("engine: no such branch")
	ErrBranchExists = errors.New("engine: branch exists")

	// ErrNoTag: there is no tag of this name.
	ErrNoTag = errors.New("engine: no such tag")

	// ErrBadName: not a name for a branch or a tag; see Engine.Branch.
	ErrBadName = errors.New("engine: bad name")

	// ErrNoCommit: the branch has no commit yet, or the block is no commit.
	ErrNoCommit = errors.New("engine: no commit")

	// ErrHistoryCut: what was asked for lies beyond where the history was cut
	// off (Retain, MarkShallow).
	ErrHistoryCut = errors.New("engine: the history was cut off")

	// ErrUncommitted: the branch holds writes that no commit has.
	ErrUncommitted = errors.New("engine: writes that are not committed")

	// ErrUnknownRef: neither a branch, a tag, a commit nor a root.
	ErrUnknownRef = errors.New("engine: unknown ref")

	// ErrTxDone: the transaction was committed or discarded.
	ErrTxDone = errors.New("engine: transaction is over")

	// ErrHash: the block is named by a hash function that this program does
	// not know, so that nobody can tell whether it is the right one.
	ErrHash = errors.New("engine: unknown hash function")

	// ErrCorrupt is prolly.ErrCorrupt: what the store returned is not what was
	// written.
	ErrCorrupt = prolly.ErrCorrupt

	// ErrMissing is prolly.ErrMissing: a block that something names is not in
	// the store.
	ErrMissing = prolly.ErrMissing

	// Those of package kv: there is no store to open and none was to be
	// created; another handle holds it; it stands at an older state than it
	// had acknowledged; it is of another format, or none at all; it stopped
	// after a failure.
	ErrNoStore  = kv.ErrNoStore
	ErrLocked   = kv.ErrLocked
	ErrRollback = kv.ErrRollback
	ErrFormat   = kv.ErrFormat
	ErrFailed   = kv.ErrFailed
)

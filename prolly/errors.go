package prolly

import (
	"errors"
	"fmt"
)

var (
	// ErrNotFound: the key is not in the tree.
	ErrNotFound = errors.New("prolly: not found")

	// ErrMissing: a block that the tree names is not in the store.
	ErrMissing = errors.New("prolly: block missing")

	// ErrCorrupt: a block is not what its address or place says: wrong hash,
	// wrong level, wrong first key, malformed.
	ErrCorrupt = errors.New("prolly: corrupt")

	// ErrIsLink: the value is a link of the caller's and has no bytes of its
	// own; Lookup returns it.
	ErrIsLink = errors.New("prolly: value is a link")

	// ErrKeyEmpty and ErrKeyTooLong: a key has 1 to codec.MaxKey bytes.
	ErrKeyEmpty   = errors.New("prolly: empty key")
	ErrKeyTooLong = errors.New("prolly: key too long")

	// ErrLinkTooLong: the CID of a link has at most codec.MaxLink bytes.
	ErrLinkTooLong = errors.New("prolly: link too long")

	// ErrBadValue: a Value that is neither bytes, nor a link, nor a value that
	// a tree yielded.
	ErrBadValue = errors.New("prolly: not a value")

	// ErrTooLarge: a value's length, or a sum over the tree, passes 2^48-1.
	ErrTooLarge = errors.New("prolly: too large")

	// ErrGap: keys were chosen against the hash, so that a level has no stage-1 cut
	// for longer than Limits say.
	ErrGap = errors.New("prolly: a stretch without a cut")

	// ErrUnsorted: the entries given to Build do not strictly ascend.
	ErrUnsorted = errors.New("prolly: entries not in ascending key order")

	// ErrConflict: both sides of a merge changed a key, or a patch finds
	// another value than it was made for. It comes as a ConflictError.
	ErrConflict = errors.New("prolly: conflict")
)

// ConflictError names the key at which a merge or a patch failed.
type ConflictError struct{ Key []byte }

func (e *ConflictError) Error() string { return fmt.Sprintf("%v: key %q", ErrConflict, clip(e.Key)) }

func (e *ConflictError) Unwrap() error { return ErrConflict }

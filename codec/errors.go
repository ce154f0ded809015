package codec

import (
	"errors"
	"fmt"
)

// What can be wrong with a block. A DecodeError wraps one of them and says
// where.
var (
	// ErrVersion: the block is of a version that this package does not know.
	ErrVersion = errors.New("unknown format version")

	// ErrSyntax: the bytes are not the one encoding of such a block: cut short,
	// another CBOR type or array length, a head longer than needed, an
	// indefinite length, a number that is not in its shortest form.
	ErrSyntax = errors.New("not in canonical form")

	// ErrTrailing: something follows the block.
	ErrTrailing = errors.New("trailing bytes")

	// ErrTooLarge: a block, a count, a sum or a weight is over its limit.
	ErrTooLarge = errors.New("over the limit")

	// ErrTooFew: an inner node or a chunk list has fewer than two items.
	ErrTooFew = errors.New("fewer than two items")

	// ErrTable: a table is not as long as the number of items asks for, or
	// its ends descend or miss the end of what they index.
	ErrTable = errors.New("broken table")

	// ErrKey: a key is empty or too long, or is no text where text is asked
	// for.
	ErrKey = errors.New("bad key")

	// ErrOrder: keys do not strictly ascend.
	ErrOrder = errors.New("keys not in ascending order")

	// ErrPrefix: the prefix is not the longest that all keys share.
	ErrPrefix = errors.New("prefix is not the common one")

	// ErrKind: a value is not kept in the way that its length asks for.
	ErrKind = errors.New("wrong kind of value")

	// ErrLink: a link is malformed, of a codec or hash that may not stand in
	// its place, missing, repeated, or one too many.
	ErrLink = errors.New("bad link")

	// ErrStats: a number contradicts what stands beside it, or cannot be: a
	// child without entries, a chunk without bytes, lengths that do not sum to
	// the total, a sequence number that does not fit the parents.
	ErrStats = errors.New("impossible number")
)

// DecodeError tells what is wrong with a block, and where.
type DecodeError struct {
	Offset int    // in bytes from the start of the block
	Field  string // the name of the field in FORMAT.md, or "block"
	Err    error  // one of the sentinels of this package
}

func (e *DecodeError) Error() string {
	return fmt.Sprintf("codec: %s at byte %d: %v", e.Field, e.Offset, e.Err)
}

func (e *DecodeError) Unwrap() error { return e.Err }

package kv

import (
	"context"
	"fmt"
	"iter"
)

// MaxName is the longest name of a ref, in bytes.
const MaxName = 255

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

// Refs reads the named records. What it yields is the caller's.
type Refs interface {
	// ReadRef returns the value of a ref, or ErrNotFound.
	ReadRef(ctx context.Context, name string) ([]byte, error)

	// ListRefs yields all refs whose name has the prefix, by name in byte
	// order, as they stood at some moment during the call. An error is the last
	// thing it yields.
	ListRefs(ctx context.Context, prefix string) iter.Seq2[Ref, error]
}

// Logs reads the log that stands beside each ref.
type Logs interface {
	// ReadLog yields the records of ref's log with a sequence number above
	// after, ascending, as they stood at some moment during the call. The data is
	// the caller's. An error is the last thing it yields. A log that was never
	// written to is empty.
	ReadLog(ctx context.Context, ref string, after uint64) iter.Seq2[Record, error]
}

// CheckName answers ErrName unless name can be a ref's.
func CheckName(name string) error {
	if len(name) == 0 || len(name) > MaxName {
		return fmt.Errorf("%w: a ref's name has 1 to %d bytes, not %d", ErrName, MaxName, len(name))
	}
	return nil
}

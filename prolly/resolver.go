package prolly

import (
	"bytes"
	"context"
	"time"
)

// Conflict is a key that both sides of a merge have changed since their base,
// each to something else. A nil value says that there is no such key: it was
// added when Base is nil, and removed by the side that has none. The bytes are
// valid, and must not be changed, until the resolver returns.
type Conflict struct {
	Key                []byte
	Base, Ours, Theirs *Value
}

// Resolution is what becomes of a conflict. It may refer to the values of the
// Conflict.
type Resolution struct {
	// Value is the key's; nil removes the key.
	Value *Value

	// Beside, unless nil, is kept too, under the key followed by Suffix, or by
	// as many of them as make a key that neither side has. The merge fails
	// with ErrKeyTooLong when that is longer than a key may be.
	Beside *Value
	Suffix []byte
}

// Resolver decides a conflict. Its error ends the merge and is returned.
type Resolver func(ctx context.Context, c Conflict) (Resolution, error)

// Fail ends the merge with a ConflictError for the first key in conflict.
func Fail(_ context.Context, c Conflict) (Resolution, error) {
	return Resolution{}, &ConflictError{Key: bytes.Clone(c.Key)}
}

// Ours keeps what ours has.
func Ours(_ context.Context, c Conflict) (Resolution, error) {
	return Resolution{Value: c.Ours}, nil
}

// Theirs takes what theirs has.
func Theirs(_ context.Context, c Conflict) (Resolution, error) {
	return Resolution{Value: c.Theirs}, nil
}

// Newest lets the side decide that is as new as the times say; ours when they
// are equal.
func Newest(ours, theirs time.Time) Resolver {
	if theirs.After(ours) {
		return Theirs
	}
	return Ours
}

// NewestBy asks for each conflict whether theirs is newer.
func NewestBy(theirs func(ctx context.Context, c Conflict) (bool, error)) Resolver {
	return func(ctx context.Context, c Conflict) (Resolution, error) {
		newer, err := theirs(ctx, c)
		if err == nil && newer {
			return Theirs(ctx, c)
		}
		return Resolution{Value: c.Ours}, err
	}
}

// KeepBoth keeps the value of ours under the key and that of theirs under the
// key with a suffix. Where one side removed the key, the value of the other
// stays.
func KeepBoth(suffix string) Resolver {
	s := []byte(suffix)
	return func(_ context.Context, c Conflict) (Resolution, error) {
		switch {
		case c.Ours == nil:
			return Resolution{Value: c.Theirs}, nil
		case c.Theirs == nil:
			return Resolution{Value: c.Ours}, nil
		}
		return Resolution{Value: c.Ours, Beside: c.Theirs, Suffix: s}, nil
	}
}

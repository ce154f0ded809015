package prollyds

import (
	"context"
	"errors"
	"iter"
	"time"

	datastore "github.com/ipfs/go-datastore"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// tree is one of the two trees of a branch, of a transaction on it, or of it at
// a moment.
type tree interface {
	// Get returns a copy of the value; engine.ErrNotFound, prolly.ErrIsLink.
	Get(ctx context.Context, key []byte) ([]byte, error)

	// Has tells whether key is there.
	Has(ctx context.Context, key []byte) (bool, error)

	// Lookup returns the entry without reading what stands out of line;
	// engine.ErrNotFound.
	Lookup(ctx context.Context, key []byte) (prolly.Entry, error)

	// Range yields entries, valid until the next step, and an error last.
	Range(ctx context.Context, r prolly.Range) iter.Seq2[prolly.Entry, error]
}

// moment is what a read looks at: the entries, and when those expire that do.
type moment struct {
	tree tree
	side tree // nil: nothing expires
	now  time.Time
}

// expiry returns when key expires; the zero time when it does not. live is
// false when that is over.
func (m moment) expiry(ctx context.Context, key []byte) (at time.Time, live bool, err error) {
	if m.side == nil {
		return time.Time{}, true, nil
	}
	b, err := m.side.Get(ctx, key)
	if errors.Is(err, engine.ErrNotFound) {
		return time.Time{}, true, nil
	}
	if err == nil {
		at, err = parseExpiry(b)
	}
	return at, err == nil && m.now.Before(at), err
}

// gone answers datastore.ErrNotFound when the key has expired. Expiry is read
// before the entry: an entry that was put in between is then taken for what it
// is, present.
func (m moment) gone(ctx context.Context, key []byte) error {
	_, live, err := m.expiry(ctx, key)
	if err == nil && !live {
		return datastore.ErrNotFound
	}
	return err
}

func (m moment) get(ctx context.Context, key []byte) ([]byte, error) {
	if err := m.gone(ctx, key); err != nil {
		return nil, err
	}
	v, err := m.tree.Get(ctx, key)
	if err == nil {
		return v, nil
	}
	if errors.Is(err, prolly.ErrIsLink) {
		e, err := m.lookup(ctx, key)
		return e.Value.Link.Bytes(), err
	}
	return nil, notFound(err)
}

func (m moment) has(ctx context.Context, key []byte) (bool, error) {
	if err := m.gone(ctx, key); err != nil {
		if err == datastore.ErrNotFound {
			err = nil
		}
		return false, err
	}
	return m.tree.Has(ctx, key)
}

// lookup returns an entry that has not expired.
func (m moment) lookup(ctx context.Context, key []byte) (prolly.Entry, error) {
	if err := m.gone(ctx, key); err != nil {
		return prolly.Entry{}, err
	}
	e, err := m.tree.Lookup(ctx, key)
	return e, notFound(err)
}

// measured is the ability to tell the length of a value sooner than by Lookup.
type measured interface {
	// Size returns the length of a value; engine.ErrNotFound.
	Size(ctx context.Context, key []byte) (uint64, error)
}

func (m moment) size(ctx context.Context, key []byte) (int, error) {
	if t, ok := m.tree.(measured); ok && m.side == nil {
		n, err := t.Size(ctx, key)
		if err != nil {
			return -1, notFound(err)
		}
		return sizeOf(prolly.Value{Size: n})
	}
	e, err := m.lookup(ctx, key)
	if err != nil {
		return -1, err
	}
	return sizeOf(e.Value)
}

// sizeOf is a value's length where it can be told in an int.
func sizeOf(v prolly.Value) (int, error) {
	n := int(v.Size)
	if n < 0 || uint64(n) != v.Size {
		return -1, prolly.ErrTooLarge
	}
	return n, nil
}

// notFound turns the engine's word for it into go-datastore's, whose callers
// compare it with ==.
func notFound(err error) error {
	if errors.Is(err, engine.ErrNotFound) {
		return datastore.ErrNotFound
	}
	return err
}

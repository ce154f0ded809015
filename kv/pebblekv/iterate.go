package pebblekv

import (
	"context"
	"iter"

	"github.com/cockroachdb/pebble/v2"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// cursor is a Pebble iterator whose panics become errors; what its user does
// between two steps may panic as it likes.
type cursor struct {
	s     *Store
	it    *pebble.Iterator
	begun bool
	err   error
}

// cursor opens a cursor over keys from lower to upper, upper excluded. The
// caller has entered the store, and closes the cursor.
func (s *Store) cursor(r pebble.Reader, lower, upper []byte) *cursor {
	c := &cursor{s: s}
	c.err = s.guard(func() (err error) {
		c.it, err = r.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
		return err
	})
	return c
}

// next goes to the next key; at the end, or at an error, it answers false.
func (c *cursor) next(ctx context.Context) (ok bool) {
	if c.err != nil {
		return false
	}
	if c.err = ctx.Err(); c.err == nil && c.s.gate.Closed() {
		c.err = kv.ErrClosed
	}
	if c.err == nil {
		c.err = c.s.guard(func() error {
			if c.begun {
				ok = c.it.Next()
			} else {
				ok, c.begun = c.it.First(), true
			}
			return c.it.Error()
		})
	}
	return ok && c.err == nil
}

// key is valid until the next step.
func (c *cursor) key() []byte { return c.it.Key() }

// value is valid until the next step; false when it cannot be read.
func (c *cursor) value() (value []byte, ok bool) {
	c.err = c.s.guard(func() (err error) {
		value, err = c.it.ValueAndErr()
		return err
	})
	return value, c.err == nil
}

// close ends the iteration and returns its error.
func (c *cursor) close() error {
	if c.it != nil {
		err := c.s.guard(c.it.Close)
		c.it = nil
		if c.err == nil {
			c.err = err
		}
	}
	return c.err
}

// iterate makes a sequence out of the keys from lower to upper and their
// values. take makes an item of each; ok false leaves it out.
func iterate[T any](ctx context.Context, s *Store, op string, lower, upper []byte,
	take func(key, value []byte) (item T, ok bool, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		if err := s.enter(ctx); err != nil {
			yield(none, s.describe(op, err))
			return
		}
		defer s.gate.Leave()
		c := s.cursor(s.db, lower, upper)
		defer func() { _ = c.close() }() // for the early ways out; its error is read below
		for c.next(ctx) {
			value, ok := c.value()
			if !ok {
				break
			}
			item, ok, err := take(c.key(), value)
			if err != nil {
				c.err = err
				break
			}
			if ok && !yield(item, nil) {
				return
			}
		}
		if err := c.close(); err != nil {
			yield(none, s.describe(op, err))
		}
	}
}

// ListRefs implements kv.Refs.
func (s *Store) ListRefs(ctx context.Context, prefix string) iter.Seq2[kv.Ref, error] {
	lower := refKey(prefix)
	return iterate(ctx, s, "list refs", lower, prefixEnd(lower),
		func(key, value []byte) (kv.Ref, bool, error) {
			return kv.Ref{Name: string(key[1:]), Value: append([]byte{}, value...)}, true, nil
		})
}

// ReadLog implements kv.Logs.
func (s *Store) ReadLog(ctx context.Context, ref string, after uint64) iter.Seq2[kv.Record, error] {
	if kv.CheckName(ref) != nil {
		ref = "" // no ref has this name, and none has the empty one
	}
	records := iterate(ctx, s, "read log", afterLog(ref, after), logEnd(ref),
		func(key, value []byte) (r kv.Record, ok bool, err error) {
			_, seq, ok := parseLogKey(key)
			_, data, err := parseRecord(value)
			return kv.Record{Seq: seq, Data: append([]byte{}, data...)}, ok, err
		})
	return func(yield func(kv.Record, error) bool) {
		if err := s.showHeld(ctx); err != nil {
			yield(kv.Record{}, err)
			return
		}
		records(yield)
	}
}

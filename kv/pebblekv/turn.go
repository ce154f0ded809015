package pebblekv

import (
	"context"

	lock "github.com/go-ds-prolly/go-ds-prolly/kv/turn"
)

// turn is a lock that one can stop waiting for.
type turn struct{ *lock.Turn }

func newTurn() turn { return turn{lock.New()} }

// take waits for the turn, for the end of the context, or for the store to get
// stuck. After a failure nobody gets it.
func (t turn) take(ctx context.Context, f *failure) error {
	if !t.Try() && !t.Take(ctx.Done(), f.stuck) {
		if err := ctx.Err(); err != nil && !f.wedged() {
			return err
		}
		return f.err()
	}
	if err := f.err(); err != nil {
		t.give()
		return err
	}
	return nil
}

func (t turn) give() { t.Give() }

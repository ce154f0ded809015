package pebblekv

import "context"

// turn is a lock that one can stop waiting for.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

// take waits for the turn, for the end of the context, or for the store to get
// stuck. After a failure nobody gets it.
func (t turn) take(ctx context.Context, f *failure) error {
	select {
	case t <- struct{}{}:
	default:
		select {
		case t <- struct{}{}:
		case <-f.stuck:
			return f.err()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := f.err(); err != nil {
		t.give()
		return err
	}
	return nil
}

func (t turn) give() { <-t }

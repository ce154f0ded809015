package pebblekv

import (
	"context"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// syncer lets callers that come together share the work: one of them does a
// round, the others wait for it.
type syncer struct {
	mu    sync.Mutex
	round *round // under way, or nil
}

type round struct {
	done chan struct{}
	err  error // set before done is closed
}

// join returns the round under way; leads tells that there was none and that
// the caller must do this one.
func (y *syncer) join() (r *round, leads bool) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.round == nil {
		y.round, leads = &round{done: make(chan struct{})}, true
	}
	return y.round, leads
}

// finish ends the round.
func (y *syncer) finish(r *round, err error) {
	y.mu.Lock()
	y.round = nil
	y.mu.Unlock()
	r.err = err
	close(r.done)
}

// Sync implements kv.Store. A sync that has begun is not cut short by its
// context; one that waits for another's is.
func (s *Store) Sync(ctx context.Context) (err error) {
	if err := s.enter(ctx); err != nil {
		return s.describe("sync", err)
	}
	defer s.leave("sync", &err)
	return s.syncUpTo(ctx, s.committed.Load())
}

// syncUpTo makes batches durable up to the one numbered want.
func (s *Store) syncUpTo(ctx context.Context, want uint64) error {
	// The first round joined may have begun before want was committed.
	for s.durable.Load() < want && !s.readOnly {
		r, leads := s.syncer.join()
		if leads {
			s.syncer.finish(r, s.syncNow())
		}
		select {
		case <-r.done:
		case <-s.stuck:
			return s.failure.err()
		case <-ctx.Done():
			return ctx.Err()
		}
		if r.err != nil {
			return r.err
		}
	}
	return nil
}

// syncNow syncs the log, and then says so in the head record (P3). One runs at
// a time. When it fails the store stops, because what is on the disk is
// unknown and a second fsync may report success for what the first one lost.
func (s *Store) syncNow() error {
	return s.guard(func() error {
		reached, wait, err := s.syncLog()
		if err != nil {
			return err
		}
		if err = wait(); err == nil {
			err = s.head.write(reached)
		}
		if err != nil {
			return s.stop(err)
		}
		s.durable.Store(reached.sequence)
		return nil
	})
}

// syncLog orders a sync of Pebble's log behind all that is committed now. The
// wait for it needs no lock, so that commits go on meanwhile.
func (s *Store) syncLog() (reached slot, wait func() error, err error) {
	if err := s.turn.take(background, s.failure); err != nil {
		return slot{}, nil, err
	}
	defer s.turn.give()
	if err := s.letGo(); err != nil {
		return slot{}, nil, s.stop(err)
	}
	mark := s.db.NewBatch()
	if err := mark.LogData(nil, nil); err != nil {
		return slot{}, nil, s.stop(err)
	}
	if err := s.db.ApplyNoSyncWait(mark, pebble.Sync); err != nil {
		return slot{}, nil, s.stop(err)
	}
	wait = func() error {
		if err := mark.SyncWait(); err != nil {
			return err
		}
		return mark.Close()
	}
	return slot{sequence: s.st.sequence, digest: s.st.digest}, wait, nil
}

// verifyHead reads HEAD again and compares it with a state that the store had
// before the call.
func (s *Store) verifyHead(st state) error {
	for {
		r, leads := s.syncer.join()
		if !leads {
			select {
			case <-r.done:
				continue
			case <-s.stuck:
				return s.failure.err()
			}
		}
		again := head{f: s.head.f}
		err := again.read()
		if err == nil && again.newest != s.head.newest {
			err = fmt.Errorf("%w: the head record is not what was written", kv.ErrCorrupt)
		}
		if err == nil && st.sequence >= again.newest.sequence {
			err = again.compare(st)
		}
		s.syncer.finish(r, nil)
		return err
	}
}

package pebblekv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/kv/internal/gate"
)

// Store is a kv.Store in a directory. It is a Sweeper, a Scanner, a Sizer and
// a Checker too.
type Store struct {
	*failure
	readOnly bool
	lock     io.Closer
	cache    *pebble.Cache
	db       *pebble.DB
	gate     *gate.Gate

	generation uint32        // of the ids given by this handle
	lastNode   atomic.Uint64 // sequence of the last id given

	turn turn // orders commits, and whatever else enters Pebble's commit pipeline
	room room
	st   state
	logs map[string]*logState

	committed atomic.Uint64 // st.sequence, for who has not the turn
	durable   atomic.Uint64 // sequence in the head record
	syncer    syncer
	head      *head // belongs to the sync under way
}

var (
	_ kv.Store   = (*Store)(nil)
	_ kv.Sweeper = (*Store)(nil)
	_ kv.Scanner = (*Store)(nil)
	_ kv.Sizer   = (*Store)(nil)
	_ kv.Checker = (*Store)(nil)
)

func newStore(dir string, o Options, db *pebble.DB, cache *pebble.Cache, f *failure, h *head,
	st state, logs map[string]*logState) *Store {
	s := &Store{
		failure:    f,
		readOnly:   o.ReadOnly,
		cache:      cache,
		db:         db,
		gate:       gate.New(),
		turn:       newTurn(),
		room:       newRoom(o.MemTableBytes),
		generation: st.generation + 1,
		st:         st,
		logs:       logs,
		head:       h,
	}
	s.committed.Store(st.sequence)
	s.durable.Store(h.newest.sequence)
	return s
}

// enter begins a call; when it answers nil, leave must follow.
func (s *Store) enter(ctx context.Context) error {
	if !s.gate.Enter() {
		return kv.ErrClosed
	}
	err := ctx.Err()
	if err == nil {
		err = s.failure.err()
	}
	if err != nil {
		s.gate.Leave()
	}
	return err
}

// leave ends a call, deferred: it catches panics out of Pebble and gives the
// error its last form.
func (s *Store) leave(op string, err *error) {
	if r := recover(); r != nil {
		*err = s.caught(r)
	}
	s.gate.Leave()
	if *err != nil {
		*err = s.describe(op, *err)
	}
}

func (s *Store) describe(op string, err error) error {
	return fmt.Errorf("pebblekv: %s: %w", op, translate(err))
}

// Close implements kv.Store. After a failure it closes what it can and answers
// kv.ErrFailed; when the failure left Pebble in an unknown state it closes
// nothing and does not wait, and the directory stays locked until the process
// ends.
func (s *Store) Close() error {
	if !s.gate.Close(s.stuck) {
		return s.describe("close", kv.ErrClosed)
	}
	var err error
	if !s.readOnly && s.failure.err() == nil {
		err = s.settle()
	}
	if failed := s.failure.err(); failed != nil {
		err = failed
	}
	if !s.wedged() {
		err = errors.Join(err, s.await(s.db.Close))
	}
	if !s.wedged() {
		err = errors.Join(err, s.head.close())
		s.cache.Unref()
		err = errors.Join(err, s.lock.Close())
	}
	if err != nil {
		return s.describe("close", err)
	}
	return nil
}

// settle makes everything durable and leaves no log behind to be replayed,
// because a damaged log is found less surely than a damaged table.
func (s *Store) settle() error {
	if s.durable.Load() < s.committed.Load() {
		if err := s.syncNow(); err != nil {
			return err
		}
	}
	return s.flush()
}

// flush writes what is in memory to tables. A flush that fails is tried again
// by Pebble for ever; this one gives up, and leaves it to the log.
func (s *Store) flush() error {
	select {
	case <-s.trouble:
	default:
	}
	if err := s.turn.take(background, s.failure); err != nil {
		return err
	}
	var flushed <-chan struct{}
	err := s.await(func() (err error) { flushed, err = s.db.AsyncFlush(); return err })
	s.room.fresh(0)
	s.turn.give()
	if err != nil {
		return err
	}
	select {
	case <-flushed:
		return nil
	case <-s.stuck:
		return s.failure.err()
	case <-s.trouble:
		s.log.Error("going on without a flush: it failed")
		return nil
	}
}

var background = context.Background()

package pebblekv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/kv/internal/gate"
)

// Store is a kv.Store in a directory. It is a Sweeper, a Scanner, a Sizer and
// a Checker too.
type Store struct {
	*failure
	dir      directory
	readOnly bool
	lock     io.Closer
	cache    *pebble.Cache
	db       *pebble.DB
	gate     *gate.Gate

	generation uint32 // of the ids given by this handle
	ids        ids
	noted      atomic.Uint64 // sequence of the batch that notes the generation as used

	turn turn // orders commits, and whatever else enters Pebble's commit pipeline
	room room
	st   state
	logs map[string]*logState
	held *pebble.Batch // records that are committed and Pebble has not got yet; nil: none

	committed atomic.Uint64 // st.sequence, for who has not the turn
	durable   atomic.Uint64 // sequence in the head record
	syncer    syncer
	head      *head // belongs to the sync under way

	fs     vfs.FS // as Pebble sees it
	tables sstable.WriterOptions
	behind behind
	ahead  ahead

	collecting atomic.Pointer[collection] // nil: none is under way

	damage error        // of a store that was rescued: see Damage
	clean  func() error // removes what it was rescued to; nil: it lies where it was
}

var (
	_ kv.Store   = (*Store)(nil)
	_ kv.Sweeper = (*Store)(nil)
	_ kv.Scanner = (*Store)(nil)
	_ kv.Sizer   = (*Store)(nil)
	_ kv.Checker = (*Store)(nil)
	_ kv.Behind  = (*Store)(nil)
)

func newStore(dir directory, o Options, db *pebble.DB, cache *pebble.Cache, f *failure, h *head,
	st state, logs map[string]*logState) *Store {
	s := &Store{
		failure:    f,
		dir:        dir,
		readOnly:   o.ReadOnly,
		cache:      cache,
		db:         db,
		gate:       gate.New(),
		turn:       newTurn(),
		room:       newRoom(o.MemTableBytes),
		generation: st.generation + 1,
		ids:        ids{generation: st.generation + 1},
		st:         st,
		logs:       logs,
		head:       h,
	}
	s.committed.Store(st.sequence)
	s.durable.Store(h.newest.sequence)
	s.ahead.init(o.CacheBytes / 2)
	if s.behind.init(o.RunBytes); !s.readOnly {
		s.fs, s.tables = dataFS{o.FS, f}, tableOptions(&o, db, cache, f)
		go s.writeBehind()
	}
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
	flushed := false
	if !s.readOnly && s.failure.err() == nil {
		flushed, err = s.settle()
	}
	s.stopBehind()
	if failed := s.failure.err(); failed != nil {
		err = failed
	}
	if !s.wedged() {
		err = errors.Join(err, s.await(s.db.Close))
		if err == nil && flushed {
			err = s.removeLogs()
		}
	}
	if !s.wedged() {
		err = errors.Join(err, s.head.close())
		s.cache.Unref()
		err = errors.Join(err, s.lock.Close())
		if s.clean != nil {
			err = errors.Join(err, s.clean())
		}
	}
	if err != nil {
		return s.describe("close", err)
	}
	return nil
}

// settle makes everything durable and leaves no log behind to be replayed,
// because a damaged log is found less surely than a damaged table. flushed
// tells whether it came so far.
func (s *Store) settle() (flushed bool, err error) {
	if err := s.behind.flush(background, s.failure); err != nil {
		return false, err
	}
	if err := s.guard(s.useUp); err != nil {
		return false, err
	}
	if s.durable.Load() < s.committed.Load() {
		if err := s.syncNow(); err != nil {
			return false, err
		}
	}
	return s.flush()
}

// useUp notes the generation as used when ids of it were given in vain, for
// they must not be given again (P1).
func (s *Store) useUp() error {
	if err := s.turn.take(background, s.failure); err != nil {
		return err
	}
	used := !s.ids.any() || s.st.generation == s.generation
	s.turn.give()
	if used {
		return nil
	}
	b := &batch{s: s, pb: s.db.NewBatch(), puts: true}
	return s.commit(background, b, b.pb)
}

// flush writes what is in memory to tables. A flush that fails is tried again
// by Pebble for ever; this one gives up, and leaves it to the log.
func (s *Store) flush() (done bool, err error) {
	select {
	case <-s.trouble:
	default:
	}
	if err := s.turn.take(background, s.failure); err != nil {
		return false, err
	}
	if err := s.guard(s.letGo); err != nil {
		s.turn.give()
		return false, s.stop(err)
	}
	var flushed <-chan struct{}
	begin := time.Now()
	err = s.await(func() (err error) { flushed, err = s.db.AsyncFlush(); return err })
	s.room.fresh(0)
	s.turn.give()
	s.tell("wait for a memtable, flush", begin, 0)
	if err != nil {
		return false, err
	}
	select {
	case <-flushed:
		return true, nil
	case <-s.stuck:
		return false, s.failure.err()
	case <-s.trouble:
		s.log.Error("going on without a flush: it failed")
		return false, nil
	}
}

// removeLogs removes all logs, once Pebble is closed after a flush: there is
// nothing in them, but the files, which Pebble keeps to use again, are each as
// large as a memtable.
func (s *Store) removeLogs() error {
	names, err := s.dir.fs.List(s.dir.data())
	for _, name := range names {
		if err == nil && isLog(name) {
			err = s.dir.fs.Remove(s.dir.fs.PathJoin(s.dir.data(), name))
		}
	}
	return err
}

var background = context.Background()

package dskv

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"

	cid "github.com/ipfs/go-cid"
	ds "github.com/ipfs/go-datastore"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/kv/internal/gate"
)

// Store is a kv.Store in a datastore. It is a Sweeper, a Scanner, a Sizer and
// a Checker too.
type Store struct {
	d    ds.Datastore
	gate *gate.Gate

	mu      sync.RWMutex    // held for writing by commits, for reading by readers of refs and logs
	trimmed map[string]head // written since the last sync, and counting fewer records than before
	failure atomic.Pointer[error]
}

var (
	_ kv.Store   = (*Store)(nil)
	_ kv.Sweeper = (*Store)(nil)
	_ kv.Scanner = (*Store)(nil)
	_ kv.Sizer   = (*Store)(nil)
	_ kv.Checker = (*Store)(nil)
)

// formatVersion is the version of the layout of keys and values.
const formatVersion = "1"

// lent holds the datastores that a Store of this process uses.
var lent sync.Map

// New opens the store in d, which stays its owner's: Close does not close it.
// A namespace (go-datastore/namespace) keeps it apart from other things in the
// same datastore. kv.ErrLocked when a Store of this process uses d already;
// kv.ErrFormat when d holds a store of another format.
func New(ctx context.Context, d ds.Datastore) (*Store, error) {
	s := &Store{d: d, gate: gate.New(), trimmed: map[string]head{}}
	if err := s.take(); err != nil {
		return nil, fmt.Errorf("dskv: open: %w", err)
	}
	err := s.checkFormat(ctx)
	if err == nil {
		err = s.tidy(ctx)
	}
	if err != nil {
		s.giveBack()
		return nil, fmt.Errorf("dskv: open: %w", err)
	}
	return s, nil
}

func (s *Store) take() error {
	if !reflect.TypeOf(s.d).Comparable() {
		return nil // nobody can tell whether it is used
	}
	if _, used := lent.LoadOrStore(s.d, true); used {
		return kv.ErrLocked
	}
	return nil
}

func (s *Store) giveBack() {
	if reflect.TypeOf(s.d).Comparable() {
		lent.Delete(s.d)
	}
}

// checkFormat reads the format, or writes it into a datastore without one.
func (s *Store) checkFormat(ctx context.Context) error {
	found, err := s.d.Get(ctx, formatKey)
	if errors.Is(err, ds.ErrNotFound) {
		return s.d.Put(ctx, formatKey, []byte(formatVersion))
	}
	if err == nil && string(found) != formatVersion {
		err = fmt.Errorf("%w: the store has format %q, this release reads %q", kv.ErrFormat, found, formatVersion)
	}
	return err
}

// begin starts a call; when it answers nil, s.gate.Leave must follow.
func (s *Store) begin(ctx context.Context, op string) error {
	if !s.gate.Enter() {
		return fmt.Errorf("dskv: %s: %w", op, kv.ErrClosed)
	}
	err := ctx.Err()
	if failure := s.failure.Load(); err == nil && failure != nil {
		err = *failure
	}
	if err != nil {
		s.gate.Leave()
		return fmt.Errorf("dskv: %s: %w", op, err)
	}
	return nil
}

// call runs f as a call named op.
func (s *Store) call(ctx context.Context, op string, f func() error) error {
	if err := s.begin(ctx, op); err != nil {
		return err
	}
	defer s.gate.Leave()
	if err := f(); err != nil {
		return fmt.Errorf("dskv: %s: %w", op, err)
	}
	return nil
}

// get returns a copy of a value; a datastore may give its own bytes out.
func (s *Store) get(ctx context.Context, key ds.Key, what any) ([]byte, error) {
	value, err := s.d.Get(ctx, key)
	if errors.Is(err, ds.ErrNotFound) {
		return nil, fmt.Errorf("%w: %v", kv.ErrNotFound, what)
	}
	if err != nil {
		return nil, err
	}
	return append([]byte{}, value...), nil
}

// ReadNode implements kv.Blocks. There are no hints.
func (s *Store) ReadNode(ctx context.Context, h codec.Hash, _ kv.Hint) (n kv.Node, err error) {
	err = s.call(ctx, "read node", func() error {
		n.Block, err = s.get(ctx, nodeKey(h), h)
		return err
	})
	return n, err
}

// ReadBlob implements kv.Blocks.
func (s *Store) ReadBlob(ctx context.Context, c cid.Cid) (block []byte, err error) {
	err = s.call(ctx, "read blob", func() error {
		multihash, ok := kv.BlobKey(c)
		if !ok {
			return fmt.Errorf("%w: undefined CID", kv.ErrNotFound)
		}
		block, err = s.get(ctx, blobKey(multihash), c)
		return err
	})
	return block, err
}

// HasBlob implements kv.Blocks.
func (s *Store) HasBlob(ctx context.Context, c cid.Cid) (has bool, err error) {
	err = s.call(ctx, "has blob", func() error {
		if multihash, ok := kv.BlobKey(c); ok {
			has, err = s.d.Has(ctx, blobKey(multihash))
		}
		return err
	})
	return has, err
}

// Sync implements kv.Store.
func (s *Store) Sync(ctx context.Context) error {
	return s.call(ctx, "sync", func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.settle(ctx)
	})
}

// settle makes durable what was written, and then removes the log records that
// the heads, now durable, have passed (D3). The caller holds mu.
func (s *Store) settle(ctx context.Context) error {
	if err := s.sync(ctx); err != nil {
		return err
	}
	for name, h := range s.trimmed {
		delete(s.trimmed, name)
		if err := s.dropRecords(ctx, name, h); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) sync(ctx context.Context) error { return s.d.Sync(ctx, ds.RawKey("/")) }

// Close implements kv.Store. It leaves the datastore open.
func (s *Store) Close() error {
	if !s.gate.Close(nil) {
		return fmt.Errorf("dskv: close: %w", kv.ErrClosed)
	}
	defer s.giveBack()
	err := s.settle(context.Background())
	if failure := s.failure.Load(); failure != nil {
		err = errors.Join(*failure, err)
	}
	if err != nil {
		return fmt.Errorf("dskv: close: %w", err)
	}
	return nil
}

// stop makes the store do nothing more: whether a head was written is unknown.
func (s *Store) stop(cause error) error {
	err := fmt.Errorf("%w: %w", kv.ErrFailed, cause)
	s.failure.CompareAndSwap(nil, &err)
	return err
}

package memkv

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// Store is a kv.Store in memory. It is a Sweeper, a Collector, a Scanner, a
// Sizer and a Checker too.
type Store struct {
	disk   *Disk
	moving bool

	mu         sync.RWMutex
	closed     bool
	collecting *collection // nil: none is under way
	state
}

var (
	_ kv.Store     = (*Store)(nil)
	_ kv.Sweeper   = (*Store)(nil)
	_ kv.Collector = (*Store)(nil)
	_ kv.Scanner   = (*Store)(nil)
	_ kv.Sizer     = (*Store)(nil)
	_ kv.Checker   = (*Store)(nil)
)

// New returns an empty store with zero hints.
func New() *Store {
	s, err := NewDisk(Options{}).Open()
	if err != nil {
		panic("memkv: a new disk must open: " + err.Error())
	}
	return s
}

// read runs f while nothing is written.
func (s *Store) read(ctx context.Context, op string, f func() error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memkv: %s: %w", op, err)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return fmt.Errorf("memkv: %s: %w", op, kv.ErrClosed)
	}
	if err := f(); err != nil {
		return fmt.Errorf("memkv: %s: %w", op, err)
	}
	return nil
}

// write runs f alone.
func (s *Store) write(ctx context.Context, op string, f func() error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memkv: %s: %w", op, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("memkv: %s: %w", op, kv.ErrClosed)
	}
	if err := f(); err != nil {
		return fmt.Errorf("memkv: %s: %w", op, err)
	}
	return nil
}

// ReadNode implements kv.Blocks.
func (s *Store) ReadNode(ctx context.Context, h codec.Hash, at kv.Hint) (n kv.Node, err error) {
	err = s.read(ctx, "read node", func() error {
		if there, ok := s.at[at]; ok {
			h = there
		}
		stored, ok := s.nodes[h]
		if !ok {
			return fmt.Errorf("%w: node %v", kv.ErrNotFound, h)
		}
		n = cloneNode(stored.Node)
		return nil
	})
	return n, err
}

// ReadBlob implements kv.Blocks.
func (s *Store) ReadBlob(ctx context.Context, c cid.Cid) (block []byte, err error) {
	err = s.read(ctx, "read blob", func() error {
		key, _ := kv.BlobKey(c)
		stored, ok := s.blobs[string(key)]
		if !ok {
			return fmt.Errorf("%w: blob %v", kv.ErrNotFound, c)
		}
		block = cloneBytes(stored)
		return nil
	})
	return block, err
}

// HasBlob implements kv.Blocks.
func (s *Store) HasBlob(ctx context.Context, c cid.Cid) (has bool, err error) {
	err = s.read(ctx, "has blob", func() error {
		key, _ := kv.BlobKey(c)
		_, has = s.blobs[string(key)]
		return nil
	})
	return has, err
}

// ReadRef implements kv.Refs.
func (s *Store) ReadRef(ctx context.Context, name string) (value []byte, err error) {
	err = s.read(ctx, "read ref", func() error {
		stored, ok := s.refs[name]
		if !ok {
			return fmt.Errorf("%w: ref %q", kv.ErrNotFound, name)
		}
		value = cloneBytes(stored)
		return nil
	})
	return value, err
}

// ListRefs implements kv.Refs.
func (s *Store) ListRefs(ctx context.Context, prefix string) iter.Seq2[kv.Ref, error] {
	return yieldAll(s, ctx, "list refs", func() (refs []kv.Ref) {
		for name, value := range s.refs {
			if strings.HasPrefix(name, prefix) {
				refs = append(refs, kv.Ref{Name: name, Value: cloneBytes(value)})
			}
		}
		slices.SortFunc(refs, func(a, b kv.Ref) int { return cmp.Compare(a.Name, b.Name) })
		return refs
	})
}

// ReadLog implements kv.Logs.
func (s *Store) ReadLog(ctx context.Context, ref string, after uint64) iter.Seq2[kv.Record, error] {
	return yieldAll(s, ctx, "read log", func() (records []kv.Record) {
		for _, r := range s.logs[ref] {
			if r.Seq > after {
				records = append(records, kv.Record{Seq: r.Seq, Data: cloneBytes(r.Data)})
			}
		}
		return records
	})
}

// yieldAll yields what collect returns. No lock is held meanwhile, so that the
// caller may use the store; each step asks whether it is still open.
func yieldAll[T any](s *Store, ctx context.Context, op string, collect func() []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var all []T
		err := s.read(ctx, op, func() error { all = collect(); return nil })
		for i := 0; err == nil && i < len(all); i++ {
			if !yield(all[i], nil) {
				return
			}
			err = s.read(ctx, op, func() error { return nil })
		}
		if err != nil {
			var none T
			yield(none, err)
		}
	}
}

// NewBatch implements kv.Store.
func (s *Store) NewBatch() kv.Batch { return &batch{s: s} }

// Sync implements kv.Store. Nothing is durable here, so it only asks whether
// the store is open.
func (s *Store) Sync(ctx context.Context) error {
	return s.read(ctx, "sync", func() error { return nil })
}

// Close implements kv.Store. What was written stays on the Disk.
func (s *Store) Close() error {
	return s.write(context.Background(), "close", func() error {
		s.closed = true
		s.disk.giveBack(s.state)
		return nil
	})
}

func cloneNode(n kv.Node) kv.Node {
	return kv.Node{Block: cloneBytes(n.Block), Children: slices.Clone(n.Children)}
}

// cloneBytes copies b; the copy is never nil, because a stored empty value is
// not a missing one.
func cloneBytes(b []byte) []byte { return append([]byte{}, b...) }

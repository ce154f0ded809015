package dskv

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	ds "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// readHead returns the head of a ref, the zero head when there is none. The
// caller holds mu.
func (s *Store) readHead(ctx context.Context, name string) (h head, err error) {
	if kv.CheckName(name) != nil {
		return head{}, nil // and the datastore's keys would panic
	}
	value, err := s.d.Get(ctx, refKey(name))
	if errors.Is(err, ds.ErrNotFound) {
		return head{}, nil
	}
	if err == nil {
		h, err = parseHead(value)
	}
	if err != nil {
		return h, fmt.Errorf("head of ref %q: %w", name, err)
	}
	return h, nil
}

// ReadRef implements kv.Refs.
func (s *Store) ReadRef(ctx context.Context, name string) (value []byte, err error) {
	err = s.call(ctx, "read ref", func() error {
		s.mu.RLock()
		defer s.mu.RUnlock()
		h, err := s.readHead(ctx, name)
		if value = h.value; err == nil && value == nil {
			err = fmt.Errorf("%w: ref %q", kv.ErrNotFound, name)
		}
		return err
	})
	return value, err
}

// ListRefs implements kv.Refs.
func (s *Store) ListRefs(ctx context.Context, prefix string) iter.Seq2[kv.Ref, error] {
	return yieldAll(ctx, s, "list refs", func() (refs []kv.Ref, err error) {
		heads, err := s.heads(ctx)
		for name, h := range heads {
			if h.value != nil && strings.HasPrefix(name, prefix) {
				refs = append(refs, kv.Ref{Name: name, Value: h.value})
			}
		}
		slices.SortFunc(refs, func(a, b kv.Ref) int { return cmp.Compare(a.Name, b.Name) })
		return refs, err
	})
}

// heads reads the heads of all refs. The caller holds mu.
func (s *Store) heads(ctx context.Context) (map[string]head, error) {
	heads := map[string]head{}
	err := s.each(ctx, query.Query{Prefix: refSpace}, func(e query.Entry) error {
		name, err := nameIn(refSpace, e.Key)
		if err != nil {
			return err
		}
		h, err := parseHead(e.Value)
		if err != nil {
			return fmt.Errorf("head of ref %q: %w", name, err)
		}
		heads[string(name)] = h
		return nil
	})
	return heads, err
}

// ReadLog implements kv.Logs.
func (s *Store) ReadLog(ctx context.Context, ref string, after uint64) iter.Seq2[kv.Record, error] {
	return yieldAll(ctx, s, "read log", func() (records []kv.Record, err error) {
		h, err := s.readHead(ctx, ref)
		if err != nil || h.top() == 0 {
			return nil, err
		}
		err = s.each(ctx, query.Query{Prefix: logPrefix(ref).String()}, func(e query.Entry) error {
			_, epoch, seq, err := parseLogKey(e.Key)
			if err != nil || !h.counts(epoch, seq) || seq <= after {
				return err
			}
			data, err := unseal(e.Value)
			if err != nil {
				return fmt.Errorf("record %d of ref %q: %w", seq, ref, err)
			}
			records = append(records, kv.Record{Seq: seq, Data: append([]byte{}, data...)})
			return nil
		})
		slices.SortFunc(records, func(a, b kv.Record) int { return cmp.Compare(a.Seq, b.Seq) })
		if n := len(records); err == nil && h.top() > after && (n == 0 || records[n-1].Seq != h.last) {
			err = fmt.Errorf("%w: record %d of ref %q is missing", kv.ErrCorrupt, h.last, ref)
		}
		return records, err
	})
}

// each calls f with every entry that a query finds.
func (s *Store) each(ctx context.Context, q query.Query, f func(query.Entry) error) (err error) {
	for e, err := range ds.QueryIter(ctx, s.d, q) {
		if err == nil {
			err = f(e)
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err() // some datastores end a query early and say nothing
}

// yieldAll yields what collect returns, collected with mu held for reading
// and yielded without, so that the caller may use the store.
func yieldAll[T any](ctx context.Context, s *Store, op string, collect func() ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		if err := s.begin(ctx, op); err != nil {
			yield(none, err)
			return
		}
		defer s.gate.Leave()
		s.mu.RLock()
		items, err := collect()
		s.mu.RUnlock()
		for i := 0; err == nil && i < len(items); i++ {
			if !yield(items[i], nil) {
				return
			}
			if err = ctx.Err(); err == nil && s.gate.Closed() {
				err = kv.ErrClosed
			}
		}
		if err != nil {
			yield(none, fmt.Errorf("dskv: %s: %w", op, err))
		}
	}
}

package peer

import (
	"context"
	"errors"
	"unsafe"

	datastore "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"

	"github.com/go-ds-prolly/go-ds-prolly/bench/dataset"
)

// datastoreStore is any go-datastore, driven through that interface alone.
type datastoreStore struct{ d datastore.Batching }

func (s *datastoreStore) Datastore() datastore.Batching { return s.d }

// dsKey makes a key of bytes that nobody changes, without copying them: whoever
// uses a datastore has its keys in hand.
func dsKey(b []byte) datastore.Key {
	return datastore.RawKey(unsafe.String(unsafe.SliceData(b), len(b)))
}

// dsRoot is what to sync: everything.
var dsRoot = datastore.NewKey("/")

func (s *datastoreStore) Batch(ctx context.Context, entries []dataset.Entry) ([]byte, error) {
	return nil, s.Stage(ctx, entries)
}

func (s *datastoreStore) Stage(ctx context.Context, entries []dataset.Entry) error {
	b, err := s.d.Batch(ctx)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := b.Put(ctx, dsKey(e.Key), e.Value); err != nil {
			return err
		}
	}
	return b.Commit(ctx)
}

// Root does nothing: there are none.
func (s *datastoreStore) Root(context.Context) ([]byte, error) { return nil, nil }

func (s *datastoreStore) Put(ctx context.Context, key, value []byte) error {
	return s.d.Put(ctx, dsKey(key), value)
}

func (s *datastoreStore) Get(ctx context.Context, key []byte) ([]byte, error) {
	v, err := s.d.Get(ctx, dsKey(key))
	if errors.Is(err, datastore.ErrNotFound) {
		return nil, ErrNotFound
	}
	return v, err
}

// Scan is a query in the order of keys.
func (s *datastoreStore) Scan(ctx context.Context, f func(key, value []byte) error) error {
	q := query.Query{Orders: []query.Order{query.OrderByKey{}}}
	return s.query(ctx, q, func(key string, value []byte) error {
		return f(unsafe.Slice(unsafe.StringData(key), len(key)), value)
	})
}

// Query implements Querier.
func (s *datastoreStore) Query(ctx context.Context, f func(key string, value []byte) error) error {
	return s.query(ctx, query.Query{}, f)
}

func (s *datastoreStore) query(ctx context.Context, q query.Query, f func(key string, value []byte) error) error {
	res, err := s.d.Query(ctx, q)
	if err != nil {
		return err
	}
	for {
		r, ok := res.NextSync()
		if !ok {
			return res.Close()
		}
		if r.Error != nil {
			return errors.Join(r.Error, res.Close())
		}
		if err := f(r.Key, r.Value); err != nil {
			return errors.Join(err, res.Close())
		}
	}
}

func (s *datastoreStore) Sync(ctx context.Context) error { return s.d.Sync(ctx, dsRoot) }

func (s *datastoreStore) Close() error { return s.d.Close() }

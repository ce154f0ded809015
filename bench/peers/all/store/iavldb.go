package store

import (
	"bytes"

	corestore "cosmossdk.io/core/store"
	"github.com/cockroachdb/pebble/v2"
)

// iavlDB is Pebble as IAVL wants its store.
type iavlDB struct{ db *pebble.DB }

func (d iavlDB) Get(key []byte) ([]byte, error) { return get(d.db, key) }

func (d iavlDB) Has(key []byte) (bool, error) {
	v, err := get(d.db, key)
	return v != nil, err
}

func (d iavlDB) Close() error { return d.db.Close() }

func (d iavlDB) NewBatch() corestore.Batch { return &iavlBatch{d.db.NewBatch()} }

func (d iavlDB) NewBatchWithSize(n int) corestore.Batch {
	return &iavlBatch{d.db.NewBatchWithSize(n)}
}

func (d iavlDB) Iterator(start, end []byte) (corestore.Iterator, error) {
	it, err := d.db.NewIter(&pebble.IterOptions{LowerBound: start, UpperBound: end})
	if err != nil {
		return nil, err
	}
	it.First()
	return &iavlIterator{it: it, start: start, end: end, step: (*pebble.Iterator).Next}, nil
}

func (d iavlDB) ReverseIterator(start, end []byte) (corestore.Iterator, error) {
	it, err := d.db.NewIter(&pebble.IterOptions{LowerBound: start, UpperBound: end})
	if err != nil {
		return nil, err
	}
	it.Last()
	return &iavlIterator{it: it, start: start, end: end, step: (*pebble.Iterator).Prev}, nil
}

type iavlBatch struct{ b *pebble.Batch }

func (b *iavlBatch) Set(key, value []byte) error { return b.b.Set(key, value, nil) }
func (b *iavlBatch) Delete(key []byte) error     { return b.b.Delete(key, nil) }
func (b *iavlBatch) Write() error                { return b.b.Commit(pebble.NoSync) }
func (b *iavlBatch) WriteSync() error            { return b.b.Commit(pebble.Sync) }
func (b *iavlBatch) GetByteSize() (int, error)   { return b.b.Len(), nil }

// Close may be called twice, which Pebble does not allow.
func (b *iavlBatch) Close() error {
	if b.b == nil {
		return nil
	}
	err := b.b.Close()
	b.b = nil
	return err
}

type iavlIterator struct {
	it         *pebble.Iterator
	start, end []byte
	step       func(*pebble.Iterator) bool
}

func (i *iavlIterator) Domain() (start, end []byte) { return i.start, i.end }
func (i *iavlIterator) Valid() bool                 { return i.it.Valid() }
func (i *iavlIterator) Next()                       { i.step(i.it) }
func (i *iavlIterator) Key() []byte                 { return bytes.Clone(i.it.Key()) }
func (i *iavlIterator) Value() []byte               { return bytes.Clone(i.it.Value()) }
func (i *iavlIterator) Error() error                { return i.it.Error() }
func (i *iavlIterator) Close() error                { return i.it.Close() }

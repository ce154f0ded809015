package peer

import (
	"bytes"
	"context"
	"errors"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"

	"github.com/go-ds-prolly/go-ds-prolly/bench/dataset"
)

// rawPebble is the measure of all others: the plain store that most of them
// stand on. It has no roots, and its diff is a scan of two snapshots in step.
var rawPebble = Peer{
	Name:   "raw Pebble",
	About:  "batches through the log, 64 MiB memtable, bloom filters, newest format; no roots; diff is a scan of two snapshots",
	Module: "github.com/cockroachdb/pebble/v2",
	Scales: true,
	Open: func(_ context.Context, dir string, o Options) (Store, error) {
		cache := pebble.NewCache(o.CacheBytes)
		defer cache.Unref()
		db, err := pebble.Open(dir, PebbleOptions(cache))
		if err != nil {
			return nil, err
		}
		return &pebbleStore{db: db}, nil
	},
}

// PebbleOptions are for every peer that lets its Pebble be chosen.
func PebbleOptions(cache *pebble.Cache) *pebble.Options {
	o := &pebble.Options{
		Cache:                       cache,
		Logger:                      silent{},
		FormatMajorVersion:          pebble.FormatNewest,
		MemTableSize:                64 << 20,
		MemTableStopWritesThreshold: 3,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       32,
		LBaseMaxBytes:               256 << 20,
		CompactionConcurrencyRange:  func() (int, int) { return 1, 2 },
	}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	return o
}

// silent keeps what Pebble tells of its doings off the output.
type silent struct{}

func (silent) Infof(string, ...any)  {}
func (silent) Errorf(string, ...any) {}
func (silent) Fatalf(format string, args ...any) {
	pebble.DefaultLogger.Fatalf(format, args...)
}

type pebbleStore struct{ db *pebble.DB }

// loadBatch is how much LoadSorted puts into a batch, in bytes.
const loadBatch = 4 << 20

func (s *pebbleStore) LoadSorted(_ context.Context, entries []dataset.Entry) ([]byte, error) {
	b := s.db.NewBatchWithSize(loadBatch + loadBatch/4)
	defer func() { b.Close() }()
	for _, e := range entries {
		if err := b.Set(e.Key, e.Value, nil); err != nil {
			return nil, err
		}
		if b.Len() < loadBatch {
			continue
		}
		if err := b.Commit(pebble.NoSync); err != nil {
			return nil, err
		}
		b.Reset()
	}
	return nil, b.Commit(pebble.NoSync)
}

func (s *pebbleStore) Batch(ctx context.Context, entries []dataset.Entry) ([]byte, error) {
	return nil, s.Stage(ctx, entries)
}

func (s *pebbleStore) Stage(_ context.Context, entries []dataset.Entry) error {
	b := s.db.NewBatch()
	defer b.Close()
	for _, e := range entries {
		if err := b.Set(e.Key, e.Value, nil); err != nil {
			return err
		}
	}
	return b.Commit(pebble.NoSync)
}

// Root does nothing: there are none.
func (s *pebbleStore) Root(context.Context) ([]byte, error) { return nil, nil }

func (s *pebbleStore) Put(_ context.Context, key, value []byte) error {
	return s.db.Set(key, value, pebble.NoSync)
}

func (s *pebbleStore) Get(_ context.Context, key []byte) ([]byte, error) {
	v, closer, err := s.db.Get(key)
	if err != nil {
		if errors.Is(err, pebble.ErrNotFound) {
			return nil, ErrNotFound
		}
		return nil, err
	}
	v = bytes.Clone(v)
	return v, closer.Close()
}

func (s *pebbleStore) Scan(_ context.Context, f func(key, value []byte) error) error {
	it, err := s.db.NewIter(nil)
	if err != nil {
		return err
	}
	for it.First(); it.Valid(); it.Next() {
		if err := f(it.Key(), it.Value()); err != nil {
			return errors.Join(err, it.Close())
		}
	}
	return errors.Join(it.Error(), it.Close())
}

func (s *pebbleStore) Sync(context.Context) error { return s.db.LogData(nil, pebble.Sync) }

func (s *pebbleStore) Settle(context.Context) error { return s.db.Flush() }

func (s *pebbleStore) Close() error { return s.db.Close() }

func (s *pebbleStore) Version(context.Context) (Version, error) { return s.db.NewSnapshot(), nil }

// Diff goes through both snapshots in step.
func (s *pebbleStore) Diff(_ context.Context, from, to Version, f func(key, from, to []byte) error) error {
	a, err := from.(*pebble.Snapshot).NewIter(nil)
	if err != nil {
		return err
	}
	b, err := to.(*pebble.Snapshot).NewIter(nil)
	if err != nil {
		return errors.Join(err, a.Close())
	}
	a.First()
	b.First()
	for err == nil && (a.Valid() || b.Valid()) {
		err = stepTogether(a, b, f)
	}
	return errors.Join(err, a.Error(), b.Error(), a.Close(), b.Close())
}

// stepTogether compares the places of two iterators and moves the one behind,
// or both.
func stepTogether(a, b *pebble.Iterator, f func(key, from, to []byte) error) (err error) {
	c := 0
	switch {
	case !a.Valid():
		c = 1
	case !b.Valid():
		c = -1
	default:
		c = bytes.Compare(a.Key(), b.Key())
	}
	switch {
	case c < 0:
		err = f(a.Key(), a.Value(), nil)
	case c > 0:
		err = f(b.Key(), nil, b.Value())
	case !bytes.Equal(a.Value(), b.Value()):
		err = f(a.Key(), a.Value(), b.Value())
	}
	if c <= 0 {
		a.Next()
	}
	if c >= 0 {
		b.Next()
	}
	return err
}

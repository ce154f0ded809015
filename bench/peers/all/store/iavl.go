package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cosmos/iavl"

	"github.com/go-ds-prolly/go-ds-prolly/bench/dataset"
	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/peer"
)

const (
	// iavlNode is what a node takes in IAVL's cache, about: it is counted, not
	// weighed.
	iavlNode = 512

	// iavlBlockCache is the part of the cache that Pebble gets.
	iavlBlockCache = 64 << 20
)

// cosmosIAVL is the balanced Merkle tree of Cosmos.
var cosmosIAVL = peer.Peer{
	Name:    "IAVL",
	About:   "MutableTree with fast nodes, a saved version for each root; on raw Pebble's Pebble; of the cache 64 MiB are Pebble's; a diff tells new values only",
	Module:  "github.com/cosmos/iavl",
	MaxReps: 1,
	Open: func(_ context.Context, dir string, o peer.Options) (peer.Store, error) {
		db, err := openPebble(dir, iavlBlockCache)
		if err != nil {
			return nil, err
		}
		t := iavl.NewMutableTree(iavlDB{db}, int((o.CacheBytes-iavlBlockCache)/iavlNode), false, iavl.NewNopLogger())
		if _, err := t.Load(); err != nil {
			return nil, errors.Join(err, db.Close())
		}
		return &iavlStore{db: db, t: t}, nil
	},
}

type iavlStore struct {
	db *pebble.DB
	t  *iavl.MutableTree
}

func (s *iavlStore) Batch(_ context.Context, entries []dataset.Entry) ([]byte, error) {
	for _, e := range entries {
		if _, err := s.t.Set(e.Key, e.Value); err != nil {
			return nil, err
		}
	}
	_, _, err := s.t.SaveVersion()
	return nil, err // its hash depends on the history: nothing to compare
}

func (s *iavlStore) Get(_ context.Context, key []byte) ([]byte, error) {
	v, err := s.t.Get(key)
	if err == nil && v == nil {
		return nil, peer.ErrNotFound
	}
	return bytes.Clone(v), err
}

func (s *iavlStore) Scan(_ context.Context, f func(key, value []byte) error) error {
	it, err := s.t.Iterator(nil, nil, true)
	if err != nil {
		return err
	}
	for ; it.Valid(); it.Next() {
		if err := f(it.Key(), it.Value()); err != nil {
			return errors.Join(err, it.Close())
		}
	}
	return errors.Join(it.Error(), it.Close())
}

func (s *iavlStore) Sync(context.Context) error { return s.db.LogData(nil, pebble.Sync) }

func (s *iavlStore) Settle(context.Context) error { return s.db.Flush() }

func (s *iavlStore) Close() error { return errors.Join(s.t.Close(), s.db.Close()) }

type iavlVersion int64

func (iavlVersion) Close() error { return nil }

func (s *iavlStore) Version(context.Context) (peer.Version, error) {
	return iavlVersion(s.t.Version()), nil
}

// OneSided implements peer.OneSided.
func (s *iavlStore) OneSided() {}

// Diff knows only versions that follow each other.
func (s *iavlStore) Diff(_ context.Context, from, to peer.Version, f func(key, from, to []byte) error) error {
	a, b := int64(from.(iavlVersion)), int64(to.(iavlVersion))
	if b != a+1 {
		return fmt.Errorf("iavl: version %d does not follow %d", b, a)
	}
	return s.t.TraverseStateChanges(b, b, func(_ int64, set *iavl.ChangeSet) error {
		for _, p := range set.Pairs {
			if err := f(p.Key, nil, p.Value); err != nil {
				return err
			}
		}
		return nil
	})
}

// Collect drops all versions but the last.
func (s *iavlStore) Collect(context.Context) error {
	if last := s.t.Version(); last > 1 {
		return s.t.DeleteVersionsTo(last - 1)
	}
	return nil
}

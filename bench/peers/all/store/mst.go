package store

import (
	"context"
	"errors"

	"github.com/bluesky-social/indigo/atproto/repo/mst"
	olddiff "github.com/bluesky-social/indigo/mst"
	"github.com/cockroachdb/pebble/v2"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/go-ds-prolly/go-ds-prolly/bench/dataset"
	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/peer"
)

// atprotoMST is the Merkle search tree of AT Protocol's reference in Go.
var atprotoMST = peer.Peer{
	Name:    "atproto MST",
	About:   "atproto/repo/mst, the whole tree decoded in memory; nodes, and values beside them as blocks, on raw Pebble's Pebble; diff is that of package mst, which reads blocks",
	Module:  "github.com/bluesky-social/indigo",
	Format:  "MST",
	MaxReps: 1,
	Open: func(ctx context.Context, dir string, o peer.Options) (peer.Store, error) {
		db, err := openPebble(dir, o.CacheBytes)
		if err != nil {
			return nil, err
		}
		s := &mstStore{db: db, blocks: &mstBlocks{db: db}}
		if err := s.load(ctx); err != nil {
			return nil, errors.Join(err, db.Close())
		}
		return s, nil
	},
}

var mstRoot = []byte("root") // key of the last root's CID; blocks lie under their CIDs

// mstStore drops the slash that all keys begin with: no key of the protocol does,
// and its diff refuses them.
type mstStore struct {
	db     *pebble.DB
	blocks *mstBlocks
	t      mst.Tree
	root   cid.Cid
}

func (s *mstStore) load(ctx context.Context) error {
	b, err := get(s.db, mstRoot)
	if err != nil {
		return err
	}
	if b == nil {
		s.t = mst.NewEmptyTree()
		return nil
	}
	if s.root, err = cid.Cast(b); err != nil {
		return err
	}
	t, err := mst.LoadTreeFromStore(ctx, s.blocks, s.root)
	if err != nil {
		return err
	}
	s.t = *t
	return nil
}

// valueCID names a value.
func valueCID(value []byte) (cid.Cid, error) {
	return cid.NewPrefixV1(cid.Raw, multihash.SHA2_256).Sum(value)
}

func (s *mstStore) Batch(ctx context.Context, entries []dataset.Entry) (_ []byte, err error) {
	b := s.db.NewBatch()
	defer func() { err = errors.Join(err, b.Close()) }()
	for _, e := range entries {
		c, err := valueCID(e.Value)
		if err != nil {
			return nil, err
		}
		if err := b.Set(c.Bytes(), e.Value, nil); err != nil {
			return nil, err
		}
		if _, err := s.t.Insert(e.Key[1:], c); err != nil {
			return nil, err
		}
	}
	s.blocks.batch = b
	root, err := s.t.WriteDiffBlocks(ctx, s.blocks)
	s.blocks.batch = nil
	if err != nil {
		return nil, err
	}
	if err := b.Set(mstRoot, root.Bytes(), nil); err != nil {
		return nil, err
	}
	s.root = *root
	return s.root.Bytes(), b.Commit(pebble.NoSync)
}

func (s *mstStore) Get(_ context.Context, key []byte) ([]byte, error) {
	c, err := s.t.Get(key[1:])
	if err != nil {
		return nil, err
	}
	if c == nil {
		return nil, peer.ErrNotFound
	}
	return s.value(*c)
}

var errNoValue = errors.New("mst: a value is missing")

func (s *mstStore) value(c cid.Cid) ([]byte, error) {
	v, err := get(s.db, c.Bytes())
	if err == nil && v == nil {
		return nil, errNoValue
	}
	return v, err
}

func (s *mstStore) Scan(_ context.Context, f func(key, value []byte) error) error {
	full := []byte{'/'}
	return s.t.Walk(func(key []byte, c cid.Cid) error {
		v, err := s.value(c)
		if err != nil {
			return err
		}
		full = append(full[:1], key...)
		return f(full, v)
	})
}

func (s *mstStore) Sync(context.Context) error { return s.db.LogData(nil, pebble.Sync) }

func (s *mstStore) Settle(context.Context) error { return s.db.Flush() }

func (s *mstStore) Close() error { return s.db.Close() }

func (s *mstStore) NodeBytes() uint64 { return s.blocks.written }

type mstVersion struct{ cid.Cid }

func (mstVersion) Close() error { return nil }

func (s *mstStore) Version(context.Context) (peer.Version, error) { return mstVersion{s.root}, nil }

func (s *mstStore) Diff(ctx context.Context, from, to peer.Version, f func(key, from, to []byte) error) error {
	ops, err := olddiff.DiffTrees(ctx, s.blocks, from.(mstVersion).Cid, to.(mstVersion).Cid)
	if err != nil {
		return err
	}
	for _, op := range ops {
		var values [2][]byte
		for i, c := range []cid.Cid{op.OldCid, op.NewCid} {
			if !c.Defined() {
				continue
			}
			if values[i], err = s.value(c); err != nil {
				return err
			}
		}
		if err := f([]byte("/"+op.Rpath), values[0], values[1]); err != nil {
			return err
		}
	}
	return nil
}

func (s *mstStore) DiffNodes(ctx context.Context, from, to peer.Version) (visited, differing int, err error) {
	before := s.blocks.read
	_, err = olddiff.DiffTrees(ctx, s.blocks, from.(mstVersion).Cid, to.(mstVersion).Cid)
	return s.blocks.read - before, 0, err
}

package peer

import (
	"context"
	"errors"
	"iter"

	"github.com/go-ds-prolly/go-ds-prolly/bench/dataset"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/kv/pebblekv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

const (
	ourModule = "github.com/go-ds-prolly/go-ds-prolly"
	ourFormat = "prolly 1"

	// ourBlockCache is the part of the cache that Pebble gets; decoded nodes
	// get the rest.
	ourBlockCache = 32 << 20
)

// ourEngine is the engine on Pebble.
var ourEngine = Peer{
	Name:   "engine",
	Ours:   true,
	About:  "a branch of the engine, on Pebble; of the cache 32 MiB are Pebble's, the rest is for decoded nodes",
	Module: ourModule,
	Format: ourFormat,
	Open: func(ctx context.Context, dir string, o Options) (Store, error) {
		return openBranch(ctx, dir, o)
	},
}

// branchStore is a branch of an engine.
type branchStore struct {
	e     *engine.Engine
	b     *engine.Branch
	edits []prolly.Edit // room for the next batch
}

func openBranch(ctx context.Context, dir string, o Options) (*branchStore, error) {
	s, err := pebblekv.Open(dir, &pebblekv.Options{CacheBytes: ourBlockCache})
	if err != nil {
		return nil, err
	}
	e, err := engine.New(s, &engine.Options{CacheBytes: o.CacheBytes - ourBlockCache})
	if err != nil {
		return nil, err
	}
	b, err := e.Branch(ctx, "main")
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return &branchStore{e: e, b: b}, nil
}

func (s *branchStore) LoadSorted(ctx context.Context, entries []dataset.Entry) ([]byte, error) {
	if _, err := s.b.Load(ctx, asEntries(entries)); err != nil {
		return nil, err
	}
	root, err := s.b.Root(ctx)
	return root.Bytes(), err
}

func asEntries(entries []dataset.Entry) iter.Seq2[prolly.Entry, error] {
	return func(yield func(prolly.Entry, error) bool) {
		for _, e := range entries {
			if !yield(prolly.Entry{Key: e.Key, Value: prolly.Value{Bytes: e.Value}}, nil) {
				return
			}
		}
	}
}

func (s *branchStore) Batch(ctx context.Context, entries []dataset.Entry) ([]byte, error) {
	if err := s.Stage(ctx, entries); err != nil {
		return nil, err
	}
	return s.Root(ctx)
}

func (s *branchStore) Stage(ctx context.Context, entries []dataset.Entry) error {
	s.edits = s.edits[:0]
	for _, e := range entries {
		s.edits = append(s.edits, prolly.Edit{Key: e.Key, Value: prolly.Value{Bytes: e.Value}})
	}
	return s.b.Apply(ctx, s.edits, engine.NoSync)
}

func (s *branchStore) Root(ctx context.Context) ([]byte, error) {
	root, err := s.b.Fold(ctx)
	return root.Bytes(), err
}

func (s *branchStore) Commit(ctx context.Context, entries []dataset.Entry) ([]byte, error) {
	if err := s.Stage(ctx, entries); err != nil {
		return nil, err
	}
	c, err := s.b.Commit(ctx, engine.CommitOptions{Durability: engine.NoSync})
	if err != nil {
		return nil, err
	}
	return c.Root.Bytes(), nil
}

func (s *branchStore) Put(ctx context.Context, key, value []byte) error {
	return s.b.Put(ctx, key, value, engine.NoSync)
}

func (s *branchStore) Get(ctx context.Context, key []byte) ([]byte, error) {
	v, err := s.b.Get(ctx, key)
	if errors.Is(err, engine.ErrNotFound) {
		return nil, ErrNotFound
	}
	return v, err
}

func (s *branchStore) Scan(ctx context.Context, f func(key, value []byte) error) error {
	for e, err := range s.b.Range(ctx, prolly.Range{}) {
		if err == nil {
			err = f(e.Key, e.Value.Bytes)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *branchStore) Sync(ctx context.Context) error { return s.b.Sync(ctx) }

func (s *branchStore) Close() error { return s.e.Close() }

func (s *branchStore) Version(ctx context.Context) (Version, error) { return s.b.Snapshot(ctx) }

func (s *branchStore) Diff(ctx context.Context, from, to Version, f func(key, from, to []byte) error) error {
	a, b := from.(*engine.Snapshot).Tree(), to.(*engine.Snapshot).Tree()
	for c, err := range prolly.Diff(ctx, a, b, prolly.Range{}) {
		if err == nil {
			err = f(c.Key, bytesOf(c.From), bytesOf(c.To))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func bytesOf(v *prolly.Value) []byte {
	if v == nil {
		return nil
	}
	return v.Bytes
}

func (s *branchStore) DiffNodes(ctx context.Context, from, to Version) (visited, differing int, err error) {
	var stats prolly.DiffStats
	a, b := from.(*engine.Snapshot).Tree(), to.(*engine.Snapshot).Tree()
	for _, err := range prolly.DiffCounted(ctx, a, b, prolly.Range{}, &stats) {
		if err != nil {
			return 0, 0, err
		}
	}
	return stats.NodesRead, stats.NodesDiffering, nil
}

func (s *branchStore) NodeBytes() uint64 { return s.e.Stats().NodeWriteBytes }

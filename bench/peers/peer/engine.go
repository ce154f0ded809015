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
	Scales: true,
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
	if _, err := s.b.LoadBatches(ctx, inBatches(entries)); err != nil {
		return nil, err
	}
	root, err := s.b.Root(ctx)
	return root.Bytes(), err
}

func (s *branchStore) LoadStream(ctx context.Context, sorted iter.Seq[dataset.Entry]) ([]byte, error) {
	if _, err := s.b.Load(ctx, asEntries(sorted)); err != nil {
		return nil, err
	}
	root, err := s.b.Root(ctx)
	return root.Bytes(), err
}

func (s *branchStore) Batch(ctx context.Context, entries []dataset.Entry) ([]byte, error) {
	if err := s.Stage(ctx, entries); err != nil {
		return nil, err
	}
	return s.Root(ctx)
}

func (s *branchStore) Stage(ctx context.Context, entries []dataset.Entry) error {
	s.edits = appendEdits(s.edits[:0], entries)
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
	return scanTree(s.b.Range(ctx, prolly.Range{}), f)
}

func (s *branchStore) Sync(ctx context.Context) error { return s.b.Sync(ctx) }

func (s *branchStore) Close() error { return s.e.Close() }

func (s *branchStore) Version(ctx context.Context) (Version, error) { return s.b.Snapshot(ctx) }

func (s *branchStore) Diff(ctx context.Context, from, to Version, f func(key, from, to []byte) error) error {
	return diffTrees(ctx, from.(*engine.Snapshot).Tree(), to.(*engine.Snapshot).Tree(), f)
}

func (s *branchStore) DiffNodes(ctx context.Context, from, to Version) (visited, differing int, err error) {
	return diffNodes(ctx, from.(*engine.Snapshot).Tree(), to.(*engine.Snapshot).Tree())
}

func (s *branchStore) Collect(ctx context.Context) error {
	_, err := s.e.GC(ctx, engine.GCOptions{})
	return err
}

func (s *branchStore) NodeBytes() uint64 { return s.e.Stats().NodeWriteBytes }

func (s *branchStore) Height(ctx context.Context) (_ int, err error) {
	x, err := s.b.Snapshot(ctx)
	if err != nil {
		return 0, err
	}
	return x.Tree().Height(), x.Close()
}

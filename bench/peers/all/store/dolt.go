package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync/atomic"

	"github.com/dolthub/dolt/go/store/chunks"
	"github.com/dolthub/dolt/go/store/constants"
	"github.com/dolthub/dolt/go/store/hash"
	"github.com/dolthub/dolt/go/store/nbs"
	"github.com/dolthub/dolt/go/store/pool"
	"github.com/dolthub/dolt/go/store/prolly"
	"github.com/dolthub/dolt/go/store/prolly/message"
	"github.com/dolthub/dolt/go/store/prolly/tree"
	"github.com/dolthub/dolt/go/store/val"

	"github.com/go-ds-prolly/go-ds-prolly/bench/dataset"
	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/peer"
)

const (
	doltModule = "github.com/dolthub/dolt/go"
	doltFormat = "Dolt"
)

// doltOwn is Dolt's tree on the store that Dolt uses itself.
var doltOwn = peer.Peer{
	Name:   "Dolt, own store",
	About:  "prolly.Map on a journaling NBS; it waits for the disk at each root; node cache 256 MiB whatever is asked for",
	Module: doltModule,
	Format: doltFormat,
	Syncs:  true,
	Scales: true,
	Open: func(ctx context.Context, dir string, _ peer.Options) (peer.Store, error) {
		cs, err := nbs.NewLocalJournalingStore(ctx, constants.FormatDoltString, dir, nbs.NewUnlimitedMemQuotaProvider(), false, nil)
		if err != nil {
			return nil, err
		}
		return openDolt(ctx, cs)
	},
}

// doltMemory is Dolt's tree, its nodes in a map in memory.
var doltMemory = peer.Peer{
	Name:    "Dolt, in memory",
	About:   "prolly.Map, chunks in a map in memory; node cache 256 MiB whatever is asked for",
	Module:  doltModule,
	Format:  doltFormat,
	Forgets: true,
	Open: func(ctx context.Context, _ string, _ peer.Options) (peer.Store, error) {
		return openDolt(ctx, new(chunks.MemoryStorage).NewViewWithDefaultFormat())
	},
}

// doltStore is a map from one column of bytes to another.
type doltStore struct {
	cs   chunks.ChunkStore
	ns   *doltNodes
	desc *val.TupleDesc // of keys and of values
	key  *val.TupleBuilder
	m    prolly.Map
	root hash.Hash // committed
}

// doltNodes counts what a tree reads and writes.
type doltNodes struct {
	tree.NodeStore
	read, written atomic.Uint64 // nodes, bytes
}

func (s *doltNodes) Read(ctx context.Context, ref hash.Hash) (*tree.Node, error) {
	s.read.Add(1)
	return s.NodeStore.Read(ctx, ref)
}

func (s *doltNodes) Write(ctx context.Context, n *tree.Node) (hash.Hash, error) {
	s.written.Add(uint64(n.Size()))
	return s.NodeStore.Write(ctx, n)
}

func openDolt(ctx context.Context, cs chunks.ChunkStore) (*doltStore, error) {
	ns := &doltNodes{NodeStore: tree.NewNodeStore(cs)}
	desc := val.NewTupleDescriptor(val.Type{Enc: val.ByteStringEnc})
	s := &doltStore{cs: cs, ns: ns, desc: desc, key: val.NewTupleBuilder(desc, ns)}
	if err := s.load(ctx); err != nil {
		return nil, errors.Join(err, cs.Close())
	}
	return s, nil
}

// load reads the tree that was committed last, or makes an empty one.
func (s *doltStore) load(ctx context.Context) (err error) {
	if s.root, err = s.cs.Root(ctx); err != nil {
		return err
	}
	if s.root.IsEmpty() {
		s.m, err = prolly.NewMapFromTuples(ctx, s.ns, s.desc, s.desc)
		return err
	}
	n, err := s.ns.Read(ctx, s.root)
	if err != nil {
		return err
	}
	s.m = prolly.NewMap(n, s.ns, s.desc, s.desc)
	return nil
}

// tuple makes a row of one column.
func tuple(ctx context.Context, b *val.TupleBuilder, p pool.BuffPool, bytes []byte) (val.Tuple, error) {
	b.PutByteString(0, bytes)
	return b.Build(ctx, p)
}

// tuples yields entries as rows, as a prolly.TupleIter, which has no way to
// yield an error.
type tuples struct {
	b    *val.TupleBuilder
	p    pool.BuffPool
	next func() (dataset.Entry, bool)
	err  error
}

func (t *tuples) Next(ctx context.Context) (k, v val.Tuple) {
	e, ok := t.next()
	if !ok || t.err != nil {
		return nil, nil
	}
	if k, t.err = tuple(ctx, t.b, t.p, e.Key); t.err != nil {
		return nil, nil
	}
	if v, t.err = tuple(ctx, t.b, t.p, e.Value); t.err != nil {
		return nil, nil
	}
	return k, v
}

func (s *doltStore) LoadSorted(ctx context.Context, entries []dataset.Entry) ([]byte, error) {
	return s.build(ctx, func() (e dataset.Entry, ok bool) {
		if len(entries) > 0 {
			e, entries, ok = entries[0], entries[1:], true
		}
		return e, ok
	})
}

func (s *doltStore) LoadStream(ctx context.Context, sorted iter.Seq[dataset.Entry]) ([]byte, error) {
	next, stop := iter.Pull(sorted)
	defer stop()
	return s.build(ctx, next)
}

func (s *doltStore) build(ctx context.Context, next func() (dataset.Entry, bool)) ([]byte, error) {
	rows := &tuples{b: s.key, p: s.ns.Pool(), next: next}
	m, err := prolly.NewMapFromTupleIter(ctx, s.ns, s.desc, s.desc, rows)
	if err := errors.Join(err, rows.err); err != nil {
		return nil, err
	}
	return s.commit(ctx, m)
}

func (s *doltStore) Batch(ctx context.Context, entries []dataset.Entry) ([]byte, error) {
	mut := s.m.Mutate()
	for _, e := range entries {
		k, err := tuple(ctx, s.key, s.ns.Pool(), e.Key)
		if err != nil {
			return nil, err
		}
		v, err := tuple(ctx, s.key, s.ns.Pool(), e.Value)
		if err != nil {
			return nil, err
		}
		if err := mut.Put(ctx, k, v); err != nil {
			return nil, err
		}
	}
	m, err := mut.Map(ctx)
	if err != nil {
		return nil, err
	}
	return s.commit(ctx, m)
}

// commit makes a tree the store's root. NBS waits for the disk.
func (s *doltStore) commit(ctx context.Context, m prolly.Map) ([]byte, error) {
	root := m.HashOf()
	ok, err := s.cs.Commit(ctx, root, s.root)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errors.New("dolt: the root moved")
	}
	s.root, s.m = root, m
	return root[:], nil
}

func (s *doltStore) Get(ctx context.Context, key []byte) (value []byte, err error) {
	k, err := tuple(ctx, s.key, s.ns.Pool(), key)
	if err != nil {
		return nil, err
	}
	found := false
	err = s.m.Get(ctx, k, func(_, v val.Tuple) error {
		if v == nil {
			return nil
		}
		b, ok := s.desc.GetBytes(0, v)
		found = ok
		value = append([]byte(nil), b...)
		return nil
	})
	if err == nil && !found {
		return nil, peer.ErrNotFound
	}
	return value, err
}

func (s *doltStore) Scan(ctx context.Context, f func(key, value []byte) error) error {
	it, err := s.m.IterAll(ctx)
	if err != nil {
		return err
	}
	for {
		k, v, err := it.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := f(s.column(k), s.column(v)); err != nil {
			return err
		}
	}
}

// column returns the bytes of a row, which are the node's; nil for no row.
func (s *doltStore) column(t []byte) []byte {
	if t == nil {
		return nil
	}
	b, _ := s.desc.GetBytes(0, t)
	return b
}

// Sync does nothing: what has a root is on the disk, or nowhere.
func (s *doltStore) Sync(context.Context) error { return nil }

func (s *doltStore) Close() error { return s.cs.Close() }

func (s *doltStore) NodeBytes() uint64 { return s.ns.written.Load() }

type doltVersion struct{ m prolly.Map }

func (doltVersion) Close() error { return nil }

func (s *doltStore) Version(context.Context) (peer.Version, error) { return doltVersion{s.m}, nil }

func (s *doltStore) Diff(ctx context.Context, from, to peer.Version, f func(key, from, to []byte) error) error {
	err := prolly.DiffMaps(ctx, from.(doltVersion).m, to.(doltVersion).m, false, func(_ context.Context, d tree.Diff) error {
		return f(s.column(d.Key), s.column(d.From), s.column(d.To))
	})
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (s *doltStore) DiffNodes(ctx context.Context, from, to peer.Version) (visited, differing int, err error) {
	before := s.ns.read.Load()
	err = s.Diff(ctx, from, to, func([]byte, []byte, []byte) error { return nil })
	return int(s.ns.read.Load() - before), 0, err
}

// Collect keeps of all chunks what the root needs.
func (s *doltStore) Collect(ctx context.Context) (err error) {
	gc, ok := s.cs.(*nbs.NomsBlockStore)
	if !ok { // the one in memory panics when asked
		return peer.ErrNoCollector
	}
	if err := gc.BeginGC(ctx, func(hash.Hash) bool { return false }, chunks.GCMode_Full); err != nil {
		return err
	}
	defer gc.EndGC(chunks.GCMode_Full)
	none := func(_ context.Context, hashes hash.HashSet) (hash.HashSet, error) { return hashes, nil }
	config := chunks.NewGCConfig(chunks.GCMode_Full, chunks.NoArchive, chunks.IncrementalGCTablesDisabled)
	sweeper, err := gc.MarkAndSweepChunks(ctx, doltAddrs, none, nil, config, false)
	if err != nil {
		return fmt.Errorf("mark: %w", err)
	}
	defer func() { err = errors.Join(err, sweeper.Close(ctx)) }()
	if err := sweeper.SaveHashes(ctx, hash.NewHashSet(s.root)); err != nil {
		return fmt.Errorf("save: %w", err)
	}
	done, err := sweeper.Finalize(ctx)
	if err != nil {
		return fmt.Errorf("finalize: %w", err)
	}
	if err := errors.Join(done.SwapChunksInStore(ctx), done.Close()); err != nil {
		return fmt.Errorf("swap: %w", err)
	}
	return gc.PruneTableFiles(ctx)
}

// doltAddrs yields what a chunk refers to.
func doltAddrs(c chunks.Chunk, f func(hash.Hash) error) error {
	return message.WalkAddresses(context.Background(), c.Data(), func(_ context.Context, a hash.Hash) error { return f(a) })
}

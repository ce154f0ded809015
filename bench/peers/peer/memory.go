package peer

import (
	"context"
	"errors"
	"slices"

	"github.com/go-ds-prolly/go-ds-prolly/bench/dataset"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// ourMemory is the tree alone, its nodes in memory. It is there to be set beside
// other trees in memory, and to see what two cores give.
var ourMemory = Peer{
	Name:    "prolly",
	Ours:    true,
	About:   "the tree alone, nodes in a map in memory: nothing is stored and nothing is freed",
	Module:  ourModule,
	Format:  ourFormat,
	Forgets: true,
	Open: func(context.Context, string, Options) (Store, error) {
		ns := prolly.NewMemStore()
		return &memoryStore{prolly.Empty(ns), ns, nil}, nil
	},
}

type memoryStore struct {
	t     prolly.Tree
	nodes prolly.NodeStore
	edits []prolly.Edit // room for the next batch
}

func (s *memoryStore) LoadSorted(ctx context.Context, entries []dataset.Entry) (root []byte, err error) {
	s.t, err = prolly.Build(ctx, s.nodes, asEntries(slices.Values(entries)))
	return s.t.Root().Bytes(), err
}

func (s *memoryStore) Batch(ctx context.Context, entries []dataset.Entry) (root []byte, err error) {
	s.edits = appendEdits(s.edits[:0], entries)
	t, err := s.t.Apply(ctx, s.edits)
	if err != nil {
		return nil, err
	}
	s.t = t
	return t.Root().Bytes(), nil
}

func (s *memoryStore) Get(ctx context.Context, key []byte) ([]byte, error) {
	v, err := s.t.Get(ctx, key)
	if errors.Is(err, prolly.ErrNotFound) {
		return nil, ErrNotFound
	}
	return v, err
}

func (s *memoryStore) Scan(ctx context.Context, f func(key, value []byte) error) error {
	return scanTree(s.t.Range(ctx, prolly.Range{}), f)
}

// Sync does nothing: there is nowhere to write to.
func (s *memoryStore) Sync(context.Context) error { return nil }

func (s *memoryStore) Close() error { return nil }

// treeVersion is a tree that stays as it is.
type treeVersion struct{ prolly.Tree }

func (treeVersion) Close() error { return nil }

func (s *memoryStore) Version(context.Context) (Version, error) { return treeVersion{s.t}, nil }

func (s *memoryStore) Diff(ctx context.Context, from, to Version, f func(key, from, to []byte) error) error {
	return diffTrees(ctx, from.(treeVersion).Tree, to.(treeVersion).Tree, f)
}

func (s *memoryStore) DiffNodes(ctx context.Context, from, to Version) (visited, differing int, err error) {
	return diffNodes(ctx, from.(treeVersion).Tree, to.(treeVersion).Tree)
}

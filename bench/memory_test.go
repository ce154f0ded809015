package bench

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"

	"github.com/go-ds-prolly/go-ds-prolly/bench/dataset"
	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// memory is a tree whose nodes are in memory.
type memory struct {
	nodes *countedNodes
	t     prolly.Tree
	still bool // what batch makes is thrown away
	edits []prolly.Edit
}

func openMemory() (store, error) {
	ns := &countedNodes{NodeStore: prolly.NewMemStore(), keep: true}
	return &memory{nodes: ns, t: prolly.Empty(ns)}, nil
}

func (m *memory) load(sorted []dataset.Entry) (err error) {
	m.t, err = prolly.Build(ctx, m.nodes, pairs(sorted))
	return err
}

func (m *memory) batch(entries []dataset.Entry) error {
	m.edits = edits(m.edits, entries)
	t, err := m.t.Apply(ctx, m.edits)
	if !m.still {
		m.t = t
	}
	return err
}

func (m *memory) get(key []byte) ([]byte, error) { return m.t.Get(ctx, key) }

func (m *memory) scan(f func(key, value []byte)) error { return scanTree(m.t, prolly.Range{}, f) }

func (m *memory) near(_, prefix []byte) (n int, err error) {
	err = scanTree(m.t, prolly.Range{Prefix: prefix}, func([]byte, []byte) { n++ })
	return n, err
}

func scanTree(t prolly.Tree, r prolly.Range, f func(key, value []byte)) error {
	for e, err := range t.Range(ctx, r) {
		if err != nil {
			return err
		}
		f(e.Key, e.Value.Bytes)
	}
	return nil
}

// fork has the same tree for ever: each batch begins there, so that memory does
// not grow with the number of batches.
func (m *memory) fork() (store, error) {
	ns := &countedNodes{NodeStore: m.nodes.NodeStore}
	return &memory{nodes: ns, t: m.t.In(ns), still: true}, nil
}

func (m *memory) nodeBytes() uint64 { return m.nodes.bytes.Load() }

func (m *memory) tree() (prolly.Tree, error) { return m.t, nil }

// grown returns the tree after a batch, with its nodes kept.
func (m *memory) grown(entries []dataset.Entry) (prolly.Tree, error) {
	own := &ownNodes{NodeStore: m.nodes.NodeStore, nodes: map[codec.Hash]*prolly.Node{}}
	return m.t.In(own).Apply(ctx, edits(nil, entries))
}

func (m *memory) close() error { return nil }

// countedNodes counts what is written, and throws it away unless told to keep
// it.
type countedNodes struct {
	prolly.NodeStore
	keep  bool
	bytes atomic.Uint64
}

func (s *countedNodes) LoadNode(ctx context.Context, a prolly.Addr) (*prolly.Node, error) {
	return s.NodeStore.(prolly.NodeLoader).LoadNode(ctx, a)
}

func (s *countedNodes) WriteNode(ctx context.Context, h codec.Hash, block []byte, hints []prolly.Hint) (prolly.Hint, error) {
	s.bytes.Add(uint64(len(block)))
	if !s.keep {
		return prolly.Hint{}, nil
	}
	return s.NodeStore.WriteNode(ctx, h, block, hints)
}

// ownNodes keeps what is written apart from the store beneath.
type ownNodes struct {
	prolly.NodeStore
	mu    sync.RWMutex
	nodes map[codec.Hash]*prolly.Node
}

func (s *ownNodes) LoadNode(ctx context.Context, a prolly.Addr) (*prolly.Node, error) {
	s.mu.RLock()
	n := s.nodes[a.Hash]
	s.mu.RUnlock()
	if n != nil {
		return n, nil
	}
	return s.NodeStore.(prolly.NodeLoader).LoadNode(ctx, a)
}

func (s *ownNodes) WriteNode(_ context.Context, h codec.Hash, block []byte, hints []prolly.Hint) (prolly.Hint, error) {
	n, err := prolly.NewNode(bytes.Clone(block), append([]prolly.Hint(nil), hints...))
	if err != nil {
		return prolly.Hint{}, err
	}
	s.mu.Lock()
	s.nodes[h] = n
	s.mu.Unlock()
	return prolly.Hint{}, nil
}

// keptBlocks also keeps the blocks in the order they are written, for nothing
// but to look at them.
type keptBlocks struct {
	prolly.NodeStore
	mu     sync.Mutex
	blocks [][]byte
}

func (s *keptBlocks) WriteNode(ctx context.Context, h codec.Hash, block []byte, hints []prolly.Hint) (prolly.Hint, error) {
	s.mu.Lock()
	s.blocks = append(s.blocks, bytes.Clone(block))
	s.mu.Unlock()
	return s.NodeStore.WriteNode(ctx, h, block, hints)
}

package prolly

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// recent keeps the nodes that were read lately from stores that keep none
// themselves, and counts reads. Two generations bound it: when the young one is
// full it replaces the old.
type recent struct {
	reads      atomic.Uint64
	mu         sync.Mutex
	young, old map[codec.Hash]*Node
	size       int // of young, in bytes
}

// recentBytes bounds a generation.
const recentBytes = 12 << 20

// over returns ns behind the nodes kept.
func (r *recent) over(ns NodeStore) NodeStore { return &recentStore{ns, r} }

func (r *recent) get(h codec.Hash) *Node {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.young[h]
	if n == nil {
		if n = r.old[h]; n != nil {
			r.put(h, n)
		}
	}
	return n
}

// put keeps a node; r.mu is held.
func (r *recent) put(h codec.Hash, n *Node) {
	size := len(n.Block()) + len(n.hints)*len(Hint{})
	if r.young == nil || r.size+size > recentBytes {
		r.old, r.young, r.size = r.young, map[codec.Hash]*Node{}, 0
	}
	r.young[h] = n
	r.size += size
}

// recentStore is a NodeStore seen through the nodes kept.
type recentStore struct {
	NodeStore
	r *recent
}

// LoadNode implements NodeLoader.
func (s *recentStore) LoadNode(ctx context.Context, a Addr) (*Node, error) {
	if l, ok := s.NodeStore.(NodeLoader); ok {
		s.r.reads.Add(1)
		return l.LoadNode(ctx, a)
	}
	if n := s.r.get(a.Hash); n != nil {
		return n, nil
	}
	s.r.reads.Add(1)
	n, err := ReadNode(ctx, s.NodeStore, a)
	if err == nil {
		s.r.mu.Lock()
		s.r.put(a.Hash, n)
		s.r.mu.Unlock()
	}
	return n, err
}

// NodesReplaced implements NodeReplacer.
func (s *recentStore) NodesReplaced(nodes []Replaced) {
	if r, ok := s.NodeStore.(NodeReplacer); ok {
		r.NodesReplaced(nodes)
	}
}

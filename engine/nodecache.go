package engine

import (
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// nodeCache keeps decoded nodes up to a weight in bytes. What makes room for
// others is, first, what folds have replaced, oldest first: not wrong, and of use to
// snapshots and diffs, but seldom asked for again. Then SIEVE chooses (Zhang et
// al., NSDI 2024): a hand goes from the oldest node to the newest and takes the
// first that was not asked for since it passed.
//
//	      newest                      hand        oldest
//	 all ──►  n ⇄ r ⇄ n ⇄ n ⇄ r ⇄ n ⇄ n ⇄ r ⇄ n ⇄ n
//	              │           │           │
//	replaced ──►  3           2           1             leave first
//
// Nodes are spread over shards by their hashes. All methods may be called by
// several goroutines at once.
type nodeCache struct {
	shards []cacheShard // a power of two
}

const (
	cacheShards = 64        // at most
	shardBytes  = 256 << 10 // at least
)

// cacheShard is a part of the cache, with a part of the room.
type cacheShard struct {
	mu       sync.RWMutex
	nodes    map[uint64]*cached // by the first bytes of the hash; of two that share them the later stays
	newest   *cached
	oldest   *cached
	replaced []*cached // those that are still here leave first, in this order
	hand     *cached   // nil: at the oldest
	size     int64
	max      int64
}

// cached is a node in the cache.
type cached struct {
	hash       codec.Hash
	node       *prolly.Node // nil: it left
	weight     int64
	asked      atomic.Bool // since the hand passed
	replaced   bool
	next, prev *cached // towards older, towards newer
}

func newNodeCache(bytes int64) *nodeCache {
	n := int64(cacheShards)
	for n > 1 && bytes/n < shardBytes {
		n /= 2
	}
	c := &nodeCache{make([]cacheShard, n)}
	for i := range c.shards {
		c.shards[i].nodes, c.shards[i].max = map[uint64]*cached{}, bytes/n
	}
	return c
}

const (
	// nodeOverhead is about what a cached node takes beside its block, and
	// linkSize what its link to a child does.
	nodeOverhead = 448
	linkSize     = 8
)

func cacheWeight(n *prolly.Node) int64 {
	return int64(nodeOverhead + len(n.Block()) + len(n.Hints())*(len(prolly.Hint{})+linkSize))
}

func (c *nodeCache) shard(h *codec.Hash) *cacheShard {
	return &c.shards[int(h[len(h)-1])&(len(c.shards)-1)]
}

func cacheKey(h *codec.Hash) uint64 { return binary.LittleEndian.Uint64(h[:]) }

// get returns a node, and takes note that it was asked for.
func (c *nodeCache) get(h codec.Hash) (*prolly.Node, bool) {
	s := c.shard(&h)
	s.mu.RLock()
	defer s.mu.RUnlock()
	e := s.nodes[cacheKey(&h)]
	if e == nil || e.hash != h {
		return nil, false
	}
	if !e.asked.Load() {
		e.asked.Store(true)
	}
	return e.node, true
}

// set puts a node, in place of another of this hash.
func (c *nodeCache) set(h codec.Hash, n *prolly.Node) {
	s := c.shard(&h)
	e := &cached{hash: h, node: n, weight: cacheWeight(n)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.nodes[cacheKey(&h)]; old != nil {
		s.remove(old)
	}
	s.nodes[cacheKey(&h)] = e
	s.push(e)
	for s.size += e.weight; s.size > s.max; {
		s.remove(s.victim())
	}
}

// retire says that folds have replaced nodes.
func (c *nodeCache) retire(nodes []codec.Hash) {
	for i := range nodes {
		s := c.shard(&nodes[i])
		s.mu.Lock()
		if e := s.nodes[cacheKey(&nodes[i])]; e != nil && e.hash == nodes[i] && !e.replaced {
			s.retire(e)
		}
		s.mu.Unlock()
	}
}

// retire notes that a node was replaced. It keeps its place in the list: to
// move it would be to look at its neighbours, which are seldom at hand.
func (s *cacheShard) retire(e *cached) {
	if len(s.replaced) > 2*len(s.nodes) {
		s.replaced = slices.DeleteFunc(s.replaced, func(e *cached) bool { return e.node == nil })
	}
	e.replaced = true
	s.replaced = append(s.replaced, e)
}

// drop removes the nodes for which f says so. It may ask the store: no lock is
// held meanwhile.
func (c *nodeCache) drop(f func(codec.Hash) bool) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.RLock()
		all := make([]*cached, 0, len(s.nodes))
		for _, e := range s.nodes {
			all = append(all, e)
		}
		s.mu.RUnlock()
		for _, e := range all {
			if f(e.hash) {
				s.mu.Lock()
				if e.node != nil {
					s.remove(e)
				}
				s.mu.Unlock()
			}
		}
	}
}

// used returns the weight of all nodes, and how many there are.
func (c *nodeCache) used() (bytes int64, nodes int) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.RLock()
		bytes, nodes = bytes+s.size, nodes+len(s.nodes)
		s.mu.RUnlock()
	}
	return bytes, nodes
}

// victim chooses what leaves next. There is something.
func (s *cacheShard) victim() *cached {
	for len(s.replaced) > 0 {
		e := s.replaced[0]
		s.replaced[0] = nil
		if s.replaced = s.replaced[1:]; e.node != nil {
			return e
		}
	}
	e := s.hand
	if e == nil {
		e = s.oldest
	}
	for e.asked.Load() {
		e.asked.Store(false)
		if e = e.prev; e == nil {
			e = s.oldest
		}
	}
	s.hand = e
	return e
}

// remove has the cache, and with it the node's parent, forget a node (E14).
func (s *cacheShard) remove(e *cached) {
	s.take(e)
	delete(s.nodes, cacheKey(&e.hash))
	s.size -= e.weight
	e.node.Forget()
	e.node = nil
}

// take takes a node out of the list.
func (s *cacheShard) take(e *cached) {
	if s.hand == e {
		s.hand = e.prev
	}
	if e.next != nil {
		e.next.prev = e.prev
	} else {
		s.oldest = e.prev
	}
	if e.prev != nil {
		e.prev.next = e.next
	} else {
		s.newest = e.next
	}
	e.next, e.prev = nil, nil
}

func (s *cacheShard) push(e *cached) {
	e.next = s.newest
	if s.newest != nil {
		s.newest.prev = e
	} else {
		s.oldest = e
	}
	s.newest = e
}

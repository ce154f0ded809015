package engine

import (
	"encoding/binary"
	"slices"
	"sync"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// nodeCache keeps decoded nodes up to a weight in bytes. What makes room for
// others is, first, what folds have replaced, oldest first: not wrong, and of use to
// snapshots and diffs, but seldom asked for again. Then SIEVE chooses (Zhang et
// al., NSDI 2024): a hand goes from the oldest node to the newest and takes the
// first that was not asked for since it passed.
//
//	      oldest        hand                     newest
//	   all │ n │ r │ n │ n │   │ r │ n │ n │ r │ n │ ◄──
//	             │               │           │
//	replaced ──► 1               2           3       leave first
//
// What it knows of a node stands in the node's cell, so that to find, to let go
// or to replace a node is to look at that node and no other. Nodes are spread over shards by
// their hashes. All methods may be called by several goroutines at once.
type nodeCache struct {
	shards []cacheShard // a power of two
}

const (
	cacheShards = 64        // at most
	shardBytes  = 256 << 10 // at least
)

// cacheShard is a part of the cache, with a part of the room. Its lock guards the
// cells of its nodes, too.
type cacheShard struct {
	mu       sync.RWMutex
	nodes    map[uint64]*prolly.Node // by the first bytes of the hash; of two that share them the later stays
	all      []*prolly.Node          // oldest first; nil: that one left
	replaced []*prolly.Node          // those that are still here leave first, in this order
	hand     int                     // in all
	size     int64
	max      int64
}

func newNodeCache(bytes int64) *nodeCache {
	n := int64(cacheShards)
	for n > 1 && bytes/n < shardBytes {
		n /= 2
	}
	c := &nodeCache{make([]cacheShard, n)}
	for i := range c.shards {
		c.shards[i].nodes, c.shards[i].max = map[uint64]*prolly.Node{}, bytes/n
	}
	return c
}

const (
	// nodeOverhead is about what a cached node takes beside its block, and
	// linkSize what its link to a child does.
	nodeOverhead = 480
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
	n := s.nodes[cacheKey(&h)]
	if n == nil || n.Cell().Hash != h {
		return nil, false
	}
	n.Cell().Ask()
	return n, true
}

// set puts a node, which is in no other cache, in place of another of this hash.
func (c *nodeCache) set(h codec.Hash, n *prolly.Node) {
	s := c.shard(&h)
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.nodes[cacheKey(&h)]; old != nil {
		s.remove(old)
	}
	s.nodes[cacheKey(&h)] = n
	s.push(h, n)
	for s.size += cacheWeight(n); s.size > s.max; {
		s.remove(s.victim())
	}
}

// retire says that folds have replaced nodes.
func (c *nodeCache) retire(nodes []prolly.Replaced) {
	for i := range nodes {
		s := c.shard(&nodes[i].Hash)
		s.mu.Lock()
		if e := nodes[i].Node.Cell(); e.Held && !e.Replaced {
			s.retire(nodes[i].Node)
		}
		s.mu.Unlock()
	}
}

// retire notes that a node was replaced.
func (s *cacheShard) retire(n *prolly.Node) {
	if len(s.replaced) > 2*len(s.nodes) {
		s.replaced = slices.DeleteFunc(s.replaced, func(n *prolly.Node) bool { return !n.Cell().Replaced })
	}
	n.Cell().Replaced = true
	s.replaced = append(s.replaced, n)
}

// drop removes the nodes for which f says so. It may ask the store: no lock is
// held meanwhile.
func (c *nodeCache) drop(f func(codec.Hash) bool) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.RLock()
		all := make([]codec.Hash, 0, len(s.nodes))
		for _, n := range s.nodes {
			all = append(all, n.Cell().Hash)
		}
		s.mu.RUnlock()
		for _, h := range all {
			if f(h) {
				s.mu.Lock()
				if n := s.nodes[cacheKey(&h)]; n != nil && n.Cell().Hash == h {
					s.remove(n)
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
func (s *cacheShard) victim() *prolly.Node {
	for len(s.replaced) > 0 {
		n := s.replaced[0]
		s.replaced[0] = nil
		if s.replaced = s.replaced[1:]; n.Cell().Replaced {
			return n
		}
	}
	for {
		if n := s.all[s.hand]; n != nil {
			if !n.Cell().Asked() {
				return n
			}
			n.Cell().Unask()
		}
		if s.hand++; s.hand == len(s.all) {
			s.hand = 0
		}
	}
}

// remove has the cache, and with it the node's parent, forget a node (E14).
func (s *cacheShard) remove(n *prolly.Node) {
	e := n.Cell()
	s.all[e.Place] = nil
	if int(e.Place) == s.hand {
		s.advance()
	}
	delete(s.nodes, cacheKey(&e.Hash))
	s.size -= cacheWeight(n)
	e.Held, e.Replaced = false, false
	n.Forget()
}

// advance moves the hand from a node that left to the next, or back to the oldest.
func (s *cacheShard) advance() {
	for s.hand < len(s.all) && s.all[s.hand] == nil {
		s.hand++
	}
	if s.hand == len(s.all) {
		s.hand = 0
	}
}

// push lists a node as the newest. Once most of those in the list have left, it
// closes up.
func (s *cacheShard) push(h codec.Hash, n *prolly.Node) {
	if len(s.all) == cap(s.all) && len(s.all) > 2*len(s.nodes) {
		s.closeUp()
	}
	e := n.Cell()
	e.Hash, e.Held, e.Place = h, true, int32(len(s.all))
	e.Unask()
	s.all = append(s.all, n)
}

func (s *cacheShard) closeUp() {
	to, hand := 0, 0
	for i, n := range s.all {
		if i == s.hand {
			hand = to
		}
		if n != nil {
			n.Cell().Place = int32(to)
			s.all[to] = n
			to++
		}
	}
	clear(s.all[to:])
	s.all, s.hand = s.all[:to], hand
}

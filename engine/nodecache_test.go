package engine

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// plainShard is a shard of the cache as it is defined, by going through lists.
type plainShard struct {
	max            int64
	live, replaced []plainCached // oldest first
	hand           codec.Hash    // zero: at the oldest
}

type plainCached struct {
	hash   codec.Hash
	node   *prolly.Node
	weight int64
	asked  bool
}

func (s *plainShard) find(list []plainCached, h codec.Hash) int {
	return slices.IndexFunc(list, func(e plainCached) bool { return e.hash == h })
}

func (s *plainShard) get(h codec.Hash) *prolly.Node {
	for _, list := range [][]plainCached{s.live, s.replaced} {
		if i := s.find(list, h); i >= 0 {
			list[i].asked = true
			return list[i].node
		}
	}
	return nil
}

func (s *plainShard) take(h codec.Hash) (e plainCached, ok bool) {
	if i := s.find(s.live, h); i >= 0 {
		if s.hand == h {
			if s.hand = (codec.Hash{}); i+1 < len(s.live) {
				s.hand = s.live[i+1].hash
			}
		}
		e = s.live[i]
		s.live = slices.Delete(s.live, i, i+1)
		return e, true
	}
	if i := s.find(s.replaced, h); i >= 0 {
		e = s.replaced[i]
		s.replaced = slices.Delete(s.replaced, i, i+1)
		return e, true
	}
	return e, false
}

func (s *plainShard) size() (n int64) {
	for _, e := range slices.Concat(s.live, s.replaced) {
		n += e.weight
	}
	return n
}

func (s *plainShard) set(h codec.Hash, n *prolly.Node) {
	s.take(h)
	s.live = append(s.live, plainCached{hash: h, node: n, weight: cacheWeight(n)})
	for s.size() > s.max {
		if len(s.replaced) > 0 {
			s.replaced = s.replaced[1:]
			continue
		}
		i := max(0, s.find(s.live, s.hand))
		for ; s.live[i].asked; i = (i + 1) % len(s.live) {
			s.live[i].asked = false
		}
		s.hand = s.live[i].hash
		s.take(s.hand)
	}
}

func (s *plainShard) retire(h codec.Hash) {
	if i := s.find(s.live, h); i >= 0 {
		e, _ := s.take(h)
		s.replaced = append(s.replaced, e)
	}
}

// leafOf is a leaf of some weight.
func leafOf(t *testing.T, size int) *prolly.Node {
	block := codec.AppendLeaf(nil, []codec.LeafEntry{{Key: []byte("key"), Value: make([]byte, size)}})
	return must(prolly.NewNode(block, nil))(t)
}

// TestNodeCache: whatever is put, asked for, replaced and dropped, a shard holds
// what its definition says, and never more than it may.
func TestNodeCache(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 20))
		c := newNodeCache(20_000)
		s, plain := &c.shards[0], &plainShard{max: 20_000}
		for step := range 3000 {
			var h codec.Hash
			binary.LittleEndian.PutUint64(h[:], uint64(1+r.IntN(80)))
			switch r.IntN(8) {
			case 0, 1:
				n := leafOf(t, r.IntN(1000))
				c.set(h, n)
				plain.set(h, n)
			case 2:
				if n, ok := s.nodes[cacheKey(&h)]; ok {
					c.retire([]prolly.Replaced{{Hash: h, Node: n}})
				}
				plain.retire(h)
			case 3:
				c.drop(func(g codec.Hash) bool { return g == h })
				plain.take(h)
			default:
				got, ok := c.get(h)
				if want := plain.get(h); got != want || ok != (want != nil) {
					t.Fatalf("seed %d, step %d: got %p, want %p", seed, step, got, want)
				}
			}
			live, replaced := s.listed()
			if want := plain.live; !sameNodes(live, want) {
				t.Fatalf("seed %d, step %d: %d live nodes, want %d", seed, step, len(live), len(want))
			}
			if want := plain.replaced; !sameNodes(replaced, want) {
				t.Fatalf("seed %d, step %d: %d replaced nodes, want %d", seed, step, len(replaced), len(want))
			}
			if most := 2*len(s.nodes) + 2; len(s.replaced) > most {
				t.Fatalf("seed %d, step %d: %d nodes wait, more than %d", seed, step, len(s.replaced), most)
			}
			if most := 4*len(s.nodes) + 16; len(s.all) > most {
				t.Fatalf("seed %d, step %d: %d places, more than %d", seed, step, len(s.all), most)
			}
			bytes, nodes := c.used()
			if bytes != plain.size() || bytes > 20_000 || nodes != len(plain.live)+len(plain.replaced) {
				t.Fatalf("seed %d, step %d: %d bytes in %d nodes", seed, step, bytes, nodes)
			}
		}
	}
}

// listed returns the nodes of a shard, oldest first.
func (s *cacheShard) listed() (live, replaced []*prolly.Node) {
	for _, n := range s.all {
		if n != nil && !n.Cell().Replaced {
			live = append(live, n)
		}
	}
	for _, n := range s.replaced {
		if n != nil && n.Cell().Replaced {
			replaced = append(replaced, n)
		}
	}
	return live, replaced
}

func sameNodes(got []*prolly.Node, want []plainCached) bool {
	return slices.EqualFunc(got, want, func(a *prolly.Node, b plainCached) bool {
		return a.Cell().Hash == b.hash && a == b.node && a.Cell().Asked() == b.asked
	})
}

// TestNodeCacheShared: two hashes that begin alike are not taken for each other.
func TestNodeCacheShared(t *testing.T) {
	c := newNodeCache(1 << 20)
	var a, b codec.Hash
	b[20] = 1
	c.set(a, leafOf(t, 1))
	if _, ok := c.get(b); ok {
		t.Error("another node was found")
	}
	n := leafOf(t, 2)
	c.set(b, n)
	if got, _ := c.get(b); got != n {
		t.Error("the later node is not there")
	}
	if _, nodes := c.used(); nodes != 1 {
		t.Errorf("%d nodes", nodes)
	}
}

// TestNodeCacheRace: all methods at once; afterwards nothing is counted that is
// not there.
func TestNodeCacheRace(t *testing.T) {
	c := newNodeCache(1 << 20)
	nodes := make([]*prolly.Node, 2000)
	hashes := make([]codec.Hash, len(nodes))
	for i := range nodes {
		nodes[i], hashes[i] = leafOf(t, i%1000), codec.Sum(fmt.Append(nil, i))
	}
	var wg sync.WaitGroup
	for g := range uint64(4) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(g, 21))
			for range 20_000 {
				i := r.IntN(len(nodes))
				switch r.IntN(10) {
				case 0, 1, 2:
					c.set(hashes[i], nodes[i])
				case 3:
					c.retire([]prolly.Replaced{{Hash: hashes[i], Node: nodes[i]}})
				default:
					if n, ok := c.get(hashes[i]); ok && n != nodes[i] {
						t.Errorf("node %d is another", i)
					}
				}
			}
			c.drop(func(h codec.Hash) bool { return h[0]%4 == byte(g) })
		})
	}
	wg.Wait()
	c.clear()
	if bytes, n := c.used(); bytes != 0 || n != 0 {
		t.Errorf("%d bytes and %d nodes in an empty cache", bytes, n)
	}
}

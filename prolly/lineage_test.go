package prolly

import (
	"context"
	"maps"
	"sync"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// keepingStore keeps nodes as they were made, as a cache does.
type keepingStore struct {
	NodeStore
	mu    sync.Mutex
	nodes map[codec.Hash]*Node
}

func newKeepingStore() *keepingStore {
	return &keepingStore{NodeStore: NewMemStore(), nodes: map[codec.Hash]*Node{}}
}

func (s *keepingStore) TakesLeaves() bool { return true }

func (s *keepingStore) TakeNode(ctx context.Context, h codec.Hash, n *Node) (Hint, error) {
	s.mu.Lock()
	s.nodes[h] = n
	s.mu.Unlock()
	return s.NodeStore.WriteNode(ctx, h, n.Block(), n.Hints())
}

func (s *keepingStore) LoadNode(ctx context.Context, a Addr) (*Node, error) {
	s.mu.Lock()
	n := s.nodes[a.Hash]
	s.mu.Unlock()
	if n != nil {
		return n, nil
	}
	return ReadNode(ctx, s.NodeStore, a)
}

// forget drops some of the nodes.
func (s *keepingStore) forget(r source, oneIn int) {
	for h := range s.nodes {
		if r.IntN(oneIn) == 0 {
			delete(s.nodes, h)
		}
	}
}

// replacing draws edits that give entries other values, mostly of the same size,
// some of them the value they have.
func (s source) replacing(m model, n int) (edits []Edit) {
	keys := m.keys()
	for range n {
		k := keys[s.IntN(len(keys))]
		v := m[k].Clone()
		switch s.IntN(8) {
		case 0:
		case 1:
			v = s.value()
		default:
			if v.Bytes == nil {
				v = s.value()
			}
			for i := range v.Bytes {
				v.Bytes[i] ^= byte(s.IntN(4))
			}
		}
		edits = append(edits, Edit{Key: []byte(k), Value: v})
	}
	return edits
}

// TestDiffOfLineage: between versions whose nodes were made of each other, and
// between any two of a line of them, a diff yields what differs by definition, and
// visits nothing else (P5); with ranges and limits, and with some of the nodes read
// again.
func TestDiffOfLineage(t *testing.T) {
	for seed, shape := range shapes {
		s := newSource(t, uint64(seed))
		for _, n := range []int{1, 30, 2500} {
			ns := newKeepingStore()
			models := []model{randomModel(s, shape, n)}
			if len(models[0]) == 0 {
				models[0][string(keyAt(shape, 1))] = s.value()
			}
			trees := []Tree{mustBuild(t, ns, models[0])}
			for range 6 {
				m := maps.Clone(models[len(models)-1])
				edits := s.replacing(m, 1+s.IntN(60))
				if s.IntN(4) == 0 {
					edits = append(edits, s.edits(shape, 4*n+1, 3)...)
				}
				tree, err := trees[len(trees)-1].Apply(ctx, edits)
				if err != nil {
					t.Fatal(err)
				}
				m.apply(edits)
				models, trees = append(models, m), append(trees, tree)
			}
			made := 0
			for _, x := range ns.nodes {
				if x.lineage.changed != 0 {
					made++
				}
			}
			if n > 1000 && made == 0 {
				t.Fatal("no node was made of another")
			}
			for round := range 2 {
				for a := range trees {
					for b := range trees {
						diffAgainst(t, s, shape, n, 4, [2]Tree{trees[a], trees[b]}, [2]model{models[a], models[b]})
					}
				}
				if round == 0 {
					ns.forget(s, 3)
				}
			}
		}
	}
}

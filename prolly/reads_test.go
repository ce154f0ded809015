package prolly

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// logged notes which nodes are read.
type logged struct {
	NodeStore
	mu   *sync.Mutex
	read map[codec.Hash]bool
}

func (l logged) ReadNode(ctx context.Context, a Addr) ([]byte, []Hint, error) {
	l.mu.Lock()
	l.read[a.Hash] = true
	l.mu.Unlock()
	return l.NodeStore.ReadNode(ctx, a)
}

// storedLevel is a level of a stored tree: its nodes, and which begin at a
// stage-1 cut.
type storedLevel struct {
	nodes  []codec.Hash
	firsts []string // keys
	stage1 []bool
	items  map[string]string // what stands under each key
}

func levelsOf(t testing.TB, tree Tree) []storedLevel {
	levels := make([]storedLevel, tree.Height())
	prev := make([]*Node, tree.Height())
	err := tree.Walk(ctx, func(a Addr, n *Node) error {
		l := n.Level()
		s := &levels[l]
		s.nodes = append(s.nodes, a.Hash)
		s.stage1 = append(s.stage1, prev[l] == nil || stage1(prev[l], n))
		s.firsts = append(s.firsts, string(n.AppendKey(nil, 0)))
		for i := range n.Len() {
			if s.items == nil {
				s.items = map[string]string{}
			}
			s.items[string(n.AppendKey(nil, i))] = itemText(n, i)
		}
		prev[l] = n
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return levels
}

func itemText(n *Node, i int) string {
	if n.Level() > 0 {
		return n.Child(i).String()
	}
	if n.Kind(i) == codec.Inline {
		return string(n.Inline(i))
	}
	return string(n.Link(i))
}

// edited returns, by node of s, whether an item of now that s lacks has its place
// there.
func (s storedLevel) edited(now storedLevel) []bool {
	out := make([]bool, len(s.nodes))
	for k, v := range now.items {
		if old, ok := s.items[k]; !ok || old != v {
			i, found := slices.BinarySearch(s.firsts, k)
			if !found && i > 0 {
				i--
			}
			out[i] = true
		}
	}
	return out
}

// gaps groups a level's nodes by stage-1 gap; a gap is named by its nodes.
func (s storedLevel) gaps() (names []string, of []int) {
	for i, h := range s.nodes {
		if s.stage1[i] {
			names = append(names, "")
		}
		names[len(names)-1] += string(h[:])
		of = append(of, len(names)-1)
	}
	return names, of
}

// readable returns the nodes that the rule lets Apply read on the way from one
// tree to another: those of touched gaps, one neighbour on either side, all
// of a level that becomes or nearly becomes one node, and what lies above these.
func readable(t testing.TB, from, to Tree) map[codec.Hash]bool {
	old, now := levelsOf(t, from), levelsOf(t, to)
	ok := map[codec.Hash]bool{from.root.Hash: true}
	for l, s := range old {
		kept := map[string]bool{}
		edited := make([]bool, len(s.nodes))
		if l < len(now) {
			edited = s.edited(now[l])
			names, _ := now[l].gaps()
			for _, g := range names {
				kept[g] = true
			}
		}
		names, of := s.gaps()
		touched := make([]bool, len(s.nodes))
		hit := map[int]bool{}
		for i := range s.nodes {
			if edited[i] {
				hit[of[i]] = true
			}
			// A cut whose item is deleted belongs to both its gaps.
			if _, kept := now[min(l, len(now)-1)].items[s.firsts[i]]; !kept && s.stage1[i] {
				hit[of[i]-1] = true
			}
		}
		untouched := 0
		for i := range s.nodes {
			if touched[i] = !kept[names[of[i]]] || hit[of[i]]; !touched[i] {
				untouched++
			}
		}
		for i, h := range s.nodes {
			near := touched[i] || i > 0 && touched[i-1] || i+1 < len(touched) && touched[i+1]
			if near || untouched < 4 {
				ok[h] = true
			}
		}
	}
	allowAncestors(t, from, from.root, ok)
	return ok
}

// allowAncestors adds every node above one that is in ok.
func allowAncestors(t testing.TB, tree Tree, a Addr, ok map[codec.Hash]bool) bool {
	n, err := loadNode(ctx, tree.ns, a)
	if err != nil {
		t.Fatal(err)
	}
	below := false
	for i := range n.Len() {
		if n.Level() > 0 && allowAncestors(t, tree, n.Addr(i), ok) {
			below = true
		}
	}
	if below {
		ok[a.Hash] = true
	}
	return ok[a.Hash]
}

// TestApplyReads holds Apply to its rule: nothing beyond the touched stage-1
// gaps and one neighbour on either side is read (P4).
func TestApplyReads(t *testing.T) {
	seeds := 40
	if testing.Short() {
		seeds = 8
	}
	for seed := range seeds {
		for _, shape := range shapes {
			s := newSource(t, uint64(seed)<<8|uint64(len(shape)))
			space := []int{300, 3000, 20000}[s.IntN(3)]
			if shape == "monotone" {
				space = 600
			}
			ns := NewMemStore()
			m := randomModel(s, shape, space/4)
			tree := mustBuild(t, ns, m)
			for range 6 {
				edits := s.edits(shape, space, []int{1, 1, 2, 10, 40, 400}[s.IntN(6)])
				l := logged{ns, &sync.Mutex{}, map[codec.Hash]bool{}}
				next, err := tree.In(struct{ NodeStore }{l}).Apply(ctx, edits)
				if err != nil {
					t.Fatal(err)
				}
				next = next.In(ns)
				// Edits that change nothing still have to be looked up.
				ok := readable(t, tree, next)
				for _, e := range edits {
					allowPath(t, tree, e.Key, ok)
				}
				for h := range maps.Keys(l.read) {
					if !ok[h] {
						n, _ := ns.(*memStore).LoadNode(ctx, Addr{Hash: h})
						t.Errorf("%s seed %d, %d edits: read a level-%d node beyond the touched gaps", shape, seed, len(edits), n.Level())
					}
				}
				tree = next
			}
		}
	}
}

func allowPath(t testing.TB, tree Tree, key []byte, ok map[codec.Hash]bool) {
	a := tree.root
	for {
		ok[a.Hash] = true
		n, err := loadNode(ctx, tree.ns, a)
		if err != nil {
			t.Fatal(err)
		}
		if n.Level() == 0 {
			return
		}
		a = n.Addr(n.childFor(key))
	}
}

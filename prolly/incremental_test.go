package prolly

import (
	"flag"
	"fmt"
	"sync"
	"testing"
	"time"

	cid "github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

var (
	long = flag.Bool("long", false, "run the long form of the property tests")
	from = flag.Int("from", 0, "round at which the long form begins")
)

// TestIncrementalIsRebuilt applies random batches to stored trees and compares
// each result with the tree built of the same content (P1). Now and then it
// checks the whole shape of the tree (P2, P3) and which nodes Apply read (P4).
//
// The long form,
//
//	go test ./prolly -run TestIncrementalIsRebuilt -long -timeout 0 -v
//
// goes on until it has made a million edits and compared ten thousand roots, and
// has seen levels become several nodes, and one again, on the lowest four.
func TestIncrementalIsRebuilt(t *testing.T) {
	sums := &incrementalSums{start: time.Now()}
	if !*long {
		rounds := 8
		if testing.Short() {
			rounds = 2
		}
		for round := range rounds {
			sums.round(t, round, 30)
		}
		t.Log(sums)
		return
	}
	said := time.Now()
	for round := *from; !sums.enough() && !t.Failed(); round++ {
		sums.round(t, round, 50)
		if time.Since(said) > 10*time.Second {
			said = time.Now()
			fmt.Printf("round %d: %v\n", round, sums)
		}
	}
	t.Log(sums)
}

// incrementalSums is what a run of the test has done so far.
type incrementalSums struct {
	start              time.Time
	edits, roots       int
	largest, most      int // edits of a batch, entries of a tree
	checked, readTests int
	nodesRead          int
	grew, shrank       [codec.MaxLevel + 1]int // times level l became several nodes, or one
	height             int
}

const (
	enoughEdits = 1_000_000
	enoughRoots = 10_000
)

func (s *incrementalSums) enough() bool {
	for l := range 4 {
		if s.grew[l] == 0 || s.shrank[l] == 0 {
			return false
		}
	}
	return s.edits >= enoughEdits && s.roots >= enoughRoots && s.largest >= 100_000
}

func (s *incrementalSums) String() string {
	return fmt.Sprintf("%d edits in batches of up to %d, %d roots of up to %d entries and height %d equal to the rebuilt tree's; "+
		"levels that became several nodes, from the leaves up: %v, one again: %v; %d trees checked whole; %d batches read %d nodes, all within the rule; %v",
		s.edits, s.largest, s.roots, s.most, s.height, s.grew[:8], s.shrank[:8], s.checked, s.readTests, s.nodesRead, time.Since(s.start).Round(time.Second))
}

// round works on one tree of each shape of keys.
func (s *incrementalSums) round(t *testing.T, round, batches int) {
	for k, shape := range shapes {
		t.Run(fmt.Sprintf("%s/%d", shape, round), func(t *testing.T) {
			src := newSource(t, uint64(round)*16+uint64(k))
			space := []int{10, 60, 60, 300, 300, 3000, 3000, 20000}[src.IntN(8)]
			if *long && shape != "monotone" && shape != "long" && src.IntN(40) == 0 {
				s.tree(t, src, shape, 250_000, 8)
				return
			}
			s.tree(t, src, shape, space, batches)
		})
	}
}

// incremental is one tree, for other tests.
func incremental(t *testing.T, s source, shape string, batches int) {
	space := []int{10, 60, 300, 3000, 20000}[s.IntN(5)]
	(&incrementalSums{}).tree(t, s, shape, space, batches)
}

// tree grows and shrinks a tree with keys of a space.
func (s *incrementalSums) tree(t *testing.T, src source, shape string, space, batches int) {
	ns := NewMemStore()
	m := model{}
	tree := Empty(ns)
	if src.IntN(2) == 0 {
		m = randomModel(src, shape, space/4)
		tree = mustBuild(t, ns, m)
	}
	for b := range batches {
		edits := src.batch(t, ns, m, shape, space)
		next, err := tree.Apply(ctx, edits)
		if err != nil {
			t.Fatalf("batch %d: %v", b, err)
		}
		if src.IntN(10) == 0 && s.readable(tree, next) && len(edits) < 50 {
			s.reads(t, ns, tree, edits, next)
		}
		m.apply(edits)
		want := mustBuild(t, ns, m)
		if next.Root() != want.Root() {
			t.Fatalf("%s: batch %d of %d edits on %d entries: root differs from the rebuilt tree", shape, b, len(edits), tree.Len())
		}
		if next.Len() != want.Len() || next.Bytes() != want.Bytes() || next.Height() != want.Height() {
			t.Fatalf("batch %d: sums %d/%d/%d, want %d/%d/%d", b, next.Len(), next.Bytes(), next.Height(), want.Len(), want.Bytes(), want.Height())
		}
		if src.IntN(10) == 0 && next.Len() < 30_000 {
			s.checked++
			if ps := shapeProblems(t, next); len(ps) > 0 {
				t.Fatalf("batch %d: %v", b, ps[0])
			}
		}
		s.count(tree, next, len(edits))
		tree = next
	}
}

// readable tells whether the rule of what is read can be judged: it speaks of
// trees that are not empty, and the log of what is read serves one pass.
func (s *incrementalSums) readable(tree, next Tree) bool {
	return editsAPass > 50 && tree.Len() > 0 && tree.Len() < 5000 && next.Len() > 0
}

func (s *incrementalSums) count(from, to Tree, edits int) {
	s.edits += edits
	s.roots++
	s.largest = max(s.largest, edits)
	s.most = max(s.most, int(to.Len()))
	s.height = max(s.height, to.Height())
	for l := from.level; l < to.level; l++ {
		s.grew[l]++
	}
	for l := to.level; l < from.level; l++ {
		s.shrank[l]++
	}
}

// shapeProblems is problems without reading the blobs.
func shapeProblems(t testing.TB, tree Tree) (out []Problem) {
	err := tree.Check(ctx, CheckOptions{}, func(p Problem) error {
		out = append(out, p)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// reads applies the edits once more and holds the nodes read to the rule.
func (s *incrementalSums) reads(t *testing.T, ns NodeStore, tree Tree, edits []Edit, next Tree) {
	l := logged{ns, &sync.Mutex{}, map[codec.Hash]bool{}}
	again, err := tree.In(struct{ NodeStore }{l}).Apply(ctx, edits)
	if err != nil || again.Root() != next.Root() {
		t.Fatalf("the same edits once more: %v, %v", again.Root(), err)
	}
	ok := readable(t, tree, next)
	for _, e := range edits {
		allowPath(t, tree, e.Key, ok)
	}
	for h := range l.read {
		if !ok[h] {
			t.Errorf("%d edits read a node beyond the touched gaps", len(edits))
		}
	}
	s.readTests++
	s.nodesRead += len(l.read)
}

// batch draws edits: few or many, scattered or close together, now and then
// nothing but deletes that leave little.
func (s source) batch(t *testing.T, ns NodeStore, m model, shape string, space int) []Edit {
	n := []int{1, 1, 2, 10, 100, space / 2}[s.IntN(6)]
	edits := s.edits(shape, space, n)
	for i := range edits {
		if !edits[i].Delete && s.IntN(100) == 0 {
			edits[i].Value = s.rareValue(t, ns)
		}
	}
	switch s.IntN(16) {
	case 0, 1: // shrink, perhaps to nothing
		for i := range edits {
			edits[i].Delete = true
		}
		for _, k := range m.keys() {
			if s.IntN(10) > 0 {
				edits = append(edits, Edit{Key: []byte(k), Delete: true})
			}
		}
	case 2: // resize
		for _, k := range m.keys() {
			if s.IntN(20) == 0 {
				edits = append(edits, Edit{Key: []byte(k), Value: s.value()})
			}
		}
	}
	return edits
}

// rareValue draws a value of a kind that value leaves out.
func (s source) rareValue(t *testing.T, ns NodeStore) Value {
	switch s.IntN(4) {
	case 0: // chunks that were stored before
		v := chunked()[s.IntN(len(chunked()))]
		stored, err := StoreValue(ctx, ns, []byte("key"), v[:3000+s.IntN(5000)])
		if s.IntN(30) == 0 {
			stored, err = StoreValue(ctx, ns, []byte("key"), v)
		}
		if err != nil {
			t.Fatal(err)
		}
		return stored
	case 1: // the longest link
		h, err := mh.Encode(s.bytes(124), mh.IDENTITY)
		if err != nil {
			t.Fatal(err)
		}
		return Value{Link: cid.NewCidV1(cid.Raw, h)}
	case 2:
		return Value{Bytes: []byte{}}
	}
	return Value{Bytes: s.bytes(codec.MaxItem - 4 - s.IntN(60))} // about the limit
}

// chunked returns a few values beyond one block.
var chunked = sync.OnceValue(func() (out [][]byte) {
	for i := range 3 {
		out = append(out, recipeBytes(fmt.Sprintf("chunked/%d", i), codec.MaxBlob+1+i*700_000))
	}
	return out
})

package engine

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// bigTree fills a branch with a tree of three levels and closes the engine, so
// that nothing is cached any more.
func bigTree(t *testing.T, open opener) {
	t.Helper()
	e := start(t, open, nil)
	b := must(e.Branch(ctx, "main"))(t)
	for i := range 5000 {
		do(t, b.Put(ctx, fmt.Appendf(nil, "key/%06d", i), bytes.Repeat([]byte{byte(i)}, 60), NoSync))
	}
	do(t, b.Put(ctx, []byte("long"), bytes.Repeat([]byte("long"), 1000), NoSync))
	do(t, b.Put(ctx, []byte("very long"), bytes.Repeat([]byte("chunk"), 300_000), NoSync))
	must(b.Commit(ctx, CommitOptions{}))(t)
	do(t, e.Close())
}

// readAll reads everything, and compares it.
func readAll(b *Branch) error {
	n := 0
	for x, err := range b.Range(ctx, prolly.Range{Prefix: []byte("key/")}) {
		if err != nil {
			return err
		}
		if want := bytes.Repeat([]byte{byte(n)}, 60); !bytes.Equal(x.Value.Bytes, want) || string(x.Key) != fmt.Sprintf("key/%06d", n) {
			return fmt.Errorf("wrong entry %q", x.Key)
		}
		n++
	}
	if n != 5000 {
		return fmt.Errorf("%d entries and no error", n)
	}
	for key, size := range map[string]int{"long": 4000, "very long": 1_500_000} {
		v, err := b.Get(ctx, []byte(key))
		if err != nil {
			return err
		}
		if len(v) != size {
			return fmt.Errorf("%s has %d bytes", key, len(v))
		}
	}
	return nil
}

// TestStaleHints: a hint that leads nowhere, or to another node, costs a
// lookup and nothing else (E6).
func TestStaleHints(t *testing.T) {
	for _, open := range []opener{memory(), pebbled()} {
		bigTree(t, open)
		e := startTest(t, open, nil)
		b := must(e.Branch(ctx, "main"))(t)
		do(t, readAll(b)) // memkv moves its hints when it is opened
	}
	open, x := memory(), &tampered{}
	bigTree(t, open)
	var other kv.Node
	x.node = func(_ codec.Hash, at kv.Hint, n kv.Node) (kv.Node, error) {
		if at != (kv.Hint{}) && other.Block != nil {
			return other, nil
		}
		other = n
		return n, nil
	}
	e := startTest(t, x.opener(open), nil)
	b := must(e.Branch(ctx, "main"))(t)
	do(t, readAll(b))
	if e.Stats().StaleHints == 0 {
		t.Error("no hint was stale")
	}
}

// TestDamage: each block in turn is damaged, cut short, replaced or missing.
// Reading everything is an error that says so, never ErrNotFound and never
// wrong; and Check names the block (E6).
func TestDamage(t *testing.T) {
	open, x := memory(), &tampered{}
	bigTree(t, open)
	var victims []cid.Cid
	e := startTest(t, open, nil)
	b := must(e.Branch(ctx, "main"))(t)
	seen := 0
	do(t, b.state.Load().trees[theTree].Walk(ctx, func(a prolly.Addr, n *prolly.Node) error {
		if seen++; n.Level() > 0 || seen%17 == 0 {
			victims = append(victims, a.Hash.CID())
		}
		return nil
	}))
	for key := range map[string]int{"long": 0, "very long": 0} {
		c := must(b.Lookup(ctx, []byte(key)))(t).Value.Blob()
		if victims = append(victims, c); c.Type() == cid.DagCBOR {
			victims = append(victims, must(codec.ParseChunkList(must(e.ReadBlock(ctx, c))(t)))(t).Links...)
		}
	}
	do(t, e.Close())
	for _, victim := range victims {
		for what, damage := range map[string]func([]byte) ([]byte, error){
			"damaged":  func(b []byte) ([]byte, error) { b[len(b)/2] ^= 1; return b, nil },
			"cut":      func(b []byte) ([]byte, error) { return b[:len(b)-1], nil },
			"empty":    func([]byte) ([]byte, error) { return nil, nil },
			"replaced": func([]byte) ([]byte, error) { return codec.EmptyLeaf(), nil },
			"missing":  func([]byte) ([]byte, error) { return nil, kv.ErrNotFound },
		} {
			damageBlock(t, x.opener(open), x, victim, what, damage)
		}
	}
}

func damageBlock(t *testing.T, open opener, x *tampered, victim cid.Cid, what string, damage func([]byte) ([]byte, error)) {
	x.node = func(h codec.Hash, _ kv.Hint, n kv.Node) (_ kv.Node, err error) {
		if h.CID() == victim {
			n.Block, err = damage(n.Block)
		}
		return n, err
	}
	x.blob = func(c cid.Cid, b []byte) ([]byte, error) {
		if c == victim {
			return damage(b)
		}
		return b, nil
	}
	target := ErrCorrupt
	if what == "missing" {
		target = ErrMissing
	}
	e := start(t, open, nil)
	defer func() { do(t, e.Close()) }()
	b, err := e.Branch(ctx, "main")
	if err == nil {
		err = readAll(b)
	}
	if !errors.Is(err, target) || errors.Is(err, ErrNotFound) {
		t.Errorf("%v %s: %v", victim, what, err)
	}
	found := false
	for _, p := range problems(t, e) {
		found = found || p.CID == victim && errors.Is(p.Err, target)
	}
	if !found {
		t.Errorf("%v %s: not found by Check", victim, what)
	}
	if _, err := e.GC(ctx, GCOptions{}); target == ErrMissing && victim.Type() == cid.DagCBOR && !errors.Is(err, target) {
		t.Errorf("%v %s: garbage is collected: %v", victim, what, err)
	}
}

// TestCache: nodes that a fold wrote are not read again, those that were read
// are not read twice, and the cache keeps to its size.
func TestCache(t *testing.T) {
	open := memory()
	e := start(t, open, nil)
	b := must(e.Branch(ctx, "main"))(t)
	for i := range 5000 {
		do(t, b.Put(ctx, fmt.Appendf(nil, "key/%06d", i), bytes.Repeat([]byte{byte(i)}, 60), NoSync))
	}
	must(b.Fold(ctx))(t)
	scan := func() { do(t, lastError(b.Range(ctx, prolly.Range{}))) }
	scan()
	if n := e.Stats().NodeReads; n != 0 {
		t.Errorf("%d nodes read that were just written", n)
	}
	do(t, e.Close())

	e = start(t, open, nil)
	b = must(e.Branch(ctx, "main"))(t)
	scan()
	once := e.Stats()
	scan()
	if twice := e.Stats(); twice.NodeReads != once.NodeReads || twice.CacheHits <= once.CacheHits {
		t.Errorf("once %+v, twice %+v", once, twice)
	}
	do(t, e.Close())

	const limit = 64 << 10
	e = start(t, open, &Options{CacheBytes: limit})
	b = must(e.Branch(ctx, "main"))(t)
	scan()
	if s := e.Stats(); s.CacheBytes > limit || s.CacheNodes == 0 {
		t.Errorf("%d bytes in the cache, %d nodes", s.CacheBytes, s.CacheNodes)
	}
	do(t, e.Close())
}

// TestLinksFollowCache: a node that leads to a child leads to one that is in the
// cache, so that what is out of the cache is out of memory.
func TestLinksFollowCache(t *testing.T) {
	open := memory()
	e := start(t, open, nil)
	b := must(e.Branch(ctx, "main"))(t)
	for i := range 20_000 {
		do(t, b.Put(ctx, fmt.Appendf(nil, "key/%06d", i), bytes.Repeat([]byte{byte(i)}, 60), NoSync))
	}
	must(b.Fold(ctx))(t)
	do(t, e.Close())

	e = start(t, open, &Options{CacheBytes: 512 << 10})
	b = must(e.Branch(ctx, "main"))(t)
	tree := b.state.Load().trees[theTree]
	for range 3 {
		do(t, lastError(b.Range(ctx, prolly.Range{})))
		for i := range 2000 {
			must(b.Get(ctx, fmt.Appendf(nil, "key/%06d", i*7)))(t)
		}
	}
	root := must(e.nodes.LoadNode(ctx, tree.Addr()))(t)
	must(b.Get(ctx, []byte("key/000007")))(t)
	linked := 0
	var walk func(n *prolly.Node)
	walk = func(n *prolly.Node) {
		for i := range n.Len() {
			c := n.Recall(i)
			if c == nil {
				continue
			}
			linked++
			if in, ok := e.nodes.cache.get(n.Child(i)); !ok || in != c {
				t.Fatalf("E14 violated: child %d of a node of level %d is not in the cache", i, n.Level())
			}
			if c.Level() > 0 {
				walk(c)
			}
		}
	}
	walk(root)
	if linked == 0 {
		t.Error("nothing is linked")
	}
	e.nodes.cache.clear()
	for i := range root.Len() {
		if root.Recall(i) != nil {
			t.Fatal("E14 violated: a link is left of an empty cache")
		}
	}
	do(t, e.Close())
}

// TestReplaced: what a fold replaced is known, but for a node a level, and
// nothing else is taken for it.
func TestReplaced(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 13))
		e := startTest(t, memory(), nil)
		b := must(e.Branch(ctx, "main"))(t)
		from := b.state.Load().trees[theTree]
		for range 8 {
			var edits []prolly.Edit
			for range []int{1, 5, 300, 4000}[r.IntN(4)] {
				edits = append(edits, prolly.Edit{Key: fmt.Appendf(nil, "%d", r.IntN(6000)), Value: prolly.Value{Bytes: make([]byte, r.IntN(100))}, Delete: r.IntN(3) == 0})
			}
			if r.IntN(4) == 0 {
				for x, err := range b.Range(ctx, prolly.Range{}) {
					do(t, err)
					if r.IntN(200) > 0 {
						edits = append(edits, prolly.Edit{Key: bytes.Clone(x.Key), Delete: true})
					}
				}
			}
			do(t, b.Apply(ctx, edits, NoSync))
			must(b.Fold(ctx))(t)
			to := b.state.Load().trees[theTree]
			got := e.nodes.cache.takeReplaced()
			want := difference(t, from, to)
			for _, h := range got {
				if _, ok := slices.BinarySearchFunc(want, h, compareHashes); !ok {
					t.Fatalf("seed %d: %v is said to be replaced, and is there", seed, h)
				}
			}
			if len(got)+from.Height() < len(want) {
				t.Fatalf("seed %d: %d nodes replaced, want %d (heights %d and %d)", seed, len(got), len(want), from.Height(), to.Height())
			}
			from = to
		}
	}
}

// clear empties the cache.
func (c *nodeCache) clear() { c.drop(func(codec.Hash) bool { return true }) }

// takeReplaced empties the lists of what was replaced.
func (c *nodeCache) takeReplaced() (list []codec.Hash) {
	for i := range c.shards {
		s := &c.shards[i]
		_, replaced := s.listed()
		for _, e := range replaced {
			list = append(list, e.Cell().Hash)
			s.remove(e)
		}
	}
	slices.SortFunc(list, compareHashes)
	return list
}

func compareHashes(a, b codec.Hash) int { return bytes.Compare(a[:], b[:]) }

// difference are the nodes of from that to has not.
func difference(t *testing.T, from, to prolly.Tree) []codec.Hash {
	has := map[codec.Hash]bool{}
	do(t, to.Walk(ctx, func(a prolly.Addr, _ *prolly.Node) error {
		has[a.Hash] = true
		return nil
	}))
	var list []codec.Hash
	do(t, from.Walk(ctx, func(a prolly.Addr, _ *prolly.Node) error {
		if !has[a.Hash] && a.Hash != codec.EmptyRoot {
			list = append(list, a.Hash)
		}
		return nil
	}))
	slices.SortFunc(list, compareHashes)
	return list
}

// TestCacheKeepsWhatIsNew: a cache that has room for the tree, and for little
// more, serves a branch that is rewritten again and again.
func TestCacheKeepsWhatIsNew(t *testing.T) {
	e := startTest(t, memory(), &Options{CacheBytes: 2 << 20})
	b := must(e.Branch(ctx, "main"))(t)
	r := rand.New(rand.NewPCG(1, 14))
	write := func(n int) {
		for range n {
			do(t, b.Put(ctx, fmt.Appendf(nil, "key/%06d", r.IntN(5000)), make([]byte, 100+r.IntN(100)), NoSync))
		}
		must(b.Fold(ctx))(t)
	}
	write(20_000)
	for range 5 {
		do(t, lastError(b.Range(ctx, prolly.Range{}))) // what is old is well known to the cache
	}
	before := e.Stats()
	for range 100 {
		write(50)
	}
	after := e.Stats()
	if reads, writes := after.NodeReads-before.NodeReads, after.NodeWrites-before.NodeWrites; reads > writes/10 {
		t.Errorf("%d nodes read and %d written", reads, writes)
	}
}

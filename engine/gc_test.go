package engine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"testing"

	cid "github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// blocks are the nodes and blobs in a store.
type blocks struct {
	nodes map[codec.Hash]bool
	blobs map[string]bool
}

func blocksIn(t *testing.T, e *Engine) blocks {
	t.Helper()
	b := blocks{map[codec.Hash]bool{}, map[string]bool{}}
	s := e.store.(kv.Scanner)
	for n, err := range s.ScanNodes(ctx) {
		do(t, err)
		b.nodes[n.Hash] = true
	}
	for x, err := range s.ScanBlobs(ctx) {
		do(t, err)
		b.blobs[string(x.Multihash)] = true
	}
	return b
}

// addTree adds what a tree needs, found by Walk and Range alone.
func (b blocks) addTree(t *testing.T, e *Engine, tree prolly.Tree) {
	t.Helper()
	if tree.Len() == 0 {
		return
	}
	do(t, tree.Walk(ctx, func(a prolly.Addr, _ *prolly.Node) error {
		b.nodes[a.Hash] = true
		return nil
	}))
	for x, err := range tree.Range(ctx, prolly.Range{}) {
		do(t, err)
		b.addValue(t, e, x.Value)
	}
}

func (b blocks) addValue(t *testing.T, e *Engine, v prolly.Value) {
	t.Helper()
	c := v.Blob()
	if v.Link.Defined() {
		c = v.Link
	}
	if !c.Defined() {
		return
	}
	b.blobs[string(c.Hash())] = true
	if !v.Link.Defined() && c.Type() == cid.DagCBOR {
		list := must(codec.ParseChunkList(must(e.ReadBlock(ctx, c))(t)))(t)
		for _, x := range list.Links {
			b.blobs[string(x.Hash())] = true
		}
	}
}

func (b blocks) addCommit(c Commit) { b.blobs[string(c.CID.Hash())] = true }

// TestGC: exactly what is reached stays (E8).
func TestGC(t *testing.T) {
	over(t, func(t *testing.T, open opener) {
		for seed := range uint64(4) {
			collectExactly(t, open, seed)
		}
	})
}

// gcWorld is what a garbage collection must keep.
type gcWorld struct {
	t       *testing.T
	e       *Engine
	r       *rand.Rand
	commits []Commit
	tags    map[string]cid.Cid
	open    []io.Closer
	trees   []prolly.Tree // of snapshots that are open
}

func collectExactly(t *testing.T, open opener, seed uint64) {
	w := &gcWorld{t: t, e: start(t, open, nil), r: rand.New(rand.NewPCG(seed, 9)), tags: map[string]cid.Cid{}}
	for range 8 {
		w.churn(must(w.e.Branch(ctx, fmt.Sprint("branch ", w.r.IntN(3))))(t))
		dry := must(w.e.GC(ctx, GCOptions{DryRun: true}))(t)
		before := blocksIn(t, w.e)
		wet := must(w.e.GC(ctx, GCOptions{}))(t)
		after, reached := blocksIn(t, w.e), w.reached()
		maps.DeleteFunc(reached.blobs, func(k string, _ bool) bool { return !before.blobs[k] }) // links to what was never here
		if !maps.Equal(after.nodes, reached.nodes) || !maps.Equal(after.blobs, reached.blobs) {
			t.Fatalf("seed %d: %d nodes and %d blobs are left, want %d and %d", seed, len(after.nodes), len(after.blobs), len(reached.nodes), len(reached.blobs))
		}
		if dry.Swept != wet.Swept || int(wet.Swept.Nodes) != len(before.nodes)-len(after.nodes) || int(wet.Swept.Blobs) != len(before.blobs)-len(after.blobs) {
			t.Fatalf("seed %d: swept %+v, dry %+v", seed, wet.Swept, dry.Swept)
		}
		if p := problems(t, w.e); len(p) > 0 {
			t.Fatalf("seed %d: %v", seed, p)
		}
	}
	for _, c := range w.open {
		do(t, c.Close())
	}
	for _, info := range must(w.e.Branches(ctx))(t) {
		do(t, w.e.DeleteBranch(ctx, info.Name))
	}
	for name := range w.tags {
		do(t, w.e.DeleteTag(ctx, name))
	}
	must(w.e.GC(ctx, GCOptions{}))(t)
	if b := blocksIn(t, w.e); len(b.nodes) > 0 || len(b.blobs) > 0 {
		t.Fatalf("seed %d: %d nodes and %d blobs left of nothing", seed, len(b.nodes), len(b.blobs))
	}
	do(t, w.e.Close())
}

// churn writes to a branch, and hands out and takes back what pins.
func (w *gcWorld) churn(b *Branch) {
	t, r := w.t, w.r
	edits := voyageEdits(r, 100)
	edits[0] = prolly.Edit{Key: []byte("chunked"), Value: prolly.Value{Bytes: bytes.Repeat([]byte{byte(r.Uint32())}, 1<<20+r.IntN(1<<20))}}
	edits[1] = prolly.Edit{Key: []byte("linked"), Value: prolly.Value{Link: codec.RawCID(fmt.Append(nil, r.Uint32()))}}
	do(t, b.Apply(ctx, edits, NoSync))
	switch r.IntN(5) {
	case 0:
		c := must(b.Commit(ctx, CommitOptions{}))(t)
		w.commits = append(w.commits, c)
	case 1:
		c := must(b.Commit(ctx, CommitOptions{}))(t)
		name := fmt.Sprint("tag ", r.IntN(2))
		w.tags[name] = c.Root
		do(t, w.e.Tag(ctx, name, c.Root))
		do(t, w.e.DeleteBranch(ctx, b.Name()))
	case 2:
		s := must(b.Snapshot(ctx))(t)
		w.open, w.trees = append(w.open, s), append(w.trees, s.Tree())
	case 3:
		if len(w.open) > 0 {
			do(t, w.open[0].Close())
			w.open, w.trees = w.open[1:], w.trees[1:]
		}
	}
	if err := b.Apply(ctx, voyageEdits(r, 10), NoSync); !errors.Is(err, ErrNoBranch) {
		do(t, err)
	}
}

// reached is what may not go.
func (w *gcWorld) reached() blocks {
	t, e := w.t, w.e
	b := blocks{map[codec.Hash]bool{}, map[string]bool{}}
	for _, tree := range w.trees {
		b.addTree(t, e, tree)
	}
	for _, root := range w.tags {
		s := must(e.Tree(ctx, root))(t)
		b.addTree(t, e, s.Tree())
		do(t, s.Close())
	}
	for _, info := range must(e.Branches(ctx))(t) {
		br := must(e.Lookup(ctx, info.Name))(t)
		st := br.state.Load()
		b.addTree(t, e, st.trees[theTree])
		for c, err := range br.Log(ctx, LogOptions{}) {
			do(t, err)
			b.addCommit(c)
			b.addTree(t, e, must(prolly.Load(ctx, e.Nodes(), c.Root))(t))
		}
		for _, l := range st.layers {
			o := l.over[theTree]
			w := walk{o: o}
			for w.ahead(); w.e != 0; w.forward() {
				for v := range o.all(w.e) {
					if v.kind != opDelete {
						b.addValue(t, e, must(v.kind.value(v.data))(t))
					}
				}
			}
		}
	}
	return b
}

// TestPins: each thing that pins keeps what it reads while garbage is
// collected, and no longer than it is open (E8).
func TestPins(t *testing.T) {
	e := startTest(t, memory(), &Options{CacheBytes: 1})
	b := must(e.Branch(ctx, "main"))(t)
	long := bytes.Repeat([]byte("long"), 2000)
	fill := func(v string) {
		for i := range 500 {
			do(t, b.Put(ctx, fmt.Appendf(nil, "key/%d", i), []byte(v+v+v), NoSync))
		}
		do(t, b.Put(ctx, []byte("long"), append([]byte(v), long...), NoSync))
	}
	// wipe replaces all there is and collects.
	wipe := func(v string) {
		fill(v)
		must(b.Fold(ctx))(t)
		must(e.GC(ctx, GCOptions{}))(t)
	}
	fill("a")
	must(b.Fold(ctx))(t)

	tx := must(b.Begin(ctx))(t)
	m := must(b.Moment(ctx))(t)
	s := must(b.Snapshot(ctx))(t)
	f := must(b.Open(ctx, []byte("long")))(t)
	n := 0
	for x, err := range b.Range(ctx, prolly.Range{}) {
		do(t, err)
		if n++; n == 10 {
			wipe("b")
			for _, r := range []reads{tx, m.Tree(), s.Tree()} {
				if v := must(r.Get(ctx, []byte("long")))(t); v[0] != 'a' {
					t.Errorf("%T reads %c", r, v[0])
				}
			}
			if v := must(io.ReadAll(f))(t); v[0] != 'a' || len(v) != len(long)+1 {
				t.Errorf("the open value is %d bytes of %c", len(v), v[0])
			}
		}
		if len(x.Value.Bytes) > 0 && x.Value.Bytes[0] != 'a' {
			t.Fatalf("entry %d is %q", n, x.Value.Bytes)
		}
	}
	if n != 501 {
		t.Errorf("%d entries", n)
	}
	if e.Stats().Pins != 4 {
		t.Errorf("%d pins, want 4", e.Stats().Pins)
	}
	tx.Discard()
	m.Close()
	do(t, s.Close())
	do(t, f.Close())
	wipe("c")
	_, err := prolly.Load(ctx, e.Nodes(), s.Root())
	want(t, err, ErrMissing)
}

// TestLinkedBlocks: a caller's block is verified, kept while a tree links it
// and until the next collection but one before that.
func TestLinkedBlocks(t *testing.T) {
	over(t, func(t *testing.T, open opener) {
		e := startTest(t, open, nil)
		b := must(e.Branch(ctx, "main"))(t)
		block := []byte("a block of the caller's")
		for _, hash := range []uint64{mh.SHA2_256, mh.SHA2_512, mh.BLAKE2B_MIN + 31, mh.SHA3_256, mh.IDENTITY} {
			c := must(cid.V1Builder{Codec: cid.DagProtobuf, MhType: hash}.Sum(block))(t)
			want(t, e.PutBlock(ctx, c, []byte("another")), ErrCorrupt)
			do(t, e.PutBlock(ctx, c, block))
			if got := must(e.ReadBlock(ctx, c))(t); !bytes.Equal(got, block) {
				t.Errorf("%v: read %q", c, got)
			}
			must(e.GC(ctx, GCOptions{}))(t)
			must(e.ReadBlock(ctx, c))(t)
			do(t, b.Apply(ctx, []prolly.Edit{{Key: []byte("k"), Value: prolly.Value{Link: c}}}))
			for range 3 {
				must(e.GC(ctx, GCOptions{}))(t)
			}
			must(e.ReadBlock(ctx, c))(t)
			must(b.Fold(ctx))(t)
			must(e.GC(ctx, GCOptions{}))(t)
			must(e.ReadBlock(ctx, c))(t)
			do(t, b.Delete(ctx, []byte("k")))
			must(b.Fold(ctx))(t)
			must(e.GC(ctx, GCOptions{}))(t)
			if _, err := e.ReadBlock(ctx, c); hash != mh.IDENTITY {
				want(t, err, ErrMissing)
			}
		}
		unknown := must(mh.Encode(bytes.Repeat([]byte{1}, 32), 0x3fffff))(t)
		want(t, e.PutBlock(ctx, cid.NewCidV1(cid.Raw, unknown), block), ErrHash)
		want(t, e.PutBlock(ctx, cid.Undef, block), ErrHash)
		_, err := e.ReadBlock(ctx, cid.Undef)
		want(t, err, ErrMissing)
	})
}

// TestCollectedTreeIsGone: what was collected cannot come back through the
// cache, for there may be less of it than of a tree.
func TestCollectedTreeIsGone(t *testing.T) {
	e := startTest(t, memory(), nil)
	b := must(e.Branch(ctx, "main"))(t)
	do(t, b.Put(ctx, []byte("a"), []byte("1")))
	root := must(b.Fold(ctx))(t)
	m := must(b.Moment(ctx))(t)
	do(t, b.Put(ctx, []byte("a"), []byte("2")))
	must(b.Fold(ctx))(t)
	m.Close()
	must(e.GC(ctx, GCOptions{}))(t)
	e.nodes.cache.set(must(codec.HashOf(root))(t), emptyNode) // as a late reader may
	for name, f := range map[string]func() error{
		"Tree":         func() error { return errorOf(e.Tree(ctx, root)) },
		"Tag":          func() error { return e.Tag(ctx, "t", root) },
		"CreateBranch": func() error { return errorOf(e.CreateBranch(ctx, "b", root)) },
	} {
		if err := f(); !errors.Is(err, ErrMissing) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestReadDuringGC: a read whose state is replaced and collected under it is
// done again on the new one.
func TestReadDuringGC(t *testing.T) {
	open, x := memory(), &tampered{}
	bigTree(t, open)
	e := startTest(t, x.opener(open), nil)
	b := must(e.Branch(ctx, "main"))(t)
	key := []byte("key/000042")
	for what, read := range map[string]func() error{
		"Get":    func() error { return errorOf(b.Get(ctx, key)) },
		"Has":    func() error { return errorOf(b.Has(ctx, key)) },
		"Lookup": func() error { return errorOf(b.Lookup(ctx, key)) },
		"View":   func() error { return b.View(ctx, key, func([]byte) error { return nil }) },
	} {
		e.nodes.cache.clear()
		met := false
		x.node = func(_ codec.Hash, _ kv.Hint, n kv.Node) (kv.Node, error) {
			if met {
				return n, nil
			}
			met = true
			do(t, b.Put(ctx, key, []byte(what)))
			must(b.Fold(ctx))(t)
			must(e.GC(ctx, GCOptions{}))(t)
			return kv.Node{}, kv.ErrNotFound // as if this very node had gone
		}
		if err := read(); err != nil || !met {
			t.Errorf("%s: %v, %v", what, err, met)
		}
	}
}

// TestLatePin: a state that was collected before it was pinned stops no later
// collection, neither while the pin is tried nor when it is given up (E8).
func TestLatePin(t *testing.T) {
	open := memory()
	bigTree(t, open)
	e := startTest(t, open, nil)
	b := must(e.Branch(ctx, "main"))(t)
	fold := func(value string) {
		do(t, b.Put(ctx, []byte("key/000042"), []byte(value)))
		must(b.Fold(ctx))(t)
	}
	fold("old")
	old := b.state.Load()
	fold("new")
	if s := must(e.GC(ctx, GCOptions{}))(t); s.Swept.Nodes == 0 {
		t.Fatal("nothing was collected")
	}
	p := e.pins.try(b, old)
	must(e.GC(ctx, GCOptions{}))(t)
	if e.pins.sure(p) {
		t.Error("a state that had gone was pinned")
	}
	c := must(e.beginCollecting(ctx))(t)
	e.pins.remove(p)
	if gone := c.rooted(); len(gone) != 0 {
		t.Errorf("%d states to be marked that nobody used", len(gone))
	}
	do(t, c.end())
}

// plainStore is a store that can sweep, but only while nobody writes.
type plainStore struct {
	kv.Store
	kv.Sweeper
	kv.Scanner
}

// TestGCAlone: with such a store exactly what is reached stays, too.
func TestGCAlone(t *testing.T) {
	for seed := range uint64(3) {
		open := memory()
		collectExactly(t, func() (kv.Store, error) {
			s, err := open()
			if err != nil {
				return nil, err
			}
			return plainStore{s, s.(kv.Sweeper), s.(kv.Scanner)}, nil
		}, seed)
	}
}

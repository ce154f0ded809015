package engine

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	cid "github.com/ipfs/go-cid"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/kv/pebblekv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// lagging is a store whose runs are so large that nothing is written by itself.
func lagging(fs vfs.FS) opener {
	return func() (kv.Store, error) {
		return pebblekv.Open("store", &pebblekv.Options{FS: fs, MemTableBytes: 256 << 10, CacheBytes: 1 << 20})
	}
}

// fillAndFold puts n random entries, folds, and brings the model along.
func fillAndFold(t *testing.T, r *rand.Rand, b *Branch, c content, n int) cid.Cid {
	t.Helper()
	var edits []prolly.Edit
	for range n {
		edits = append(edits, prolly.Edit{
			Key:   fmt.Appendf(nil, "key %05d", r.IntN(5000)),
			Value: prolly.Value{Bytes: fmt.Appendf(nil, "value %d of some length, so that there are nodes", r.Uint32())},
		})
	}
	c.apply(edits)
	do(t, b.Apply(ctx, edits, NoSync))
	return must(b.Fold(ctx))(t)
}

func wantContent(t *testing.T, what string, r ranger, get getter, c content) {
	t.Helper()
	got, err := contentIn(r, get)
	do(t, err)
	if !maps.Equal(got, c) {
		t.Fatalf("%s has %d entries, and not the %d expected", what, len(got), len(c))
	}
}

// TestSpared: of many folds in a row only the last nodes are written, beside
// those of commits (E13).
func TestSpared(t *testing.T) {
	e := startTest(t, lagging(vfs.NewMem()), &Options{CacheBytes: 1})
	b := must(e.Branch(ctx, "main"))(t)
	r, c := rand.New(rand.NewPCG(1, 1)), content{}
	fillAndFold(t, r, b, c, 3000)
	fillAndFold(t, r, b, c, 1) // the next base: its nodes are written
	before := e.Stats().NodeWrites
	base := len(blocksIn(t, e).nodes)
	for range 300 {
		fillAndFold(t, r, b, c, 1)
	}
	put, written := e.Stats().NodeWrites-before, len(blocksIn(t, e).nodes)-base
	live := must(b.Snapshot(ctx))(t)
	defer live.Close()
	nodes := blocks{nodes: blocksIn(t, e).nodes, blobs: map[string]bool{}}
	if uint64(written)*2 > put {
		t.Errorf("%d nodes were put and %d written", put, written)
	}
	have := len(nodes.nodes)
	if nodes.addTree(t, e, live.Tree()); len(nodes.nodes) != have {
		t.Error("nodes of the present tree are not in the store")
	}
	wantContent(t, "the branch", b, b.Get, c)
	commit := must(b.Commit(ctx, CommitOptions{}))(t)
	old := maps.Clone(c)
	for range 50 {
		fillAndFold(t, r, b, c, 20)
	}
	was := must(e.Tree(ctx, commit.CID))(t)
	defer was.Close()
	wantContent(t, "the commit", was.Tree(), was.Tree().Get, old)
}

// TestPinnedIsNotSpared: snapshots and iterations see all of their tree however
// far the branch moves on (E8, E13).
func TestPinnedIsNotSpared(t *testing.T) {
	e := startTest(t, lagging(vfs.NewMem()), &Options{CacheBytes: 1})
	b := must(e.Branch(ctx, "main"))(t)
	r, c := rand.New(rand.NewPCG(2, 2)), content{}
	fillAndFold(t, r, b, c, 3000)
	fillAndFold(t, r, b, c, 10)
	for range 5 {
		fillAndFold(t, r, b, c, 100)
		snap := must(b.Snapshot(ctx))(t)
		old, n := maps.Clone(c), 0
		for x, err := range b.Range(ctx, prolly.Range{}) {
			do(t, err)
			if want := old[string(x.Key)]; want != string(x.Value.Bytes) {
				t.Fatalf("key %q has %q, want %q", x.Key, x.Value.Bytes, want)
			}
			if n++; n%500 == 0 {
				fillAndFold(t, r, b, c, 100)
			}
		}
		if n != len(old) {
			t.Fatalf("%d entries, want %d", n, len(old))
		}
		wantContent(t, "the snapshot", snap.Tree(), snap.Tree().Get, old)
		do(t, snap.Close())
	}
}

// TestRefAtWorkingTree: a branch or tag at a tree that its branch then leaves
// behind has all of it; a tree that was left behind before is missing.
func TestRefAtWorkingTree(t *testing.T) {
	fs := vfs.NewMem()
	e := start(t, lagging(fs), &Options{CacheBytes: 1})
	b := must(e.Branch(ctx, "main"))(t)
	r, c := rand.New(rand.NewPCG(3, 3)), content{}
	fillAndFold(t, r, b, c, 3000)
	fillAndFold(t, r, b, c, 10)
	gone := fillAndFold(t, r, b, c, 100)
	root := fillAndFold(t, r, b, c, 100)
	old := maps.Clone(c)
	must(e.CreateBranch(ctx, "other", root))(t)
	do(t, e.Tag(ctx, "tag", root))
	for range 10 {
		fillAndFold(t, r, b, c, 100)
	}
	_, err := e.CreateBranch(ctx, "late", gone)
	want(t, err, ErrMissing)
	want(t, e.Tag(ctx, "late", gone), ErrMissing)
	_, err = e.Tree(ctx, gone)
	want(t, err, ErrMissing)
	do(t, e.Close())

	e = startTest(t, lagging(fs), nil)
	other := must(e.Lookup(ctx, "other"))(t)
	wantContent(t, "the branch", other, other.Get, old)
	tagged := must(e.Tree(ctx, root))(t)
	defer tagged.Close()
	wantContent(t, "the tag", tagged.Tree(), tagged.Tree().Get, old)
	do(t, e.Check(ctx, func(p Problem) { t.Error(p) }))
}

// TestRedo: after a crash that loses all nodes the log leads to every commit and
// to the trees (E5), also where nothing may be written.
func TestRedo(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	fs := vfs.NewCrashableMem()
	e := start(t, lagging(fs), nil)
	b := must(e.Branch(ctx, "main"))(t)
	c, commits := content{}, map[string]content{}
	for i := range 30 {
		fillAndFold(t, r, b, c, 1+r.IntN(200))
		if i%3 == 0 {
			commits[must(b.Commit(ctx, CommitOptions{}))(t).CID.String()] = maps.Clone(c)
		}
	}
	do(t, b.Put(ctx, []byte("staged"), []byte("too")))
	c["staged"] = "too"
	left := fs.CrashClone(vfs.CrashCloneCfg{})
	do(t, e.Close())
	for _, o := range []*Options{{ReadOnly: true}, nil, nil} {
		e := start(t, lagging(left), o)
		b := must(e.Lookup(ctx, "main"))(t)
		if o == nil && len(blocksIn(t, e).nodes) == 0 {
			t.Errorf("seed %d: no nodes", seed)
		}
		wantContent(t, fmt.Sprintf("seed %d: the branch", seed), b, b.Get, c)
		for name, want := range commits {
			s := must(e.Tree(ctx, cid.MustParse(name)))(t)
			wantContent(t, fmt.Sprintf("seed %d: commit %s", seed, name), s.Tree(), s.Tree().Get, want)
			do(t, s.Close())
		}
		do(t, e.Check(ctx, func(p Problem) { t.Errorf("seed %d: %v", seed, p) }))
		do(t, e.Close())
	}
}

// TestRedoFindsLoss: where the log does not lead to the trees that the ref names,
// the branch does not open.
func TestRedoFindsLoss(t *testing.T) {
	fs := vfs.NewCrashableMem()
	e := start(t, lagging(fs), nil)
	b := must(e.Branch(ctx, "main"))(t)
	r, c := rand.New(rand.NewPCG(4, 4)), content{}
	for range 5 {
		fillAndFold(t, r, b, c, 200)
	}
	do(t, e.Sync(ctx))
	left := fs.CrashClone(vfs.CrashCloneCfg{})
	do(t, e.Close())
	s := must(lagging(left)())(t)
	raw := must(s.ReadRef(ctx, "b/main"))(t)
	ref := must(parseBranchRef(raw))(t)
	if ref.behind == nil {
		t.Fatal("nothing is behind")
	}
	ref.tree.Hash[0] ^= 1
	batch := s.NewBatch()
	do(t, batch.SwapRef("b/main", raw, ref.encode()))
	do(t, batch.Commit(ctx))
	do(t, s.Close())
	e = startTest(t, lagging(left), nil)
	_, err := e.Lookup(ctx, "main")
	want(t, err, ErrCorrupt)
}

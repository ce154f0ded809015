package engine

import (
	"bytes"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"testing"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/kv/memkv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// TestSalvage: with some blocks damaged, every entry outside of them is in the
// copy, every other is reported, and what is whole keeps its name.
func TestSalvage(t *testing.T) {
	seeds := uint64(40)
	if testing.Short() {
		seeds = 10
	}
	mended, unproven := uint64(0), 0
	for seed := range seeds {
		m, u := salvageOnce(t, seed)
		mended, unproven = mended+m, unproven+u
	}
	t.Logf("%d inner nodes made again; %d entries without a place", mended, unproven)
}

func salvageOnce(t *testing.T, seed uint64) (mended uint64, unproven int) {
	r := rand.New(rand.NewPCG(seed, 13))
	disk, x := memkv.NewDisk(memkv.Options{MovingHints: true}), &tampered{}
	e := must(New(must(disk.Open())(t), nil))(t)
	var roots []prolly.Addr
	for _, name := range []string{"main", "other"} {
		b := must(e.Branch(ctx, name))(t)
		for range 3 {
			do(t, b.Apply(ctx, salvageEdits(r, 400), NoSync))
			must(b.Commit(ctx, CommitOptions{Message: name}))(t)
		}
		do(t, b.Update(ctx, func(u *Update) error { return u.Side().Put(ctx, []byte("side"), []byte(name)) }))
		do(t, b.Apply(ctx, salvageEdits(r, 5), NoSync))
		must(b.Fold(ctx))(t)
		roots = append(roots, b.state.Load().trees[theTree].Addr())
	}
	bad, want := damage(t, e, r, roots)
	do(t, e.Close())

	x.node = func(h codec.Hash, _ kv.Hint, n kv.Node) (kv.Node, error) {
		if bad[string(h[:])] {
			n.Block = append([]byte{1}, n.Block...)
		}
		return n, nil
	}
	x.blob = func(c cid.Cid, b []byte) ([]byte, error) {
		if bad[string(c.Hash()[2:])] {
			b = append([]byte{1}, b...)
		}
		return b, nil
	}
	src := must(New(must(x.opener(func() (kv.Store, error) { return disk.Open() })())(t), &Options{ReadOnly: true}))(t)
	dst := must(New(memkv.New(), nil))(t)
	var losses []Loss
	done := must(Salvage(ctx, src, dst, func(l Loss) { losses = append(losses, l) }))(t)
	if done.Refs != 2 || done.Commits != 6 || done.Losses != uint64(len(losses)) {
		t.Errorf("seed %d: %+v", seed, done)
	}
	all := elsewhere(t, dst)
	for i, name := range []string{"main", "other"} {
		b := must(dst.Lookup(ctx, name))(t)
		got := must(contentIn(b, b.Get))(t)
		for key, v := range want[i] {
			switch {
			case v.lost && !covered(losses, name, key):
				t.Fatalf("seed %d: nobody says that %q of %s is lost", seed, key, name)
			case v.lost:
				delete(got, key)
			case v.below && got[key] != v.value && covered(losses, name, key):
				if !all[[2]string{key, v.value}] {
					t.Fatalf("seed %d: %q of %s is lost, and its leaf is not", seed, key, name)
				}
				delete(got, key)
				unproven++
			case got[key] != v.value:
				t.Fatalf("seed %d: %q of %s is %.20q, want %.20q", seed, key, name, got[key], v.value)
			default:
				delete(got, key)
			}
		}
		maps.DeleteFunc(got, func(key, _ string) bool { return covered(losses, name, key) }) // of the last commit
		if len(got) > 0 {
			t.Fatalf("seed %d: %d entries of %s that were not there", seed, len(got), name)
		}
		if len(bad) == 0 && must(b.Root(ctx))(t) != roots[i].Hash.CID() {
			t.Errorf("seed %d: %s has another root", seed, name)
		}
	}
	if len(bad) == 0 && (len(losses) > 0 || done.Same != done.Commits) {
		t.Errorf("seed %d: nothing was damaged: %+v, %v", seed, done, losses)
	}
	do(t, dst.Check(ctx, func(p Problem) { t.Errorf("seed %d: the copy: %v", seed, p) }))
	do(t, src.Close())
	do(t, dst.Close())
	return done.Mended, unproven
}

func salvageEdits(r *rand.Rand, n int) []prolly.Edit {
	var edits []prolly.Edit
	for range n {
		v := bytes.Repeat(fmt.Appendf(nil, "%d ", r.Uint32()), 1+r.IntN(12))
		if r.IntN(40) == 0 {
			v = bytes.Repeat(v, 400)
		}
		edits = append(edits, prolly.Edit{Key: fmt.Appendf(nil, "key/%05d", r.IntN(1500)), Value: prolly.Value{Bytes: v}})
	}
	return edits
}

func covered(losses []Loss, ref, key string) bool {
	for _, l := range losses {
		if l.Ref == ref && !l.Commit.Defined() && !l.Side && (l.From == nil || string(l.From) <= key) && (l.To == nil || key < string(l.To)) {
			return true
		}
	}
	return false
}

type salvageValue struct {
	value string
	lost  bool // its leaf, or its own block, is damaged
	below bool // an inner node above it is
}

// elsewhere are all entries of all branches, commits and found leaves.
func elsewhere(t *testing.T, e *Engine) map[[2]string]bool {
	all := map[[2]string]bool{}
	add := func(b *Branch, seq iter.Seq2[prolly.Entry, error], get getter) {
		for x, err := range seq {
			do(t, err)
			if x.Value.Link.Defined() {
				continue
			}
			all[[2]string{string(x.Key), string(must(get(ctx, x.Key))(t))}] = true
		}
	}
	for _, info := range must(e.Branches(ctx))(t) {
		b := must(e.Lookup(ctx, info.Name))(t)
		add(b, b.Range(ctx, prolly.Range{}), b.Get)
		for c, err := range b.Log(ctx, LogOptions{}) {
			do(t, err)
			tree := must(prolly.Load(ctx, e.Nodes(), c.Root))(t)
			add(b, tree.Range(ctx, prolly.Range{}), tree.Get)
		}
	}
	return all
}

// damage chooses blocks to damage, by hash, and says what each tree then has.
func damage(t *testing.T, e *Engine, r *rand.Rand, roots []prolly.Addr) (bad map[string]bool, want []map[string]salvageValue) {
	bad = map[string]bool{}
	n := r.IntN(4)
	for _, root := range roots {
		tree := must(prolly.LoadAt(ctx, e.nodes, root))(t)
		do(t, tree.Walk(ctx, func(a prolly.Addr, node *prolly.Node) error {
			if r.IntN(60) < n && node.Level() == 0 || r.IntN(6) < n && node.Level() > 0 {
				bad[string(a.Hash[:])] = true
			}
			return nil
		}))
		for x, err := range tree.Range(ctx, prolly.Range{}) {
			do(t, err)
			if c := x.Value.Blob(); c.Defined() && c.Type() == cid.Raw && r.IntN(60) < n {
				bad[string(c.Hash()[2:])] = true
			}
		}
	}
	for _, root := range roots {
		v := map[string]salvageValue{}
		var walk func(a prolly.Addr, below bool)
		walk = func(a prolly.Addr, below bool) {
			node := must(e.nodes.LoadNode(ctx, a))(t)
			lost := bad[string(a.Hash[:])]
			for i := range node.Len() {
				if node.Level() > 0 {
					walk(node.Addr(i), below || lost)
					continue
				}
				key := string(node.AppendKey(nil, i))
				gone := lost
				if node.Kind(i) == codec.Blob {
					c := must(castCID(node.Link(i)))(t)
					gone = gone || bad[string(c.Hash()[2:])]
				}
				v[key] = salvageValue{string(must(must(prolly.LoadAt(ctx, e.nodes, root))(t).Get(ctx, []byte(key)))(t)), gone, below}
			}
		}
		walk(root, false)
		want = append(want, v)
	}
	return bad, want
}

// TestCheckNamesKeys: damage is reported with the keys that it touches, of every
// branch that has it.
func TestCheckNamesKeys(t *testing.T) {
	open, x := memory(), &tampered{}
	bigTree(t, open)
	e := startTest(t, x.opener(open), nil)
	b := must(e.Lookup(ctx, "main"))(t)
	c := must(b.Commit(ctx, CommitOptions{}))(t)
	must(e.CreateBranch(ctx, "other", c.CID))(t)
	key := []byte("key/000042")
	var leaf codec.Hash
	tree := b.state.Load().trees[theTree]
	do(t, tree.Walk(ctx, func(a prolly.Addr, n *prolly.Node) error {
		if n.Level() == 0 && bytes.Compare(n.AppendKey(nil, 0), key) <= 0 && bytes.Compare(n.AppendKey(nil, n.Len()-1), key) >= 0 {
			leaf = a.Hash
		}
		return nil
	}))
	x.node = func(h codec.Hash, _ kv.Hint, n kv.Node) (kv.Node, error) {
		if h == leaf {
			n.Block = append([]byte{0}, n.Block...)
		}
		return n, nil
	}
	in := map[string]bool{}
	for _, p := range problems(t, e) {
		if bytes.Compare(p.From, key) <= 0 && (p.To == nil || bytes.Compare(key, p.To) < 0) {
			in[p.Branch] = true
		} else {
			t.Errorf("%v: keys %q to %q", p, p.From, p.To)
		}
	}
	if !in["main"] || !in["other"] {
		t.Errorf("met in %v", in)
	}
}

package engine

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"testing"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// planted is a store into which a test writes what no engine would.
type planted struct {
	t *testing.T
	s kv.Store
}

func (p planted) batch(fill func(kv.Batch) error) { commitBatch(p.t, p.s, fill) }

// branch makes a branch of a record.
func (p planted) branch(name string, raw []byte) {
	p.batch(func(w kv.Batch) error { return w.SwapRef(branchPrefix+name, nil, raw) })
}

// node stores a block as a node.
func (p planted) node(block []byte) (h codec.Hash) {
	h = codec.Sum(block)
	p.batch(func(w kv.Batch) error {
		_, err := w.PutNode(h, block, nil)
		return err
	})
	return h
}

func (p planted) blob(c cid.Cid, block []byte) cid.Cid {
	p.batch(func(w kv.Batch) error { return w.PutBlob(c, block) })
	return c
}

func (p planted) commit(c codec.Commit) codec.Hash {
	block := must(c.Encode())(p.t)
	return must(codec.HashOf(p.blob(codec.ListCID(block), block)))(p.t)
}

// leaf stores a leaf of entries from on, as many as weigh a good node.
func (p planted) leaf(from int, size int) (codec.InnerEntry, codec.Hash) {
	var list []codec.LeafEntry
	for i := range 20 {
		list = append(list, codec.LeafEntry{Key: fmt.Appendf(nil, "%04d", from+i), Value: bytes.Repeat([]byte{'v'}, size)})
	}
	h := p.node(codec.AppendLeaf(nil, list))
	return codec.InnerEntry{Key: list[0].Key, Child: h, Count: 20, Bytes: uint64(20 * (4 + size))}, h
}

func (p planted) tree(name string, children ...codec.InnerEntry) {
	ref := emptyRef()
	ref.tree.Hash = p.node(codec.AppendInner(nil, 1, children))
	p.branch(name, ref.encode())
}

// TestCheckFinds plants one thing after the other that no engine would write,
// each on a branch of its own: each is reported, of the right kind.
func TestCheckFinds(t *testing.T) {
	empty := codec.EmptyRoot.CID()
	plants := map[string]struct {
		kind  string
		plant func(p planted, name string)
	}{
		"torn ref":     {ProblemRef, func(p planted, name string) { p.branch(name, emptyRef().encode()[:40]) }},
		"missing tree": {ProblemNode, func(p planted, name string) { p.branch(name, refTo(codec.Hash{1}, nil).encode()) }},
		"no commit":    {ProblemCommit, func(p planted, name string) { p.branch(name, refTo(codec.EmptyRoot, &codec.Hash{1}).encode()) }},
		"wrong seq":    {ProblemCommit, plantChain},
		"no root":      {ProblemNode, plantCommit(codec.Commit{Seq: 1, Root: codec.Hash{2}.CID()})},
		"no parent":    {ProblemCommit, plantCommit(codec.Commit{Seq: 2, Root: empty, Parents: []cid.Cid{codec.Hash{3}.CID()}})},
		"gap":          {ProblemStaging, plantRecord(2, []op{{key: []byte("k")}}, 0)},
		"torn record":  {ProblemStaging, plantRecord(1, []op{{key: []byte("k")}}, 1)},
		"no blob":      {ProblemBlob, plantRecord(1, []op{{key: []byte("k"), kind: opBlob, data: joinBlob(nil, 5000, codec.RawCID([]byte("none")))}}, 0)},
		"wrong size":   {ProblemBlob, plantBlob(5000)},
		"wrong sums":   {ProblemNode, plantTree(func(c []codec.InnerEntry) { c[1].Count++ })},
		"wrong bytes":  {ProblemNode, plantTree(func(c []codec.InnerEntry) { c[0].Bytes++ })},
		"wrong key":    {ProblemNode, plantTree(func(c []codec.InnerEntry) { c[1].Key = []byte("0019x") })},
		"overlap":      {ProblemNode, plantTree(func(c []codec.InnerEntry) { c[1] = overlapping(c) })},
		"light nodes":  {ProblemNode, func(p planted, name string) { p.tree(name, firstOf(p.leaf(0, 1)), firstOf(p.leaf(100, 1))) }},
		"wrong level":  {ProblemNode, plantDeep},
		"wrong cuts":   {ProblemShape, plantTree(func([]codec.InnerEntry) {})},
		"strange ref": {ProblemRef, func(p planted, name string) {
			p.batch(func(w kv.Batch) error { return w.SwapRef("x/"+name, nil, []byte("?")) })
		}},
		"torn tag": {ProblemRef, func(p planted, name string) {
			p.batch(func(w kv.Batch) error { return w.SwapRef("t/"+name, nil, []byte("?")) })
		}},
		"tag to naught": {ProblemRef, func(p planted, name string) {
			p.batch(func(w kv.Batch) error { return w.SwapRef("t/"+name, nil, encodeTag(codec.Hash{9}.CID())) })
		}},
	}
	for name, x := range plants {
		t.Run(name, func(t *testing.T) {
			open := memory()
			withStore(t, open, func(s kv.Store) { x.plant(planted{t, s}, name) })
			e := startTest(t, open, nil)
			kinds := map[string]bool{}
			for _, p := range problems(t, e) {
				kinds[p.Kind] = true
				if p.String() == "" || p.Kind != x.kind {
					t.Errorf("%v", p)
				}
			}
			if !kinds[x.kind] {
				t.Errorf("nothing of kind %s", x.kind)
			}
		})
	}
}

func refTo(tree codec.Hash, commit *codec.Hash) branchRef {
	ref := emptyRef()
	ref.tree.Hash = tree
	if commit != nil {
		ref.hasCommit, ref.commit = true, *commit
	}
	return ref
}

func plantCommit(c codec.Commit) func(planted, string) {
	return func(p planted, name string) {
		h := p.commit(c)
		p.branch(name, refTo(codec.EmptyRoot, &h).encode())
	}
}

// plantChain plants a commit whose Seq is not one more than its parent's.
func plantChain(p planted, name string) {
	parent := p.commit(codec.Commit{Seq: 1, Root: codec.EmptyRoot.CID()})
	plantCommit(codec.Commit{Seq: 5, Root: codec.EmptyRoot.CID(), Parents: []cid.Cid{parent.CID()}})(p, name)
}

func plantRecord(seq uint64, ops []op, flip byte) func(planted, string) {
	return func(p planted, name string) {
		p.branch(name, emptyRef().encode())
		rec := encodeRecord(seq, ops)
		rec[len(rec)-1] ^= flip
		p.batch(func(w kv.Batch) error { return w.AppendLog(branchPrefix+name, seq, rec) })
	}
}

func plantBlob(size uint64) func(planted, string) {
	return func(p planted, name string) {
		block := make([]byte, 4000)
		c := p.blob(codec.RawCID(block), block)
		plantRecord(1, []op{{key: []byte("k"), kind: opBlob, data: joinBlob(nil, size, c)}}, 0)(p, name)
	}
}

// plantTree plants a tree of two leaves, with its inner node changed.
func plantTree(change func([]codec.InnerEntry)) func(planted, string) {
	return func(p planted, name string) {
		children := []codec.InnerEntry{firstOf(p.leaf(0, 120)), firstOf(p.leaf(20, 120))}
		change(children)
		p.tree(name, children...)
	}
}

func firstOf(c codec.InnerEntry, _ codec.Hash) codec.InnerEntry { return c }

// overlapping is the first child again, under a key that is not its own.
func overlapping(c []codec.InnerEntry) codec.InnerEntry {
	x := c[0]
	x.Key = []byte("0005")
	return x
}

// plantDeep plants a tree whose root says that leaves are of level 1.
func plantDeep(p planted, name string) {
	ref := emptyRef()
	ref.tree.Hash = p.node(codec.AppendInner(nil, 2, []codec.InnerEntry{firstOf(p.leaf(0, 120)), firstOf(p.leaf(20, 120))}))
	p.branch(name, ref.encode())
}

// TestCheckIsQuiet: about a store with all that there may be in it.
func TestCheckIsQuiet(t *testing.T) {
	over(t, func(t *testing.T, open opener) {
		bigTree(t, open)
		e := startTest(t, open, nil)
		b := must(e.Branch(ctx, "main"))(t)
		do(t, b.Update(ctx, func(u *Update) error { return u.Side().Put(ctx, []byte("k"), make([]byte, 3000)) }))
		side := must(e.CreateBranch(ctx, "side", must(b.Head(ctx))(t).CID))(t)
		do(t, side.Put(ctx, []byte("x"), nil))
		merged := must(side.Commit(ctx, CommitOptions{}))(t)
		do(t, e.Tag(ctx, "v1", merged.CID))
		do(t, e.Tag(ctx, "r1", merged.Root))
		must(b.Commit(ctx, CommitOptions{Parents: []cid.Cid{merged.CID}}))(t)
		do(t, b.Apply(ctx, []prolly.Edit{{Key: []byte("here"), Value: prolly.Value{Link: merged.CID}}, {Key: []byte("not here"), Value: prolly.Value{Link: codec.RawCID([]byte("?"))}}}))
		if p := problems(t, e); len(p) > 0 {
			t.Errorf("%v", p)
		}
		do(t, e.Check(ctx, nil))
	})
}

// TestLog: newest first, each once, across merges.
func TestLog(t *testing.T) {
	e := startTest(t, memory(), &Options{Now: clock()})
	b := must(e.Branch(ctx, "main"))(t)
	var seqs []uint64
	a := must(b.Commit(ctx, CommitOptions{Message: "one", Meta: map[string][]byte{"who": []byte("me")}}))(t)
	if string(a.Meta["message"]) != "one" || string(a.Meta["who"]) != "me" || a.Seq != 1 || len(a.Parents) != 0 {
		t.Errorf("%+v", a)
	}
	other := must(e.CreateBranch(ctx, "other", a.CID))(t)
	x := must(other.Commit(ctx, CommitOptions{}))(t)
	y := must(other.Commit(ctx, CommitOptions{}))(t)
	must(b.Commit(ctx, CommitOptions{}))(t)
	m := must(b.Commit(ctx, CommitOptions{Parents: []cid.Cid{y.CID, y.CID, x.CID}}))(t)
	if m.Seq != 4 || len(m.Parents) != 3 {
		t.Errorf("%+v", m)
	}
	for c, err := range b.Log(ctx, LogOptions{}) {
		do(t, err)
		seqs = append(seqs, c.Seq)
	}
	if !slices.Equal(seqs, []uint64{4, 3, 2, 2, 1}) {
		t.Errorf("%v", seqs)
	}
	if n := count(t, b.Log(ctx, LogOptions{Limit: 2})); n != 2 {
		t.Errorf("%d commits", n)
	}
	if n := count(t, b.Log(ctx, LogOptions{From: y.CID})); n != 3 {
		t.Errorf("%d commits", n)
	}
	var many []cid.Cid
	for range codec.MaxParents {
		many = append(many, must(other.Commit(ctx, CommitOptions{}))(t).CID)
	}
	if _, err := b.Commit(ctx, CommitOptions{Parents: many}); err == nil {
		t.Error("17 parents")
	}
	_, err := b.Commit(ctx, CommitOptions{Parents: []cid.Cid{codec.Hash{1}.CID()}})
	want(t, err, ErrMissing)
	if head := must(b.Head(ctx))(t); head.CID != m.CID {
		t.Errorf("head is %v", head)
	}
	_, err = e.ReadCommit(ctx, codec.RawCID([]byte("x")))
	want(t, err, ErrNoCommit)
}

func count[V any](t *testing.T, seq iter.Seq2[V, error]) (n int) {
	t.Helper()
	for _, err := range seq {
		do(t, err)
		n++
	}
	return n
}

package car

import (
	"bytes"
	"errors"
	"testing"

	cid "github.com/ipfs/go-cid"
	carv2 "github.com/ipld/go-car/v2"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// What is exported is imported again: the same commits, the same trees, the
// same blocks; and go-car reads it.
func TestRoundTrip(t *testing.T) {
	s := newSource(t)
	for _, size := range []int{0, 1, 30, 3000} {
		from, to := store(t), store(t)
		b := s.branch(from, "main")
		c := s.commits(b, 3, size)
		file, st := s.export(from, c[2].CID, ExportOptions{})
		if again, _ := s.export(from, c[2].CID, ExportOptions{}); !bytes.Equal(again, file) {
			t.Errorf("R1 violated: another file for the same commit")
		}
		root, list := s.listed(file)
		if root != c[2].CID || uint64(len(list)) != st.blocks() || st.Commits != 3 {
			t.Errorf("go-car lists %d blocks of %v: %+v", len(list), root, st)
		}
		r := s.take(s.branch(to, "main"), file, ImportOptions{})
		st.Missing = 0 // the reader cannot tell
		if r.Stats != st || !r.Moved || r.Head.CID != c[2].CID || r.Tree != c[2].Root {
			t.Errorf("%+v of %+v", r, st)
		}
		s.sound(to)
		same(s, from, to, c[2].Root)
		if again, _ := s.export(to, c[2].CID, ExportOptions{}); !bytes.Equal(again, file) {
			t.Errorf("R1 violated: another file after a round trip")
		}
		if r := s.take(s.branch(to, "main"), file, ImportOptions{}); r.Moved {
			t.Error("the same file moves the branch twice")
		}
	}
}

// same compares the entries of a tree in two stores, values included.
func same(s *source, a, b *engine.Engine, root cid.Cid) {
	s.Helper()
	x, err := a.Tree(ctx, root)
	s.do(err)
	defer x.Close()
	y, err := b.Tree(ctx, root)
	s.do(err)
	defer y.Close()
	for e, err := range x.Tree().Range(ctx, prolly.Range{}) {
		s.do(err)
		if e.Value.Link.Defined() {
			want, err := a.ReadBlock(ctx, e.Value.Link)
			if errors.Is(err, engine.ErrMissing) {
				continue
			}
			s.do(err)
			got, err := b.ReadBlock(ctx, e.Value.Link)
			if err != nil || !bytes.Equal(got, want) {
				s.Errorf("linked block of %q: %v", e.Key, err)
			}
			continue
		}
		want, err := x.Tree().Get(ctx, e.Key)
		s.do(err)
		got, err := y.Tree().Get(ctx, e.Key)
		if err != nil || !bytes.Equal(got, want) {
			s.Errorf("value of %q: %v", e.Key, err)
		}
	}
}

// A tree without a commit goes into an empty branch, or in place of another.
func TestTreeOnly(t *testing.T) {
	s := newSource(t)
	from, to := store(t), store(t)
	c := s.commits(s.branch(from, "main"), 2, 500)
	first, st := s.export(from, c[0].Root, ExportOptions{})
	second, _ := s.export(from, c[1].Root, ExportOptions{Without: []cid.Cid{c[0].Root}})
	if st.Commits != 0 {
		t.Errorf("%+v", st)
	}
	b := s.branch(to, "main")
	commit := &engine.CommitOptions{Message: "from a file"}
	if r := s.take(b, first, ImportOptions{Commit: commit}); r.Head == nil || r.Head.Seq != 1 || r.Tree != c[0].Root || string(r.Head.Meta["message"]) != "from a file" {
		t.Errorf("%+v", r)
	}
	if _, err := Import(ctx, b, bytes.NewReader(second), ImportOptions{Commit: commit}); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("a tree over another: %v", err)
	}
	if r := s.take(b, second, ImportOptions{Commit: commit, Replace: true}); r.Head.Seq != 2 || r.Tree != c[1].Root {
		t.Errorf("%+v", r)
	}
	if r := s.take(b, second, ImportOptions{Commit: commit}); r.Moved || r.Head.Seq != 2 {
		t.Errorf("the same tree again: %+v", r)
	}
	if r := s.take(s.branch(to, "bare"), first, ImportOptions{}); r.Head != nil || r.Tree != c[0].Root {
		t.Errorf("%+v", r)
	}
	s.sound(to)
}

// blocksOf are the nodes, and all others, of a tree.
func blocksOf(s *source, e *engine.Engine, root cid.Cid) (nodes map[cid.Cid]bool) {
	s.Helper()
	nodes = map[cid.Cid]bool{}
	snap, err := e.Tree(ctx, root)
	s.do(err)
	defer snap.Close()
	s.do(snap.Tree().Walk(ctx, func(a prolly.Addr, n *prolly.Node) error {
		nodes[a.Hash.CID()] = true
		return nil
	}))
	return nodes
}

// A file without what the other side has holds the nodes that differ and no
// others, and is enough.
func TestWithout(t *testing.T) {
	s := newSource(t)
	for range 6 {
		from, to := store(t), store(t)
		b := s.branch(from, "main")
		old := s.commits(b, 1, 2000)[0]
		whole, _ := s.export(from, old.CID, ExportOptions{})
		n := 1 + s.IntN(60)
		s.do(b.Apply(ctx, s.edits(from, n)))
		next, err := b.Commit(ctx, engine.CommitOptions{})
		s.do(err)
		file, st := s.export(from, next.CID, ExportOptions{Without: []cid.Cid{old.CID}})
		differing := uint64(0)
		has := blocksOf(s, from, old.Root)
		for c := range blocksOf(s, from, next.Root) {
			if !has[c] {
				differing++
			}
		}
		if st.Commits != 1 || st.Nodes != differing {
			t.Errorf("%+v, where %d nodes differ", st, differing)
		}
		if _, err := Import(ctx, s.branch(to, "main"), bytes.NewReader(file), ImportOptions{}); !errors.Is(err, ErrIncomplete) && !errors.Is(err, ErrHistory) {
			t.Errorf("R3 violated: a part alone: %v", err)
		}
		s.take(s.branch(to, "main"), whole, ImportOptions{})
		if r := s.take(s.branch(to, "main"), file, ImportOptions{}); r.Head.CID != next.CID {
			t.Errorf("%+v", r)
		}
		s.take(s.branch(to, "copy"), file, ImportOptions{}) // what another branch has
		s.sound(to)
		same(s, from, to, next.Root)
		empty, st := s.export(from, next.CID, ExportOptions{Without: []cid.Cid{next.CID}})
		if st.blocks() != 0 {
			t.Errorf("%+v without itself", st)
		}
		if r := s.take(s.branch(to, "main"), empty, ImportOptions{}); r.Moved {
			t.Errorf("%+v", r)
		}
	}
}

// A large value that changes a little travels as the chunks that are new.
func TestWithoutChunks(t *testing.T) {
	s := newSource(t)
	from, to := store(t), store(t)
	b := s.branch(from, "main")
	value := s.bytes(6 << 20)
	s.do(b.Put(ctx, []byte("k"), value))
	old, err := b.Commit(ctx, engine.CommitOptions{})
	s.do(err)
	whole, _ := s.export(from, old.CID, ExportOptions{})
	s.take(s.branch(to, "main"), whole, ImportOptions{})
	value[3<<20]++
	s.do(b.Put(ctx, []byte("k"), value))
	next, err := b.Commit(ctx, engine.CommitOptions{})
	s.do(err)
	file, st := s.export(from, next.CID, ExportOptions{Without: []cid.Cid{old.CID}})
	if st.Blobs > 4 || len(file) > 1200<<10 {
		t.Errorf("%+v", st)
	}
	s.take(s.branch(to, "main"), file, ImportOptions{})
	s.sound(to)
	same(s, from, to, next.Root)
}

// History with merges and reverts, whole and cut off.
func TestHistory(t *testing.T) {
	s := newSource(t)
	from := store(t)
	b := s.branch(from, "main")
	c := s.commits(b, 3, 300)
	side, err := from.CreateBranch(ctx, "side", c[1].CID)
	s.do(err)
	d := s.commits(side, 2, 50)
	s.do(b.Apply(ctx, s.edits(from, 20)))
	merged, err := b.Commit(ctx, engine.CommitOptions{Parents: []cid.Cid{d[1].CID}})
	s.do(err)
	s.do(b.Adopt(ctx, func(a *engine.Adoption) error { // back to an old tree
		old, err := prolly.Load(ctx, a.Nodes(), c[0].Root)
		if err == nil {
			a.SetTree(old)
			_, err = a.Commit(ctx, engine.CommitOptions{})
		}
		return err
	}))
	last, err := b.Head(ctx)
	s.do(err)

	to := store(t)
	file, st := s.export(from, last.CID, ExportOptions{})
	if st.Commits != 7 {
		t.Errorf("%+v", st)
	}
	s.take(s.branch(to, "main"), file, ImportOptions{})
	s.sound(to)
	for _, x := range append(append(c, d...), merged) {
		same(s, from, to, x.Root)
	}

	cut := store(t)
	file, st = s.export(from, last.CID, ExportOptions{Depth: 2})
	if st.Commits != 2 {
		t.Errorf("%+v", st)
	}
	if _, err := Import(ctx, s.branch(cut, "main"), bytes.NewReader(file), ImportOptions{}); !errors.Is(err, ErrHistory) {
		t.Errorf("R3 violated: %v", err)
	}
	s.take(s.branch(cut, "main"), file, ImportOptions{Shallow: true})
	s.sound(cut)
	n := 0
	for x, err := range s.branch(cut, "main").Log(ctx, engine.LogOptions{}) {
		s.do(err)
		same(s, from, cut, x.Root)
		n++
	}
	if n != 2 {
		t.Errorf("%d commits", n)
	}
}

// A branch that went its own way is not moved.
func TestConflict(t *testing.T) {
	s := newSource(t)
	from, to := store(t), store(t)
	c := s.commits(s.branch(from, "main"), 2, 50)
	b := s.branch(to, "main")
	first, _ := s.export(from, c[0].CID, ExportOptions{})
	second, _ := s.export(from, c[1].CID, ExportOptions{})
	refused := func(what string) {
		t.Helper()
		before, err := b.Fold(ctx)
		s.do(err)
		if _, err := Import(ctx, b, bytes.NewReader(second), ImportOptions{}); !errors.Is(err, engine.ErrConflict) {
			t.Errorf("%s: %v", what, err)
		}
		if after, err := b.Root(ctx); err != nil || after != before {
			t.Errorf("%s: the branch moved", what)
		}
	}
	s.do(b.Put(ctx, []byte("own"), nil))
	refused("uncommitted, without a commit")
	s.do(b.Delete(ctx, []byte("own")))
	s.take(b, first, ImportOptions{})
	s.do(b.Put(ctx, []byte("own"), nil))
	refused("uncommitted")
	_, err := b.Commit(ctx, engine.CommitOptions{})
	s.do(err)
	refused("a commit of its own")
	s.sound(to)
}

// A CARv2 is read for the CARv1 in it.
func TestCARv2(t *testing.T) {
	s := newSource(t)
	from, to := store(t), store(t)
	c := s.commits(s.branch(from, "main"), 1, 100)[0]
	file, _ := s.export(from, c.CID, ExportOptions{})
	var v2 bytes.Buffer
	s.do(carv2.WrapV1(bytes.NewReader(file), &v2))
	if r := s.take(s.branch(to, "main"), v2.Bytes(), ImportOptions{}); r.Head.CID != c.CID {
		t.Errorf("%+v", r)
	}
}

// Blocks of any hash function that is known travel; links to nowhere do not matter.
func TestLinked(t *testing.T) {
	s := newSource(t)
	from, to := store(t), store(t)
	b := s.branch(from, "main")
	block := []byte("linked")
	own, err := cid.V1Builder{Codec: cid.Raw, MhType: 0x14}.Sum(block) // sha3-512
	s.do(err)
	inName, err := cid.V1Builder{Codec: cid.Raw, MhType: 0}.Sum(block) // identity
	s.do(err)
	s.do(from.PutBlock(ctx, own, block))
	for key, c := range map[string]cid.Cid{"a": own, "b": inName, "c": codec.RawCID(block), "d": own} {
		s.do(b.Apply(ctx, []prolly.Edit{{Key: []byte(key), Value: prolly.Value{Link: c}}}))
	}
	c, err := b.Commit(ctx, engine.CommitOptions{})
	s.do(err)
	file, st := s.export(from, c.CID, ExportOptions{})
	if st.Linked != 1 || st.Missing != 1 {
		t.Errorf("%+v", st)
	}
	s.take(s.branch(to, "main"), file, ImportOptions{})
	if got, err := to.ReadBlock(ctx, own); err != nil || !bytes.Equal(got, block) {
		t.Error(err)
	}
}

// The entries of a file go over those that are there.
func TestLoad(t *testing.T) {
	s := newSource(t)
	for _, own := range []int{0, 300} {
		from, to := store(t), store(t)
		c := s.commits(s.branch(from, "main"), 2, 600)[1]
		file, _ := s.export(from, c.CID, ExportOptions{})
		b := s.branch(to, "main")
		if own > 0 {
			s.do(b.Apply(ctx, s.edits(to, own)))
		}
		want := map[string]string{}
		describe := func(e prolly.Entry) string {
			return string(e.Value.Bytes) + e.Value.Blob().KeyString() + e.Value.Link.KeyString()
		}
		for e, err := range b.Range(ctx, prolly.Range{}) {
			s.do(err)
			want[string(e.Key)] = describe(e)
		}
		x, err := from.Tree(ctx, c.Root)
		s.do(err)
		for e, err := range x.Tree().Range(ctx, prolly.Range{}) {
			s.do(err)
			want[string(e.Key)] = describe(e)
		}
		n, err := Load(ctx, b, bytes.NewReader(file), ImportOptions{})
		if err != nil || n != x.Tree().Len() {
			t.Fatalf("%d entries, %v", n, err)
		}
		s.do(x.Close())
		got := 0
		for e, err := range b.Range(ctx, prolly.Range{}) {
			s.do(err)
			if got++; want[string(e.Key)] != describe(e) {
				t.Errorf("%q is another", e.Key)
			}
		}
		if got != len(want) {
			t.Errorf("%d entries, want %d", got, len(want))
		}
		s.sound(to)
	}
}

package car

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// victim is a branch with a commit, at which files are thrown (R2, R3, R4).
type victim struct {
	*source
	e    *engine.Engine
	b    *engine.Branch
	head engine.Commit
}

func newVictim(s *source) *victim {
	e := store(s.T)
	b := s.branch(e, "main")
	s.do(b.Put(ctx, []byte("a"), []byte("1")))
	c, err := b.Commit(ctx, engine.CommitOptions{})
	s.do(err)
	return &victim{s, e, b, c}
}

// refuses throws a file, which must be refused with the branch as it was.
func (v *victim) refuses(what string, file []byte, o ImportOptions, want ...error) {
	v.Helper()
	o.Replace, o.Shallow = true, true
	_, err := Import(ctx, v.b, bytes.NewReader(file), o)
	if err == nil {
		v.Fatalf("%s: accepted", what)
	}
	if len(want) > 0 && !slices.ContainsFunc(want, func(w error) bool { return errors.Is(err, w) }) {
		v.Errorf("%s: %v, want %v", what, err, want)
	}
	now, err := v.b.Head(ctx)
	v.do(err)
	if root, err := v.b.Root(ctx); err != nil || root != v.head.Root || now.CID != v.head.CID {
		v.Fatalf("R4 violated by %s: the branch moved", what)
	}
}

// tree makes a store with a tree of all kinds of values and returns its file.
func (s *source) treeFile() (cid.Cid, []byte) {
	e := store(s.T)
	b := s.branch(e, "main")
	s.do(b.Apply(ctx, s.edits(e, 400)))
	s.do(b.Put(ctx, []byte("large"), s.bytes(1100<<10)))
	root, err := b.Fold(ctx)
	s.do(err)
	file, _ := s.export(e, root, ExportOptions{})
	return root, file
}

func TestSpoiledFiles(t *testing.T) {
	s := newSource(t)
	v := newVictim(s)
	root, file := s.treeFile()
	_, list := s.listed(file)
	rounds := 150
	if testing.Short() {
		rounds = 30
	}
	for range rounds {
		bad := bytes.Clone(file)
		i := s.IntN(len(bad))
		if s.IntN(2) == 0 { // most of the file is one value
			i = s.IntN(min(len(bad), 40_000))
		}
		bad[i] ^= 1 << s.IntN(8)
		v.refuses(fmt.Sprintf("bit flipped in byte %d of %d", i, len(bad)), bad, ImportOptions{})
	}
	for range rounds / 3 {
		n := s.IntN(len(file))
		v.refuses(fmt.Sprintf("the first %d bytes of %d", n, len(file)), file[:n], ImportOptions{}, ErrFormat, ErrIncomplete)
	}
	for range rounds / 2 {
		i, j := s.IntN(len(list)), s.IntN(len(list))
		what := fmt.Sprintf("block %d of %d, %v,", i, len(list), list[i].cid)
		// Each on a store of its own: what a refused file leaves may make another
		// one whole.
		if isNode := func(x section) bool { return x.cid.Type() == cid.DagCBOR }; slices.ContainsFunc(list[i:], isNode) {
			newVictim(s).refuses(what+" and those after it left out", s.file(root, list[:i]), ImportOptions{}, ErrIncomplete)
			if isNode(list[i]) { // a value may come twice, for two keys
				newVictim(s).refuses(what+" twice", s.file(root, slices.Insert(slices.Clone(list), i, list[i])), ImportOptions{})
			}
		}
		other := slices.Clone(list)
		if other[i], other[j] = other[j], other[i]; list[i].cid != list[j].cid {
			newVictim(s).refuses(fmt.Sprintf("%s in place of block %d", what, j), s.file(root, other), ImportOptions{})
		}
	}
	extra := section{codec.RawCID([]byte("extra")), []byte("extra")}
	v.refuses("a block that nothing names", s.file(root, append(slices.Clone(list), extra)), ImportOptions{}, ErrUnexpected)
	v.refuses("too many blocks", file, ImportOptions{MaxBlocks: uint64(len(list)) - 1}, ErrBudget)
	v.refuses("too many bytes", file, ImportOptions{MaxBytes: uint64(len(file)) / 2}, ErrBudget)
	v.refuses("a block too large", file, ImportOptions{MaxBlock: 1000}, ErrBudget)
	v.sound(v.e)
	if r := v.take(v.b, file, ImportOptions{Replace: true, MaxBlocks: uint64(len(list)), MaxBytes: uint64(len(file))}); r.Tree != root {
		t.Errorf("the file itself: %+v", r)
	}
	v.sound(v.e)
}

func TestMalformedHeaders(t *testing.T) {
	v := newVictim(newSource(t))
	_, file := v.treeFile()
	good := file[1 : 1+int(file[0])]
	for what, bad := range map[string][]byte{
		"nothing":           {},
		"a length of 0":     {0},
		"a large length":    {0xff, 0xff, 0xff, 0xff, 0x0f},
		"an endless length": bytes.Repeat([]byte{0xff}, 40),
		"no CBOR":           append([]byte{10}, "0123456789"...),
		"no roots":          []byte("\x11\xa2\x65roots\x80\x67version\x01"),
		"version 3":         append(append([]byte{file[0]}, good[:len(good)-1]...), 3),
		"two roots":         append(append([]byte{file[0]}, good[:7]...), append([]byte{0x82}, good[8:]...)...),
		"CARv2 cut short":   append(bytes.Clone(pragmaV2), make([]byte, 20)...),
		"CARv2 of nothing":  append(bytes.Clone(pragmaV2), make([]byte, 60)...),
	} {
		v.refuses(what, bad, ImportOptions{})
	}
}

// crafted makes nodes by hand.
type crafted struct {
	*source
	list []section
}

func (f *crafted) add(block []byte) codec.Hash {
	h := codec.Sum(block)
	f.list = append([]section{{h.CID(), block}}, f.list...)
	return h
}

// entries are n small ones.
func entries(n int) (list []codec.LeafEntry) {
	for i := range n {
		list = append(list, codec.LeafEntry{Key: fmt.Appendf(nil, "key %05d", i), Value: []byte("some value of some length")})
	}
	return list
}

// item is what a parent says of a leaf.
func item(h codec.Hash, leaf []codec.LeafEntry) codec.InnerEntry {
	e := codec.InnerEntry{Key: leaf[0].Key, Child: h, Count: uint64(len(leaf))}
	for _, x := range leaf {
		e.Bytes += uint64(len(x.Key) + len(x.Value))
	}
	return e
}

// two leaves under a root, cut after n entries; change spoils what the root says.
func (f *crafted) two(n int, change func(a, b *codec.InnerEntry)) codec.Hash {
	list := entries(120)
	right := f.add(codec.AppendLeaf(nil, list[n:]))
	left := f.add(codec.AppendLeaf(nil, list[:n]))
	a, b := item(left, list[:n]), item(right, list[n:])
	if change != nil {
		change(&a, &b)
	}
	return f.add(codec.AppendInner(nil, 1, []codec.InnerEntry{a, b}))
}

func TestWrongTrees(t *testing.T) {
	s := newSource(t)
	v := newVictim(s)
	throw := func(what string, want error, make func(f *crafted) codec.Hash) {
		t.Helper()
		f := &crafted{source: s}
		root := make(f).CID()
		v.refuses(what, s.file(root, f.list), ImportOptions{}, want, prolly.ErrCorrupt)
		// What it left in the store does not make a shorter file acceptable.
		v.refuses(what+", again, without its blocks", s.file(root, nil), ImportOptions{}, want, prolly.ErrCorrupt, ErrIncomplete)
	}
	for _, n := range []int{45, 60, 75} {
		throw(fmt.Sprintf("cut after %d entries", n), ErrShape, func(f *crafted) codec.Hash { return f.two(n, nil) })
	}
	throw("another count", ErrShape, func(f *crafted) codec.Hash {
		return f.two(60, func(a, _ *codec.InnerEntry) { a.Count++ })
	})
	throw("other bytes", ErrShape, func(f *crafted) codec.Hash {
		return f.two(60, func(a, b *codec.InnerEntry) { a.Bytes, b.Bytes = a.Bytes-1, b.Bytes+1 })
	})
	throw("another first key", ErrShape, func(f *crafted) codec.Hash {
		return f.two(60, func(_, b *codec.InnerEntry) { b.Key = []byte("key 00060x") })
	})
	throw("a child twice", ErrShape, func(f *crafted) codec.Hash {
		return f.two(60, func(a, b *codec.InnerEntry) { key := b.Key; *b = *a; b.Key = key })
	})
	throw("a child of another level", ErrShape, func(f *crafted) codec.Hash {
		low := f.two(60, nil)
		a := codec.InnerEntry{Key: []byte("key 00000"), Child: low, Count: 120, Bytes: 120 * 34}
		b := a
		b.Key = []byte("x")
		return f.add(codec.AppendInner(nil, 3, []codec.InnerEntry{a, b}))
	})
	throw("a node over the largest weight", ErrShape, func(f *crafted) codec.Hash { return f.add(codec.AppendLeaf(nil, entries(110))) })
	throw("no node", prolly.ErrCorrupt, func(f *crafted) codec.Hash { return f.add([]byte("anything")) })
	v.sound(v.e)
}

func TestWrongValues(t *testing.T) {
	s := newSource(t)
	v := newVictim(s)
	blob := func(key string, c cid.Cid, size int) codec.LeafEntry {
		return codec.LeafEntry{Key: []byte(key), Kind: codec.Blob, Link: c.Bytes(), Size: uint64(size)}
	}
	throw := func(what string, blocks []section, leaf ...codec.LeafEntry) {
		t.Helper()
		f := &crafted{source: s, list: blocks}
		root := f.add(codec.AppendLeaf(nil, leaf)).CID()
		v.refuses(what, s.file(root, f.list), ImportOptions{}, ErrShape, prolly.ErrCorrupt, ErrIncomplete)
		v.refuses(what+", again, without its blocks", s.file(root, nil), ImportOptions{}, ErrShape, prolly.ErrCorrupt, ErrIncomplete)
	}
	raw := func(n int) section { b := s.bytes(n); return section{codec.RawCID(b), b} }
	list := func(parts ...section) (section, int) {
		l := codec.ChunkList{}
		for _, p := range parts {
			l.Lengths, l.Links = append(l.Lengths, uint64(len(p.block))), append(l.Links, p.cid)
			l.Total += uint64(len(p.block))
		}
		b := l.Append(nil)
		return section{codec.ListCID(b), b}, int(l.Total)
	}
	a, b := raw(5000), raw(1<<20-1)
	throw("a size too small", []section{a}, blob("k", a.cid, 4999))
	throw("a size too large", []section{a}, blob("k", a.cid, 5001))
	throw("two sizes of one block", []section{a}, blob("k", a.cid, 5000), blob("l", a.cid, 5001))
	throw("a missing block", nil, blob("k", raw(6000).cid, 6000))
	cut, n := list(a, b)
	throw("chunks cut elsewhere", []section{cut, a, b}, blob("k", cut.cid, n))
	throw("a missing chunk", []section{cut, a}, blob("k", cut.cid, n))
	c, d := raw(1<<20), raw(7000)
	loose, n := list(c, d)
	throw("a list that is a caller's link too, and has no chunks", []section{loose},
		codec.LeafEntry{Key: []byte("a"), Kind: codec.Link, Link: loose.cid.Bytes()}, blob("b", loose.cid, n))
	throw("a list that is no list", []section{{codec.ListCID([]byte("x")), []byte("x")}}, blob("k", codec.ListCID([]byte("x")), 2<<20))
	v.sound(v.e)
}

func TestWrongCommits(t *testing.T) {
	s := newSource(t)
	v := newVictim(s)
	empty := section{codec.EmptyRoot.CID(), codec.EmptyLeaf()}
	commit := func(seq uint64, root cid.Cid, parents ...cid.Cid) section {
		block, err := codec.Commit{Seq: seq, Root: root, Parents: parents}.Encode()
		s.do(err)
		return section{codec.Sum(block).CID(), block}
	}
	throw := func(what string, want error, list ...section) {
		t.Helper()
		v.refuses(what, s.file(list[0].cid, list), ImportOptions{}, want)
	}
	first := commit(1, empty.cid)
	throw("a number too high", ErrShape, commit(3, empty.cid, first.cid), first)
	second := commit(2, empty.cid, first.cid)
	throw("a number too low", ErrShape, commit(2, empty.cid, second.cid), empty, second, first)
	throw("another branch's history", engine.ErrConflict, commit(2, empty.cid, first.cid), empty, first)
	throw("a tree that is not there", ErrIncomplete, commit(2, codec.Sum([]byte("x")).CID(), v.head.CID))
	throw("a tree that is no tree", prolly.ErrCorrupt, commit(2, first.cid, v.head.CID), first)
	v.sound(v.e)
	next := commit(2, empty.cid, v.head.CID)
	if r := s.take(v.b, s.file(next.cid, []section{next, empty}), ImportOptions{}); r.Head.CID != next.cid {
		t.Errorf("%+v", r)
	}
	v.sound(v.e)
}

// FuzzImport: whatever the file says, a branch moves to something sound or not
// at all.
func FuzzImport(f *testing.F) {
	for _, n := range []int{0, 3, 60} {
		list := entries(n)
		block := codec.AppendLeaf(nil, list)
		var w bytes.Buffer
		file, err := newWriter(&w, codec.Sum(block).CID())
		if err == nil {
			err = file.section(codec.Sum(block).CID().Bytes(), block)
		}
		if err == nil {
			err = file.flush()
		}
		if err != nil {
			f.Fatal(err)
		}
		f.Add(w.Bytes())
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		e := store(t)
		b, err := e.Branch(ctx, "main")
		if err != nil {
			t.Fatal(err)
		}
		r, err := Import(ctx, b, bytes.NewReader(file), ImportOptions{Shallow: true})
		if root, rerr := b.Root(ctx); rerr != nil || err != nil && root != codec.EmptyRoot.CID() || err == nil && root != r.Tree {
			t.Errorf("the branch is at %v; %+v, %v", root, r, err)
		}
		if err := e.Check(ctx, func(p engine.Problem) { t.Error(p) }); err != nil {
			t.Error(err)
		}
	})
}

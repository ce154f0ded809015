package prolly

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// crookedTree is a tree of three levels in which one node is not what its parent
// says, made by someone who then published the root: every hash fits. The nodes
// are those on the way to key.
type crookedTree struct {
	key  []byte
	path []*Node // the root first
	at   []int   // which child of each is the next
}

func newCrookedTree(t *testing.T) *crookedTree {
	m := model{}
	for i := range 4000 {
		m[fmt.Sprintf("key %05d", 2*i)] = Value{Bytes: bytes.Repeat([]byte{byte(i)}, 60)}
	}
	tree := mustBuild(t, NewMemStore(), m)
	c := &crookedTree{}
	// The leaf is the last child of an inner node that is not the last: what it
	// may hold is said two levels above.
	n, err := tree.rootNode(ctx)
	if err != nil || n.Level() != 2 {
		t.Fatal(n, err)
	}
	for n.Level() > 0 {
		i := n.Len() / 2
		if n.Level() == 1 {
			i = n.Len() - 1
		}
		c.path, c.at = append(c.path, n), append(c.at, i)
		if n, err = loadNode(ctx, tree.ns, n.Addr(i)); err != nil {
			t.Fatal(err)
		}
	}
	c.path = append(c.path, n)
	c.key = n.AppendKey(nil, n.Len()/2)
	return c
}

// with puts a block in the place of a node on the path. The nodes above get its
// hash and change in nothing else.
func (c *crookedTree) with(level int, block []byte) (codec.Hash, []codec.Section) {
	k := len(c.path) - 1 - level
	blocks := make([][]byte, len(c.path))
	for i, n := range c.path {
		blocks[i] = n.Block()
	}
	blocks[k] = block
	for ; k > 0; k-- {
		p, i := c.path[k-1], c.at[k-1]
		b := bytes.Clone(p.Block())
		p.SetChild(b, i, codec.Sum(blocks[k]), p.Count(i), p.Bytes(i))
		blocks[k-1] = b
	}
	var sections []codec.Section
	for _, b := range blocks {
		sections = append(sections, codec.Section{Hash: codec.Sum(b), Block: b})
	}
	return sections[0].Hash, sections
}

// lie is a node in the place of one of a crooked tree, and what gives it away.
type lie struct {
	name  string
	level int
	block []byte
	want  string
}

func (c *crookedTree) lies() []lie {
	leaf := func(change func(es []codec.LeafEntry) []codec.LeafEntry) []byte {
		return codec.AppendLeaf(nil, change(leafEntries(c.path[2])))
	}
	inner := func(level int, change func(es []codec.InnerEntry) []codec.InnerEntry) []byte {
		return codec.AppendInner(nil, level, change(innerEntries(c.path[1])))
	}
	last := len(leafEntries(c.path[2])) - 1
	return []lie{
		{"nothing", 0, c.path[2].Block(), ""},
		{"an entry less", 0, leaf(func(es []codec.LeafEntry) []codec.LeafEntry { return slices.Delete(es, 1, 2) }), "its parent counts"},
		{"an entry more", 0, leaf(func(es []codec.LeafEntry) []codec.LeafEntry {
			return slices.Insert(es, 1, codec.LeafEntry{Key: append(bytes.Clone(es[0].Key), 0)})
		}), "its parent counts"},
		{"a longer value", 0, leaf(func(es []codec.LeafEntry) []codec.LeafEntry {
			es[1].Value = append(bytes.Clone(es[1].Value), 0)
			return es
		}), "its parent counts"},
		{"a smaller first key", 0, leaf(func(es []codec.LeafEntry) []codec.LeafEntry {
			es[0].Key = append(bytes.Clone(es[0].Key[:len(es[0].Key)-1]), 0)
			return es
		}), "first key"},
		{"a larger first key", 0, leaf(func(es []codec.LeafEntry) []codec.LeafEntry {
			es[0].Key = append(bytes.Clone(es[0].Key), 0)
			return es
		}), "first key"},
		{"a last key that belongs in the next leaf, under another parent", 0, leaf(func(es []codec.LeafEntry) []codec.LeafEntry {
			es[last].Key = c.path[0].AppendKey(nil, c.at[0]+1)
			return es
		}), "reach into the next"},
		{"a leaf of too few", 0, leaf(func(es []codec.LeafEntry) []codec.LeafEntry { return es[:3] }), "weighs"},
		{"the empty leaf", 0, codec.EmptyLeaf(), "weighs 0"},
		{"an inner node under level 1", 0, c.path[1].Block(), "level 1 under level 1"},
		{"a leaf under level 2", 1, c.path[2].Block(), "level 0 under level 2"},
		{"an inner node of level 5 under level 2", 1, inner(5, func(es []codec.InnerEntry) []codec.InnerEntry { return es }), "level 5 under level 2"},
		{"a child more than is counted", 1, inner(1, func(es []codec.InnerEntry) []codec.InnerEntry {
			es[0].Count++
			return es
		}), "its parent counts"},
		{"more bytes than are counted", 1, inner(1, func(es []codec.InnerEntry) []codec.InnerEntry {
			es[0].Bytes++
			return es
		}), "its parent counts"},
		{"sums moved from one child to another", 1, inner(1, func(es []codec.InnerEntry) []codec.InnerEntry {
			es[0].Count++
			es[len(es)-1].Count--
			return es
		}), "its parent counts"},
		{"a separator that is no first key", 1, inner(1, func(es []codec.InnerEntry) []codec.InnerEntry {
			es[len(es)-1].Key = es[len(es)-1].Key[:len(es[0].Key)-1]
			return es
		}), "first key"},
		{"a separator beyond the next node", 1, inner(1, func(es []codec.InnerEntry) []codec.InnerEntry {
			es[len(es)-1].Key = c.path[0].AppendKey(nil, c.at[0]+1)
			return es
		}), "reach into the next"},
		{"not a node", 0, []byte("not a node"), "not in canonical form"},
	}
}

// proof answers a question with the nodes on the path, one of them crooked.
func (c *crookedTree) proof(t *testing.T, l lie, q codec.Question) (codec.Hash, Proof) {
	root, path := c.with(l.level, l.block)
	block, err := q.Encode()
	if err != nil {
		t.Fatal(err)
	}
	head := codec.Section{Hash: codec.Sum(block), Block: block}
	return root, assemble(root, append([]codec.Section{head}, path...))
}

// Trees whose maker lied, and whose root is the liar's own: what a proof shows
// is checked against what stands above it (P2, P3).
func TestProofsFromCrookedTrees(t *testing.T) {
	c := newCrookedTree(t)
	for _, l := range c.lies() {
		for _, q := range []codec.Question{
			{Ask: codec.AskKeys, Keys: [][]byte{c.key}},
			{Ask: codec.AskRank, Keys: [][]byte{c.key}},
			{Ask: codec.AskRange, From: c.key, Limit: 1},
			{Ask: codec.AskCount, From: c.key, To: append(bytes.Clone(c.key), 0)},
			{Ask: codec.AskAt, Index: c.rank()},
		} {
			root, p := c.proof(t, l, q)
			_, err := Verify(root.CID(), p)
			if l.want == "" && err != nil || l.want != "" && (!errors.Is(err, ErrRefuted) || !strings.Contains(err.Error(), l.want)) {
				t.Errorf("%s: %v: %v, want %q", l.name, q.Ask, err, l.want)
			}
		}
	}
}

// rank is how many entries come before the key.
func (c *crookedTree) rank() (rank uint64) {
	for k, i := range c.at {
		for j := range i {
			rank += c.path[k].Count(j)
		}
	}
	i, _ := c.path[2].Find(c.key)
	return rank + uint64(i)
}

// Lengths that are not there cost nothing; nor do many keys, or blocks that name
// themselves often.
func TestHostileProofsCostLittle(t *testing.T) {
	tree := mustBuild(t, NewMemStore(), randomModel(newSource(t, 1), "path", 900))
	p, err := tree.ProveRange(ctx, Range{})
	if err != nil {
		t.Fatal(err)
	}
	head := p[:59]
	question := func(b []byte) Proof {
		return assemble(tree.root.Hash, []codec.Section{{Hash: codec.Sum(b), Block: b}})
	}
	hostile := map[string]Proof{
		"the whole tree":          p,
		"a section of 256 MiB":    append(bytes.Clone(head), 0xff, 0xff, 0xff, 0x7f, 1, 0x71),
		"a section of 2^63 bytes": append(bytes.Clone(head), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f),
		"2^64-1 keys":             question([]byte("\xa4\x61v\x01\x63ask\x64keys\x64keys\x9b\xff\xff\xff\xff\xff\xff\xff\xff")),
		"4,096 keys announced":    question([]byte("\xa4\x61v\x01\x63ask\x64keys\x64keys\x99\x10\x00\x41a")),
		"a key of 2^32-1 bytes":   question([]byte("\xa4\x61v\x01\x63ask\x64keys\x64keys\x81\x5a\xff\xff\xff\xff")),
		"nothing but sections":    assemble(tree.root.Hash, make([]codec.Section, 20_000)),
	}
	for name, p := range hostile {
		var before, after runtime.MemStats
		least := ^uint64(0)
		for range 3 { // others may allocate at the same time
			runtime.ReadMemStats(&before)
			_, err := Verify(tree.Root(), p)
			runtime.ReadMemStats(&after)
			least = min(least, after.TotalAlloc-before.TotalAlloc)
			if (err == nil) != (name == "the whole tree") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if most := 4*uint64(len(p)) + 16<<10; least > most {
			t.Errorf("%s: verifying %d bytes takes %d bytes of memory, more than %d", name, len(p), least, most)
		}
	}
}

// A value of one chunk many times over is no more work than its blocks.
func TestHostileChunkLists(t *testing.T) {
	chunk := bytes.Repeat([]byte{1}, 100_000)
	sections := []codec.Section{}
	list := codec.ChunkList{}
	size := uint64(len(chunk))
	link := codec.RawCID(chunk)
	for depth := range maxListDepth + 1 {
		list = codec.ChunkList{Total: size * 50}
		for range 50 {
			list.Links, list.Lengths = append(list.Links, link), append(list.Lengths, size)
		}
		b := list.Append(nil)
		size, link = list.Total, codec.ListCID(b)
		sections = append([]codec.Section{{Hash: codec.Sum(b), Block: b}}, sections...)
		leaf := codec.AppendLeaf(nil, []codec.LeafEntry{{Key: []byte("k"), Kind: codec.Blob, Size: size, Link: link.Bytes()}})
		root := codec.Sum(leaf)
		q, err := codec.Question{Ask: codec.AskKeys, Keys: [][]byte{[]byte("k")}, Blobs: true}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		all := append([]codec.Section{{Hash: codec.Sum(q), Block: q}, {Hash: root, Block: leaf}}, sections...)
		all = append(all, codec.Section{Raw: true, Hash: codec.Sum(chunk), Block: chunk})
		f, err := Verify(root.CID(), assemble(root, all))
		if depth == maxListDepth {
			if !errors.Is(err, ErrRefuted) || !strings.Contains(err.Error(), "nested deeper") {
				t.Errorf("%d lists above each other: %v", depth+1, err)
			}
			break
		}
		if err != nil {
			t.Fatalf("%d lists above each other: %v", depth+1, err)
		}
		r, err := f.Tree().Open(ctx, []byte("k"))
		if err != nil {
			t.Fatal(err)
		}
		b10 := make([]byte, 10)
		if _, err := r.Seek(int64(size)-10, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Read(b10); err != nil || !bytes.Equal(b10, chunk[:10]) {
			t.Errorf("%x, %v", b10, err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// The lengths of values are those of their blocks.
func TestProofsOfCrookedValues(t *testing.T) {
	chunks := [][]byte{bytes.Repeat([]byte{1}, 700_000), bytes.Repeat([]byte{2}, 700_000)}
	list := func(total uint64, lengths ...uint64) []byte {
		l := codec.ChunkList{Total: total, Lengths: lengths}
		for _, c := range chunks {
			l.Links = append(l.Links, codec.RawCID(c))
		}
		return l.Append(nil)
	}
	small := chunks[0][:5000]
	for _, c := range []struct {
		name string
		size uint64
		root []byte // of the value
		rest [][]byte
		want string
	}{
		{"one block", 5000, small, nil, ""},
		{"one block, said to be longer", 5001, small, nil, "5000 bytes where 5001"},
		{"one block, said to be shorter", 4999, small, nil, "5000 bytes where 4999"},
		{"chunks", 1_400_000, list(1_400_000, 700_000, 700_000), chunks, ""},
		{"chunks, said to be longer", 1_400_001, list(1_400_000, 700_000, 700_000), chunks, "1400000 bytes where 1400001"},
		{"lengths of chunks exchanged", 1_400_000, list(1_400_000, 699_999, 700_001), chunks, "700000 bytes where 699999"},
		{"lengths that do not add up", 1_400_000, list(1_400_000, 700_000, 699_999), chunks, "impossible number"},
		{"a chunk left out", 1_400_000, list(1_400_000, 700_000, 700_000), chunks[:1], "is left out"},
		{"no list", 1_400_000, small, nil, "chunk list: "},
	} {
		large := c.size > codec.MaxBlob
		link := codec.RawCID(c.root)
		if large {
			link = codec.ListCID(c.root)
		}
		leaf := codec.AppendLeaf(nil, []codec.LeafEntry{{Key: []byte("k"), Kind: codec.Blob, Size: c.size, Link: link.Bytes()}})
		root := codec.Sum(leaf)
		q, err := codec.Question{Ask: codec.AskAt, Blobs: true}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		sections := []codec.Section{
			{Hash: codec.Sum(q), Block: q}, {Hash: root, Block: leaf}, {Raw: !large, Hash: codec.Sum(c.root), Block: c.root},
		}
		for _, b := range c.rest {
			sections = append(sections, codec.Section{Raw: true, Hash: codec.Sum(b), Block: b})
		}
		_, err = Verify(root.CID(), assemble(root, sections))
		if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, ErrRefuted) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// Who proves from a damaged store is told so, and proves nothing.
func TestProveFromDamagedTree(t *testing.T) {
	c := newCrookedTree(t)
	es := leafEntries(c.path[2])
	root, path := c.with(0, codec.AppendLeaf(nil, es[:len(es)-1]))
	ns := NewMemStore()
	for _, s := range path[:2] {
		if _, err := ns.WriteNode(ctx, s.Hash, s.Block, nil); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := Load(ctx, ns, root.CID())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tree.Prove(ctx, c.key); !errors.Is(err, ErrMissing) {
		t.Errorf("a leaf is missing: %v", err)
	}
	if _, err := ns.WriteNode(ctx, path[2].Hash, path[2].Block, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := tree.Prove(ctx, c.key); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a leaf is wrong: %v", err)
	}
	done, stop := context.WithCancel(ctx)
	stop()
	if _, err := tree.Prove(done, c.key); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

package prolly

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"testing"

	cid "github.com/ipfs/go-cid"
	_ "github.com/ipld/go-ipld-prime/codec/dagcbor"
	_ "github.com/ipld/go-ipld-prime/codec/raw"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/linking"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/ipld/go-ipld-prime/traversal"
	selectorparse "github.com/ipld/go-ipld-prime/traversal/selector/parse"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// A second reader of trees: it knows go-ipld-prime and FORMAT.md, and nothing
// of this package. Its LinkSystem is a plain one: blocks by CID, hashes checked.
type ipldReader struct {
	lsys  linking.LinkSystem
	loads map[string]int // by the key of the CID
	links int            // of callers
}

// open answers the block of a CID.
type open func(c cid.Cid) (io.Reader, error)

func newIPLDReader(o open) *ipldReader {
	r := &ipldReader{lsys: cidlink.DefaultLinkSystem(), loads: map[string]int{}}
	r.lsys.StorageReadOpener = func(_ linking.LinkContext, l datamodel.Link) (io.Reader, error) {
		c := l.(cidlink.Link).Cid
		r.loads[c.KeyString()]++
		return o(c)
	}
	return r
}

// stored opens blocks of a NodeStore, whatever they are.
func stored(ns NodeStore) open {
	return func(c cid.Cid) (io.Reader, error) {
		if h, err := codec.HashOf(c); err == nil {
			if b, _, err := ns.ReadNode(ctx, Addr{Hash: h}); err == nil {
				return bytes.NewReader(b), nil
			}
		}
		return ns.ReadBlob(ctx, c)
	}
}

// must ends the walk; walk recovers it.
type ipldFailure struct{ err error }

func must[T any](v T, err error) T {
	if err != nil {
		panic(ipldFailure{err})
	}
	return v
}

func demand(ok bool, format string, args ...any) {
	if !ok {
		panic(ipldFailure{fmt.Errorf(format, args...)})
	}
}

// entries reads the whole tree under root.
func (r *ipldReader) entries(root cid.Cid) (out []Entry, err error) {
	defer func() {
		if f, ok := recover().(ipldFailure); ok {
			err = f.err
		}
	}()
	r.node(cidlink.Link{Cid: root}, -1, &out)
	return out, nil
}

func (r *ipldReader) load(l datamodel.Link) datamodel.Node {
	return must(r.lsys.Load(linking.LinkContext{Ctx: ctx}, l, basicnode.Prototype.Any))
}

func at(n datamodel.Node, i int) datamodel.Node { return must(n.LookupByIndex(int64(i))) }
func bytesAt(n datamodel.Node, i int) []byte    { return must(at(n, i).AsBytes()) }
func intAt(n datamodel.Node, i int) uint64      { return uint64(must(at(n, i).AsInt())) }

// ends splits b at a table of little-endian u16.
func ends(table, b []byte) (parts [][]byte) {
	from := 0
	for ; len(table) > 0; table = table[2:] {
		to := int(binary.LittleEndian.Uint16(table))
		parts = append(parts, b[from:to])
		from = to
	}
	return parts
}

func u48(b []byte) uint64 {
	return uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint16(b[4:]))<<32
}

// node reads what stands in and below a node, and returns its entries' number and
// bytes. Level -1 is any.
func (r *ipldReader) node(l datamodel.Link, level int, out *[]Entry) (count, size uint64) {
	n := r.load(l)
	demand(intAt(n, 0) == 1, "version %d", intAt(n, 0))
	is := int(intAt(n, 1))
	demand(level < 0 || is == level, "level %d, want %d", is, level)
	var keys [][]byte
	for _, suffix := range ends(bytesAt(n, 3), bytesAt(n, 4)) {
		keys = append(keys, append(bytes.Clone(bytesAt(n, 2)), suffix...))
	}
	if is == 0 {
		demand(n.Length() == 9, "leaf of %d fields", n.Length())
		return r.leaf(n, keys, out)
	}
	demand(n.Length() == 7, "inner node of %d fields", n.Length())
	stats := bytesAt(n, 5)
	for i, key := range keys {
		first := len(*out)
		c, s := r.node(must(at(at(n, 6), i).AsLink()), is-1, out)
		demand(bytes.Equal((*out)[first].Key, key), "child begins with %q, not %q", (*out)[first].Key, key)
		demand(c == u48(stats[12*i:]) && s == u48(stats[12*i+6:]), "stats of child %d", i)
		count, size = count+c, size+s
	}
	return count, size
}

func (r *ipldReader) leaf(n datamodel.Node, keys [][]byte, out *[]Entry) (count, size uint64) {
	kinds := bytesAt(n, 5)
	if len(kinds) == 0 {
		kinds = make([]byte, len(keys))
	}
	link := 0
	for i, val := range ends(bytesAt(n, 6), bytesAt(n, 7)) {
		e := Entry{Key: keys[i], Value: Value{Bytes: bytes.Clone(val), Size: uint64(len(val))}}
		if kinds[i] != 0 {
			l := must(at(at(n, 8), link).AsLink())
			link++
			if kinds[i] == 1 {
				e.Value.Bytes = r.blob(l)
				e.Value.Size, _ = binary.Uvarint(val)
				demand(e.Value.Size == uint64(len(e.Value.Bytes)), "blob of %d bytes, not %d", len(e.Value.Bytes), e.Value.Size)
			} else {
				c := l.(cidlink.Link).Cid
				e.Value = Value{Link: c, Size: uint64(c.ByteLen())}
				r.links++
			}
		}
		size += uint64(len(e.Key)) + e.Value.Size
		*out = append(*out, e)
	}
	demand(link == int(at(n, 8).Length()), "%d links used of %d", link, at(n, 8).Length())
	return uint64(len(keys)), size
}

// blob reads a value out of line: one raw block, or a list, and so on down.
func (r *ipldReader) blob(l datamodel.Link) []byte {
	n := r.load(l)
	if n.Kind() == datamodel.Kind_Bytes {
		return must(n.AsBytes())
	}
	var b []byte
	for i := range int(at(n, 1).Length()) {
		part := r.blob(must(at(at(n, 2), i).AsLink()))
		demand(uint64(len(part)) == intAt(at(n, 1), i), "chunk %d", i)
		b = append(b, part...)
	}
	demand(uint64(len(b)) == intAt(n, 0), "list of %d bytes", len(b))
	return b
}

// compareIPLD reads the tree a second time and compares it with the model.
func compareIPLD(t testing.TB, r *ipldReader, root cid.Cid, m model) {
	t.Helper()
	got, err := r.entries(root)
	if err != nil {
		t.Fatal(err)
	}
	keys := m.keys()
	if len(got) != len(keys) {
		t.Fatalf("%d entries, want %d", len(got), len(keys))
	}
	links := 0
	for i, e := range got {
		want := m[keys[i]]
		if string(e.Key) != keys[i] || !bytes.Equal(e.Value.Bytes, want.Bytes) || e.Value.Link != want.Link {
			t.Fatalf("entry %d: %q, want %q, or another value", i, e.Key, keys[i])
		}
		if want.Link.Defined() {
			links++
		}
	}
	if r.links != links {
		t.Fatalf("%d links seen, want %d", r.links, links)
	}
}

// TestIPLDReadsTrees: any IPLD tool can walk a tree, and who reads the arrays as
// FORMAT.md says finds every entry.
func TestIPLDReadsTrees(t *testing.T) {
	for seed, shape := range shapes {
		for _, n := range []int{0, 1, 50, 3000} {
			s := newSource(t, uint64(seed))
			m := randomModel(s, shape, n)
			if n == 50 {
				m["large"] = Value{Bytes: s.bytes(3 << 20)}
			}
			ns := NewMemStore()
			built := mustBuild(t, ns, m)
			tree, err := built.Apply(ctx, s.edits(shape, 4*n+1, n))
			if err != nil {
				t.Fatal(err)
			}
			r := newIPLDReader(stored(ns))
			compareIPLD(t, r, built.Root(), m)
			for _, c := range nodesOf(t, built) {
				if r.loads[c.KeyString()] == 0 {
					t.Fatalf("node %v was not visited", c)
				}
			}
			if _, err := newIPLDReader(stored(ns)).entries(tree.Root()); err != nil {
				t.Fatalf("edited tree: %v", err)
			}
		}
	}
}

func nodesOf(t testing.TB, tree Tree) (out []cid.Cid) {
	err := tree.Walk(ctx, func(a Addr, _ *Node) error {
		out = append(out, a.Hash.CID())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestIPLDSelector: a selector that knows nothing of trees comes from the root
// to every node, every chunk, and every block that a caller links.
func TestIPLDSelector(t *testing.T) {
	s := newSource(t, 1)
	ns := NewMemStore()
	m := randomModel(s, "path", 3000)
	want := map[string]bool{}
	for k, v := range m { // only links whose blocks this test can store
		if v.Link.Defined() {
			block := append([]byte{0x82, 0x18, byte(24 + s.IntN(200)), 0x46}, s.bytes(6)...)
			v.Link = codec.ListCID(block)
			if err := ns.WriteBlob(ctx, v.Link, block); err != nil {
				t.Fatal(err)
			}
			want[v.Link.KeyString()] = true
			m[k] = v
		}
	}
	m["large"] = Value{Bytes: s.bytes(2 << 20)}
	tree := mustBuild(t, ns, m)
	for _, c := range nodesOf(t, tree) {
		want[c.KeyString()] = true
	}
	for _, b := range m.leaves(t, ns) {
		if b.Kind == codec.Blob {
			want[string(b.Link)] = true
		}
	}
	r := newIPLDReader(stored(ns))
	progress := traversal.Progress{Cfg: &traversal.Config{
		Ctx:                            ctx,
		LinkSystem:                     r.lsys,
		LinkTargetNodePrototypeChooser: basicnode.Chooser,
	}}
	all := must(selectorparse.ParseAndCompileJSONSelector(`{"R":{"l":{"none":{}},":>":{"a":{">":{"@":{}}}}}}`))
	root := must(r.lsys.Load(linking.LinkContext{Ctx: ctx}, cidlink.Link{Cid: tree.Root()}, basicnode.Prototype.Any))
	if err := progress.WalkMatching(root, all, func(traversal.Progress, datamodel.Node) error { return nil }); err != nil {
		t.Fatal(err)
	}
	for c := range want {
		if r.loads[c] == 0 {
			t.Fatal("a block of the tree was not visited")
		}
	}
	if len(r.loads) < len(want)+3 { // the chunks of the large value
		t.Fatalf("%d blocks visited, want more than %d", len(r.loads), len(want))
	}
}

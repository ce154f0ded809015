package prolly

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	cid "github.com/ipfs/go-cid"
	carv2 "github.com/ipld/go-car/v2"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// goldenCars names the trees of golden vectors that are kept whole.
var goldenCars = map[string]string{
	"empty":   "listed/empty",
	"kinds":   "listed/three/kinds",
	"hash":    "size/hash/1000",
	"mixed":   "kind/mixed/path/a",
	"chunked": "kind/large-zeros",
	"falling": "falling/mixed/600",
	"tall":    "size/prefixed/100",
}

// TestGoldenCars reads golden trees from CAR files with the IPLD library alone.
func TestGoldenCars(t *testing.T) {
	g := readGolden(t)
	for file, name := range goldenCars {
		v := g.vector(t, name)
		m, err := v.Base.model(g.Lists)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(testdata, file+".car")
		want := carOf(t, mustBuild(t, NewMemStore(), m))
		if *update {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not the tree %s", path, name)
		}
		root, blocks := readCar(t, got)
		if root.String() != v.Tree.Root {
			t.Errorf("%s: root %v, in the vector %v", path, root, v.Tree.Root)
		}
		r := newIPLDReader(func(c cid.Cid) (io.Reader, error) {
			b, ok := blocks[c.KeyString()]
			if !ok {
				return nil, fmt.Errorf("no block %v", c)
			}
			return bytes.NewReader(b), nil
		})
		compareIPLD(t, r, root, m)
		if len(r.loads) != len(blocks) {
			t.Errorf("%s has %d blocks, the tree %d", path, len(blocks), len(r.loads))
		}
	}
}

func (g golden) vector(t *testing.T, name string) vector {
	for _, v := range g.Vectors {
		if v.Name == name {
			return v
		}
	}
	t.Fatalf("no vector %s", name)
	return vector{}
}

// readCar reads a whole CAR; the library verifies each block.
func readCar(t *testing.T, b []byte) (root cid.Cid, blocks map[string][]byte) {
	r, err := carv2.NewBlockReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if r.Version != 1 || len(r.Roots) != 1 {
		t.Fatalf("CAR of version %d with %d roots", r.Version, len(r.Roots))
	}
	blocks = map[string][]byte{}
	for {
		blk, err := r.Next()
		if errors.Is(err, io.EOF) {
			return r.Roots[0], blocks
		}
		if err != nil {
			t.Fatal(err)
		}
		blocks[blk.Cid().KeyString()] = blk.RawData()
	}
}

// carOf writes a tree as CARv1: nodes before what they name, each block once.
func carOf(t *testing.T, tree Tree) []byte {
	root := tree.Root().Bytes()
	header := append([]byte("\xa2\x65roots\x81\xd8\x2a\x58\x25\x00"), root...)
	header = append(header, "\x67version\x01"...)
	c := carWriter{ns: tree.ns, seen: map[string]bool{}}
	c.out = append(binary.AppendUvarint(nil, uint64(len(header))), header...)
	err := tree.Walk(ctx, func(a Addr, n *Node) error {
		c.block(a.Hash.CID(), n.Block())
		for i := range n.Len() {
			if n.Level() == 0 && n.Kind(i) == codec.Blob {
				if err := c.blob(n.Link(i)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return c.out
}

type carWriter struct {
	ns   NodeStore
	out  []byte
	seen map[string]bool
}

func (w *carWriter) block(c cid.Cid, b []byte) {
	if w.seen[c.KeyString()] {
		return
	}
	w.seen[c.KeyString()] = true
	w.out = binary.AppendUvarint(w.out, uint64(c.ByteLen()+len(b)))
	w.out = append(append(w.out, c.Bytes()...), b...)
}

// blob writes a raw block, or a list and what it lists.
func (w *carWriter) blob(link []byte) error {
	c, err := cid.Cast(link)
	if err != nil {
		return err
	}
	b, err := readVerified(ctx, w.ns, c, io.ReadAll)
	if err != nil {
		return err
	}
	w.block(c, b)
	if c.Prefix().Codec == cid.Raw {
		return nil
	}
	l, err := codec.ParseChunkList(b)
	if err != nil {
		return err
	}
	for _, c := range l.Links {
		if err := w.blob(c.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

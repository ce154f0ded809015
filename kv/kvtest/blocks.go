package kvtest

import (
	"bytes"
	"crypto/sha512"
	"testing"

	cid "github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash/core"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

func testNodes(t *testing.T, p *place) {
	h, block := testNode(1)
	_, err := p.ReadNode(bg, h, kv.Hint{})
	wantIs(t, "ReadNode of a missing node", err, kv.ErrNotFound)

	children := []kv.Hint{{1}, {2}, {15: 3}}
	var at kv.Hint
	p.write(func(b kv.Batch) {
		at, err = b.PutNode(h, block, children)
		must(t, err)
		if _, err := p.ReadNode(bg, h, at); err == nil {
			t.Error("a node is visible before its batch is committed (K1)")
		}
	})
	wantNode(t, p, h, at, block, children)
	wantNode(t, p, h, kv.Hint{}, block, children)

	t.Run("again", func(t *testing.T) {
		p.write(func(b kv.Batch) { mustPut(t, b, h, block, nil) })
		wantNode(t, p, h, kv.Hint{}, block, nil)
	})
	t.Run("empty", func(t *testing.T) {
		none := codec.Sum(nil)
		p.write(func(b kv.Batch) { at = mustPut(t, b, none, nil, nil) })
		wantNode(t, p, none, at, nil, nil)
	})
	t.Run("large", func(t *testing.T) {
		big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
		p.write(func(b kv.Batch) { at = mustPut(t, b, codec.Sum(big), big, make([]kv.Hint, 300)) })
		wantNode(t, p, codec.Sum(big), at, big, make([]kv.Hint, 300))
	})
}

func mustPut(t testing.TB, b kv.BlockWriter, h codec.Hash, block []byte, children []kv.Hint) kv.Hint {
	t.Helper()
	at, err := b.PutNode(h, block, children)
	must(t, err)
	return at
}

// testHints: a hint makes a read no wronger, whatever it is (K7), and those
// kept with an inner node come back.
func testHints(t *testing.T, p *place) {
	leaf, leafBlock := testNode(1)
	other, otherBlock := testNode(2)
	inner, innerBlock := testNode(3)
	var atLeaf, atOther, atInner kv.Hint
	p.write(func(b kv.Batch) {
		atLeaf = mustPut(t, b, leaf, leafBlock, nil)
		atOther = mustPut(t, b, other, otherBlock, nil)
		atInner = mustPut(t, b, inner, innerBlock, []kv.Hint{atLeaf, {}, atOther})
	})
	n, err := p.ReadNode(bg, inner, atInner)
	must(t, err)
	if p.NoHints {
		if atLeaf != (kv.Hint{}) || n.Children != nil {
			t.Errorf("hints %v and %v of a store that gives none", atLeaf, n.Children)
		}
	} else if len(n.Children) != 3 || n.Children[0] != atLeaf || n.Children[1] != (kv.Hint{}) || n.Children[2] != atOther {
		t.Errorf("children's hints: got %v, want %v, zero, %v", n.Children, atLeaf, atOther)
	}
	for _, stale := range []kv.Hint{{}, {0: 1}, {3: 9, 11: 9}, {15: 0xff}, allOnes()} {
		wantNode(t, p, leaf, stale, leafBlock, nil)
	}
	swapped, err := p.ReadNode(bg, leaf, atOther)
	must(t, err)
	if !bytes.Equal(swapped.Block, leafBlock) && !bytes.Equal(swapped.Block, otherBlock) {
		t.Error("a wrong hint made a block that was never written (K7)")
	}
	missing, _ := testNode(4)
	_, err = p.ReadNode(bg, missing, kv.Hint{9})
	wantIs(t, "ReadNode of a missing node by a stale hint", err, kv.ErrNotFound)

	p.reopen()
	wantNode(t, p, leaf, atLeaf, leafBlock, nil)
	wantNode(t, p, other, atOther, otherBlock, nil)
	third, thirdBlock := testNode(5)
	p.write(func(b kv.Batch) { mustPut(t, b, third, thirdBlock, nil) })
	wantNode(t, p, leaf, atLeaf, leafBlock, nil)
}

func allOnes() (h kv.Hint) {
	for i := range h {
		h[i] = 0xff
	}
	return h
}

func testBlobs(t *testing.T, p *place) {
	c, block := testBlob(1)
	wantBlob(t, p, c, nil)
	p.write(func(b kv.Batch) { must(t, b.PutBlob(c, block)) })
	wantBlob(t, p, c, block)

	t.Run("by multihash", func(t *testing.T) {
		wantBlob(t, p, cid.NewCidV1(cid.DagCBOR, c.Hash()), block)
		wantBlob(t, p, cid.NewCidV0(c.Hash()), block)
		sum := sha512.Sum512(block)
		other, err := mhEncode(mh.SHA2_512, sum[:])
		must(t, err)
		wantBlob(t, p, cid.NewCidV1(cid.Raw, other), nil)
	})
	t.Run("again", func(t *testing.T) {
		p.write(func(b kv.Batch) { must(t, b.PutBlob(c, block)) })
		b := p.NewBatch()
		must(t, b.PutBlob(c, block))
		must(t, b.PutBlob(c, block))
		must(t, b.Commit(bg))
		wantBlob(t, p, c, block)
	})
	t.Run("sizes", func(t *testing.T) {
		for _, n := range []int{0, 1, 4095, 4096, 4097, 1 << 16, codec.MaxBlob} {
			large := bytes.Repeat([]byte{byte(n), byte(n >> 8), 7}, n/3+1)[:n]
			name := codec.RawCID(large)
			p.write(func(b kv.Batch) { must(t, b.PutBlob(name, large)) })
			wantBlob(t, p, name, large)
		}
	})
	t.Run("undefined", func(t *testing.T) {
		_, err := p.ReadBlob(bg, cid.Undef)
		wantIs(t, "ReadBlob of an undefined CID", err, kv.ErrNotFound)
		b := p.NewBatch()
		wantIs(t, "PutBlob of an undefined CID", b.PutBlob(cid.Undef, block), kv.ErrName)
		must(t, b.Close())
	})
}

// mhEncode is a multihash of a digest.
func mhEncode(code uint64, digest []byte) ([]byte, error) {
	h := cid.Prefix{Version: 1, Codec: cid.Raw, MhType: code, MhLength: len(digest)}
	c, err := cid.Cast(append(h.Bytes(), digest...))
	if err != nil {
		return nil, err
	}
	return c.Hash(), nil
}

// wantBlob fails the test unless the block is found; nil: unless it is not.
func wantBlob(t testing.TB, s kv.Store, c cid.Cid, block []byte) {
	t.Helper()
	has, err := s.HasBlob(bg, c)
	must(t, err)
	if has != (block != nil) {
		t.Errorf("HasBlob(%v) = %v", c, has)
	}
	got, err := s.ReadBlob(bg, c)
	switch {
	case block == nil:
		wantIs(t, "ReadBlob of a missing blob", err, kv.ErrNotFound)
	case err != nil:
		t.Errorf("ReadBlob: %v", err)
	case !bytes.Equal(got, block):
		t.Errorf("ReadBlob: %d bytes that are not the %d written (K6)", len(got), len(block))
	}
}

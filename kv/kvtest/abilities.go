package kvtest

import (
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// fill writes n nodes and n blobs, some of them twice, and two refs with logs.
func fill(t testing.TB, p *place, n int) {
	for i := range n {
		h, block := testNode(i)
		c, blob := testBlob(i)
		p.write(func(b kv.Batch) {
			mustPut(t, b, h, block, make([]kv.Hint, i%4))
			must(t, b.PutBlob(c, blob))
		})
		if i%5 == 0 {
			p.write(func(b kv.Batch) { mustPut(t, b, h, block, make([]kv.Hint, i%4)) })
		}
	}
	for _, name := range []string{"a", "b"} {
		p.write(func(b kv.Batch) {
			must(t, b.SwapRef(name, nil, []byte(name)))
			appendTo(t, name, 1, 2)(b)
		})
	}
}

func testSweep(t *testing.T, p *place) {
	s := p.Store.(kv.Sweeper)
	const n = 60
	fill(t, p, n)
	w, err := s.Sweep(bg, kv.Keep{})
	must(t, err)
	if w != (kv.Swept{}) {
		t.Errorf("a sweep that keeps everything removed %+v", w)
	}
	keptNodes, keptBlobs := map[codec.Hash]bool{}, map[string]bool{}
	var want kv.Swept
	for i := range n {
		h, block := testNode(i)
		c, blob := testBlob(i)
		if keptNodes[h] = i%3 == 0; i%3 != 0 {
			want.Nodes, want.NodeBytes = want.Nodes+1, want.NodeBytes+uint64(len(block))
		}
		if keptBlobs[string(c.Hash())] = i%2 == 0; i%2 != 0 {
			want.Blobs, want.BlobBytes = want.Blobs+1, want.BlobBytes+uint64(len(blob))
		}
	}
	keep := kv.Keep{
		Node: func(h codec.Hash) bool { return keptNodes[h] },
		Blob: func(key []byte) bool { return keptBlobs[string(key)] },
	}
	w, err = s.Sweep(bg, keep)
	must(t, err)
	if w != want {
		t.Errorf("swept %+v, want %+v", w, want)
	}
	check := func() {
		t.Helper()
		for i := range n {
			wantSweptNode(t, p, i, i%3 == 0)
			c, blob := testBlob(i)
			if i%2 != 0 {
				blob = nil
			}
			wantBlob(t, p, c, blob)
		}
		wantRef(t, p, "a", []byte("a"))
		wantLog(t, p, "b", 0, 1, 2)
	}
	check()
	p.reopen()
	check()
	w, err = p.Store.(kv.Sweeper).Sweep(bg, keep)
	must(t, err)
	if w != (kv.Swept{}) {
		t.Errorf("a second sweep removed %+v", w)
	}
	sweepOne(t, p)
	check()
}

// sweepOne writes again what a sweep may have removed, and removes it again.
func sweepOne(t testing.TB, p *place) {
	h, block := testNode(1)
	p.write(func(b kv.Batch) { mustPut(t, b, h, block, make([]kv.Hint, 1)) })
	wantSweptNode(t, p, 1, true)
	w, err := p.Store.(kv.Sweeper).Sweep(bg, kv.Keep{Node: func(x codec.Hash) bool { return x != h }})
	must(t, err)
	if w.Nodes != 1 {
		t.Errorf("swept %+v, want one node", w)
	}
}

func wantSweptNode(t testing.TB, p *place, i int, stays bool) {
	t.Helper()
	h, block := testNode(i)
	if stays {
		wantNode(t, p, h, kv.Hint{}, block, make([]kv.Hint, i%4))
		return
	}
	_, err := p.ReadNode(bg, h, kv.Hint{})
	wantIs(t, "ReadNode of a swept node", err, kv.ErrNotFound)
}

func testScan(t *testing.T, p *place) {
	s := p.Store.(kv.Scanner)
	const n = 40
	fill(t, p, n)
	nodes := map[codec.Hash]bool{}
	for sn, err := range s.ScanNodes(bg) {
		must(t, err)
		if nodes[sn.Hash] {
			t.Errorf("node %v came twice", sn.Hash)
		}
		nodes[sn.Hash] = true
		if codec.Sum(sn.Node.Block) != sn.Hash {
			t.Errorf("node %v has another block", sn.Hash)
		}
		wantNode(t, p, sn.Hash, sn.At, sn.Node.Block, sn.Node.Children)
	}
	blobs := map[string]bool{}
	for sb, err := range s.ScanBlobs(bg) {
		must(t, err)
		sum := codec.Sum(sb.Block)
		if blobs[string(sb.Multihash)] || string(sb.Multihash[2:]) != string(sum[:]) {
			t.Errorf("blob %x came twice or has another block", sb.Multihash)
		}
		blobs[string(sb.Multihash)] = true
	}
	if len(nodes) != n || len(blobs) != n {
		t.Errorf("scanned %d nodes and %d blobs, want %d each", len(nodes), len(blobs), n)
	}
	for range s.ScanNodes(bg) {
		break
	}
	for range s.ScanBlobs(bg) {
		break
	}
}

func testSize(t *testing.T, p *place) {
	s := p.Store.(kv.Sizer)
	before, err := s.DiskUsage(bg)
	must(t, err)
	fill(t, p, 40)
	p.reopen()
	after, err := p.Store.(kv.Sizer).DiskUsage(bg)
	must(t, err)
	if after <= before {
		t.Errorf("40 nodes and blobs brought the disk from %d to %d bytes", before, after)
	}
}

func testCheck(t *testing.T, p *place) {
	sound := func() {
		t.Helper()
		must(t, p.Store.(kv.Checker).CheckStore(bg, func(err error) { t.Errorf("a sound store: %v", err) }))
	}
	sound()
	fill(t, p, 40)
	sound()
	must(t, p.Sync(bg))
	sound()
	p.reopen()
	sound()
}

package kvtest

import (
	"sync"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// testCollector takes a store through a collection: what is marked stays, and
// what is put meanwhile, also if it was there before; the rest goes, and only that.
func testCollector(t *testing.T, p *place) {
	const n = 60
	fill(t, p, n)
	c := begin(t, p)
	_, err := p.Store.(kv.Collector).Collect(bg)
	wantIs(t, "a second collection", err, kv.ErrBusy)
	for i := range n {
		h, block := testNode(i)
		cid, blob := testBlob(i)
		switch i % 4 {
		case 0: // marked
			must(t, c.Mark(bg, h, kv.Kept))
			must(t, c.Mark(bg, h, kv.Whole))
			must(t, c.Mark(bg, h, kv.Kept)) // which takes nothing back
			must(t, c.MarkBlob(bg, cid.Hash()))
			wantMark(t, c, i, kv.Whole)
		case 1: // put again
			wantMark(t, c, i, kv.Unmarked)
			p.write(func(b kv.Batch) { mustPut(t, b, h, block, make([]kv.Hint, i%4)); must(t, b.PutBlob(cid, blob)) })
		}
	}
	fresh, block := testNode(n)
	p.write(func(b kv.Batch) { mustPut(t, b, fresh, block, nil) })
	wantMark(t, c, n, kv.Young)
	absent, _ := testNode(n + 1)
	_, err = c.Marked(bg, absent)
	wantIs(t, "Marked of no node", err, kv.ErrNotFound)
	wantIs(t, "Mark of no node", c.Mark(bg, absent, kv.Kept), kv.ErrNotFound)

	dry, err := c.Sweep(bg, kv.SweepOptions{DryRun: true})
	must(t, err)
	sweptAs(t, "a dry run", dry, n)
	wantSweptNode(t, p, 2, true)
	told := 0
	w, err := c.Sweep(bg, kv.SweepOptions{
		KeepBlob: func(multihash []byte) bool { cid, _ := testBlob(3); return string(multihash) == string(cid.Hash()) },
		Progress: func(kv.Collected) { told++ },
	})
	must(t, err)
	w.Blobs++ // the one that was spared besides
	sweptAs(t, "the sweep", w, n)
	if told == 0 {
		t.Error("nobody was told how far it is")
	}
	must(t, c.Close())
	must(t, c.Close())
	must(t, c.Mark(bg, fresh, kv.Kept)) // which does nothing
	collected(t, p, n)
	p.reopen()
	collected(t, p, n)
	testCollectorRaces(t, p)
}

func begin(t testing.TB, p *place) kv.Collection {
	c, err := p.Store.(kv.Collector).Collect(bg)
	must(t, err)
	return c
}

func wantMark(t testing.TB, c kv.Collection, i int, want kv.Mark) {
	t.Helper()
	h, _ := testNode(i)
	if m, err := c.Marked(bg, h); err != nil || m != want {
		t.Errorf("node %d: mark %d, %v; want %d", i, m, err, want)
	}
}

// sweptAs: half of the blocks go.
func sweptAs(t testing.TB, what string, w kv.Collected, n int) {
	t.Helper()
	if w.Nodes != uint64(n/2) || w.Blobs != uint64(n/2) || w.KeptNodes < uint64(n/2) {
		t.Errorf("%s: %+v, want %d nodes and as many blobs to go", what, w, n/2)
	}
}

func collected(t testing.TB, p *place, n int) {
	t.Helper()
	for i := range n {
		wantSweptNode(t, p, i, i%4 < 2)
		cid, blob := testBlob(i)
		if i%4 >= 2 && i != 3 {
			blob = nil
		}
		wantBlob(t, p, cid, blob)
	}
	h, block := testNode(n)
	wantNode(t, p, h, kv.Hint{}, block, nil)
	wantRef(t, p, "a", []byte("a"))
	wantLog(t, p, "b", 0, 1, 2)
}

// testCollectorRaces puts, marks and reads while a sweep is at work: what was put,
// or marked with success, is there afterwards.
func testCollectorRaces(t *testing.T, p *place) {
	const from, to = 100, 400
	for i := from; i < to; i++ {
		h, block := testNode(i)
		p.write(func(b kv.Batch) { mustPut(t, b, h, block, nil) })
	}
	c := begin(t, p)
	var kept sync.Map
	var wg sync.WaitGroup
	for w := range 3 {
		wg.Go(func() {
			for i := from + w; i < to; i += 7 {
				h, block := testNode(i)
				var err error
				if i%2 == 0 {
					err = c.Mark(bg, h, kv.Kept)
				} else {
					b := p.NewBatch()
					if _, err = b.PutNode(h, block, nil); err == nil {
						err = b.Commit(bg)
					}
				}
				if err == nil {
					kept.Store(i, true)
				} else if i%2 != 0 {
					t.Errorf("put: %v", err)
				}
			}
		})
	}
	_, err := c.Sweep(bg, kv.SweepOptions{})
	wg.Wait()
	must(t, err)
	must(t, c.Close())
	kept.Range(func(i, _ any) bool {
		h, block := testNode(i.(int))
		wantNode(t, p, h, kv.Hint{}, block, nil)
		return true
	})
}

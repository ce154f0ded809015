package space

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// TestUpkeepWhileSyncing: a service that is at work gives back the disk that
// former states took, and loses nothing: clients converge, blobs stay located,
// nothing is wrong in an audit, and who missed what was forgotten sends it again.
func TestUpkeepWhileSyncing(t *testing.T) {
	w := newWorld(t, func(o *ServiceOptions) {
		o.Upkeep = Upkeep{Every: time.Millisecond, History: time.Nanosecond}
	})
	var devices []*device
	for range 2 {
		key := newKey(t)
		devices = append(devices, w.device(key), w.device(key))
	}
	idle := w.device(devices[0].c.Agent) // syncs once, and then when all is over
	devices[0].fill("/user/", 20, 'i')
	devices[0].sync()
	idle.sync()
	kept := devices[0].add("kept")
	devices[0].deliver()
	for i := range 20 {
		for _, d := range devices {
			d.fill("/user/", 100, byte('a'+i))
			d.sync()
		}
	}
	before := w.svc.storeBytes(w.ctx)

	keeping, stop := context.WithCancel(w.ctx)
	var work, syncing sync.WaitGroup
	work.Go(func() { w.svc.upkeep(keeping) })
	limit, cancel := context.WithTimeout(w.ctx, time.Minute)
	defer cancel()
	for i, d := range devices {
		syncing.Go(func() {
			for n := 0; w.svc.n.collections.Load() < 4 && limit.Err() == nil; n++ {
				err := d.Put(w.ctx, fmt.Appendf(nil, "/user/%d", i), fmt.Append(nil, n))
				if err == nil {
					_, err = d.Sync(w.ctx, d.c)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	syncing.Wait()
	after := w.svc.storeBytes(w.ctx)
	stop()
	work.Wait()
	if limit.Err() != nil {
		t.Fatal("no collection came to its end in a minute")
	}
	t.Logf("%d bytes before, %d after %d collections", before, after, w.svc.n.collections.Load())
	if after > before/2 || w.svc.n.collectedBytes.Load() == 0 {
		t.Errorf("the store took %d bytes, and takes %d", before, after)
	}
	for range 2 {
		for _, d := range append(devices, idle) {
			d.sync()
		}
	}
	for i := 0; i < len(devices); i += 2 {
		w.audit(devices[i], "after collections")
		if a, b := devices[i].root(), devices[i+1].root(); !a.Equals(b) {
			t.Errorf("roots %v and %v", a, b)
		}
	}
	if !idle.root().Equals(devices[0].root()) {
		t.Error("who was away for long has another root")
	}
	if state := idle.state(kept); state.String() != "located" || !w.blobs.Has(kept, 4) {
		t.Errorf("a blob that is kept is %v", state)
	}
}

// TestCollectRemovesBlobs: the bytes of a blob that was given up go with the next
// collection when they could not go at once, and no others.
func TestCollectRemovesBlobs(t *testing.T) {
	w := newWorld(t)
	d := w.device(newKey(t))
	kept := d.add("kept")
	d.deliver()
	gone, size, err := w.blobs.Add(strings.NewReader("gone"))
	w.must(err)
	noted := []prolly.Edit{putNote(note(sideDrop, gone, d.DID())), putNote(note(sideDrop, kept, d.DID()))}
	w.must(w.svc.own.Update(w.ctx, func(u *engine.Update) error { return u.Side().Apply(w.ctx, noted) }))
	_, err = w.svc.Collect(w.ctx)
	w.must(err)
	if w.blobs.Has(gone, size) || !w.blobs.Has(kept, 4) {
		t.Error("S7 violated by a collection")
	}
	if n := len(w.notes(sideDrop)); n != 0 {
		t.Errorf("%d notes are left", n)
	}
}

// TestCollectInterrupted: a collection that is interrupted is counted as such,
// and the next does the rest.
func TestCollectInterrupted(t *testing.T) {
	w := newWorld(t, func(o *ServiceOptions) { o.Upkeep.History = -1 })
	d := w.device(newKey(t))
	d.fill("/user/", 100, 'a')
	d.sync()
	orphan := newBlock([]byte("\xa1\x61a\x01"))
	name := mustCID(orphan.Link())
	w.must(w.e.PutBlock(w.ctx, name, orphan.Bytes()))
	ended, cancel := context.WithCancel(w.ctx)
	cancel()
	if _, err := w.svc.Collect(ended); !errors.Is(err, context.Canceled) || w.svc.n.collectionsFailed.Load() != 1 {
		t.Errorf("%v, %d failed", err, w.svc.n.collectionsFailed.Load())
	}
	for range 3 { // what was just put outlives two
		_, err := w.svc.Collect(w.ctx)
		w.must(err)
	}
	if _, err := w.e.ReadBlock(w.ctx, name); !errors.Is(err, engine.ErrMissing) {
		t.Errorf("a block that nothing names: %v", err)
	}
	if n := w.svc.n.collecting.Load(); n != 0 || w.svc.n.collections.Load() != 3 {
		t.Errorf("%d under way, %d ended", n, w.svc.n.collections.Load())
	}
	w.audit(d, "after collections")
	if r := d.sync(); r.Sent+r.Received != 0 || r.Root == cid.Undef {
		t.Errorf("%+v", r)
	}
}

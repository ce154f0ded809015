package space

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	blobcap "github.com/storacha/go-libstoracha/capabilities/space/blob"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/kv/memkv"
)

// cutStore is a store whose process dies: after some batches and syncs nothing is
// written any more.
type cutStore struct {
	kv.Store
	left *atomic.Int64
}

var errDead = errors.New("the process is dead")

func (s cutStore) NewBatch() kv.Batch { return cutBatch{s.Store.NewBatch(), s.left} }

func (s cutStore) Sync(ctx context.Context) error {
	if s.left.Add(-1) < 0 {
		return errDead
	}
	return s.Store.Sync(ctx)
}

type cutBatch struct {
	kv.Batch
	left *atomic.Int64
}

func (b cutBatch) Commit(ctx context.Context) error {
	if b.left.Add(-1) < 0 {
		return errors.Join(errDead, b.Batch.Close())
	}
	return b.Batch.Commit(ctx)
}

// start makes the world's service one over what the disk holds, that dies after
// so many batches. The function ends it.
func (w *world) start(disk *memkv.Disk, batches int64) (end func()) {
	w.t.Helper()
	s, err := disk.Open()
	w.must(err)
	left := &atomic.Int64{}
	left.Store(1 << 40)
	w.e, err = engine.New(cutStore{s, left}, nil)
	w.must(err)
	o := w.svc.o
	o.Engine = w.e
	w.svc, err = NewService(w.ctx, o)
	w.must(err)
	w.server.Config.Handler = w.svc.Handler()
	left.Store(batches)
	return func() {
		left.Store(0) // nor does it write as it ends
		_ = w.e.Close()
		_ = s.Close() // the engine has closed it, if it could
	}
}

// TestCrashes: requirement 12 (S2, S4, S6): the service dies after each of its
// writes during a sync with a queue. What is left holds the invariants, and the
// same sync, repeated, ends as if nothing had happened.
func TestCrashes(t *testing.T) {
	for n := int64(0); ; n++ {
		w := newWorld(t)
		disk := memkv.NewDisk(memkv.Options{})
		end := w.start(disk, 1<<40)
		d := w.device(newKey(t))
		gone := d.add("is removed")
		d.sync()
		kept := d.add("is kept")
		d.add("stays pending")
		removal := d.invocation(d.c.Agent, blobcap.RemoveAbility, d.DID().String(), blobcap.RemoveCaveats{Digest: gone})
		w.must(d.Queue(w.ctx, removal, d.lists()))
		w.must(d.Put(w.ctx, []byte("/user/x"), []byte("1")))
		queued := d.keys(PrefixQueue)
		end()

		end = w.start(disk, n)
		_, err := d.Sync(w.ctx, d.c)
		survived := err == nil
		end()

		end = w.start(disk, 1<<40)
		w.audit(d, fmt.Sprintf("after %d writes", n))
		d.sync()
		if m, err := d.Deliver(w.ctx, d.c, d.blobs, w.clock.now()); err != nil || m != 2 {
			t.Errorf("after %d writes: %d delivered, %v", n, m, err)
		}
		d.sync()
		w.audit(d, fmt.Sprintf("after %d writes, in the end", n))
		for _, k := range queued {
			if !d.has(PrefixReceipt + k[len(PrefixQueue):]) {
				t.Errorf("after %d writes: %s has no receipt", n, k)
			}
		}
		if got, want := w.usage(d), uint64(len("is kept")+len("stays pending")); got != want {
			t.Errorf("after %d writes: usage %d, want %d", n, got, want)
		}
		if got := d.state(kept).String(); got != "located" {
			t.Errorf("after %d writes: %s", n, got)
		}
		end()
		if survived || t.Failed() {
			t.Logf("%d crash points", n)
			return
		}
	}
}

// audit holds the service's store to the invariants.
func (w *world) audit(d *device, when string) {
	w.t.Helper()
	a, err := AuditSpace(w.ctx, w.e, w.id, d.DID())
	w.must(err)
	for _, p := range a.Problems {
		w.t.Errorf("%s: %s", when, p)
	}
}

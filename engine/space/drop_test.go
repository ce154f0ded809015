package space

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	mh "github.com/multiformats/go-multihash"
	blobcap "github.com/storacha/go-libstoracha/capabilities/space/blob"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/kv/memkv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// remove queues that a blob be removed.
func (d *device) remove(digest mh.Multihash) {
	d.w.t.Helper()
	w := d.w
	w.must(d.Queue(w.ctx, d.invocation(d.c.Agent, blobcap.RemoveAbility, d.DID().String(), blobcap.RemoveCaveats{Digest: digest})))
}

// deliver syncs, sends the bytes, and syncs.
func (d *device) deliver() {
	d.w.t.Helper()
	d.sync()
	_, err := d.Deliver(d.w.ctx, d.c, d.blobs, d.w.clock.now())
	d.w.must(err)
	d.sync()
}

// notes lists the service's own keys under a prefix.
func (w *world) notes(prefix string) [][]byte {
	w.t.Helper()
	keys, err := w.svc.ownKeys(w.ctx, prolly.Range{Prefix: []byte(prefix)})
	w.must(err)
	return keys
}

// TestRemovedBytes: the bytes of a blob go with the last space that has it
// allocated, and not before (S7); what clients delete changes nothing (requirement 11).
func TestRemovedBytes(t *testing.T) {
	w := newWorld(t)
	const text = "shared"
	a, b := w.device(newKey(t)), w.device(newKey(t))
	digest := a.add(text)
	b.add(text)
	a.deliver()
	b.deliver()
	has := func() bool { return w.blobs.Has(digest, uint64(len(text))) }
	w.must(a.Delete(w.ctx, BlobKey(digest))) // no removal
	a.sync()
	if !has() {
		t.Fatal("an entry that a client deletes removes bytes")
	}
	a.remove(digest)
	a.sync()
	if !has() || b.state(digest).String() != "located" {
		t.Fatal("S7 violated: bytes are removed that another space has")
	}
	b.remove(digest)
	b.sync()
	if has() {
		t.Fatal("S7 violated: bytes stay that no space has")
	}
	if n := len(w.notes(sideHold)) + len(w.notes(sideDrop)); n != 0 {
		t.Errorf("%d notes are left", n)
	}
	// Added again it is like another.
	a.add(text)
	a.deliver()
	if !has() || a.state(digest).String() != "located" {
		t.Errorf("added again: %v", a.state(digest))
	}
	// What was given up while its bytes were under way is not kept.
	late := a.add("late")
	a.sync()
	body := &gated{Reader: strings.NewReader("late"), reached: make(chan struct{}), open: make(chan struct{})}
	done := make(chan int)
	go func() {
		req, err := http.NewRequestWithContext(w.ctx, http.MethodPut, w.server.URL+"/blob/"+a.DID().String()+"/"+formatDigest(late), body)
		if err != nil {
			t.Error(err)
		}
		res, err := w.server.Client().Do(req)
		if err != nil {
			t.Error(err)
			close(done)
			return
		}
		_, err = io.Copy(io.Discard, res.Body)
		if err = errors.Join(err, res.Body.Close()); err != nil {
			t.Error(err)
		}
		done <- res.StatusCode
	}()
	<-body.reached
	a.remove(late)
	a.sync()
	close(body.open)
	if code := <-done; code != http.StatusNotFound {
		t.Errorf("bytes that were given up: status %d", code)
	}
	if w.blobs.Has(late, 4) {
		t.Error("bytes stay that were given up under way")
	}
}

// gated says when it is first read, and gives its bytes when it is told to.
type gated struct {
	io.Reader
	once          sync.Once
	reached, open chan struct{}
}

func (g *gated) Read(p []byte) (int, error) {
	g.once.Do(func() { close(g.reached); <-g.open })
	return g.Reader.Read(p)
}

// TestRemovedBytesCrashes: the service dies after each of its writes while two
// spaces give up a blob. At no point has an allocation lost its bytes (S5); in the
// end nobody's bytes are left (S7).
func TestRemovedBytesCrashes(t *testing.T) {
	for n := int64(0); ; n++ {
		w := newWorld(t)
		disk := memkv.NewDisk(memkv.Options{})
		end := w.start(disk, 1<<40)
		a, b := w.device(newKey(t)), w.device(newKey(t))
		gone := a.add("both have it")
		b.add("both have it")
		kept := b.add("stays")
		a.deliver()
		b.deliver()
		a.remove(gone)
		b.remove(gone)
		end()

		end = w.start(disk, n)
		_, err := a.Sync(w.ctx, a.c)
		if err == nil {
			_, err = b.Sync(w.ctx, b.c)
		}
		survived := err == nil
		end()

		end = w.start(disk, 1<<40)
		for _, d := range []*device{a, b} {
			w.located(d, fmt.Sprintf("after %d writes", n))
		}
		a.sync()
		b.sync()
		end()
		end = w.start(disk, 1<<40) // finishes what was left
		if w.blobs.Has(gone, uint64(len("both have it"))) {
			t.Errorf("after %d writes: bytes stay that no space has", n)
		}
		if !w.blobs.Has(kept, uint64(len("stays"))) {
			t.Errorf("after %d writes: bytes went that a space has", n)
		}
		if k := w.notes(sideDrop); len(k) > 0 {
			t.Errorf("after %d writes: %q is left", n, k)
		}
		w.audit(b, fmt.Sprintf("after %d writes, in the end", n))
		end()
		if survived || t.Failed() {
			t.Logf("%d crash points", n)
			return
		}
	}
}

// located holds the bytes that are here to the allocations that say so.
func (w *world) located(d *device, when string) {
	w.t.Helper()
	w.allocations(d, func(key string, a allocation) {
		digest, err := ParseDigest(strings.TrimPrefix(key, sideAlloc))
		w.must(err)
		if a.Located && !w.blobs.Has(digest, a.Size) {
			w.t.Errorf("%s: S5 violated: %s is located, its bytes are not here", when, key)
		}
	})
}

// TestHoldsOfOlderStore: a store without notes gets them before anything is removed
// (S7).
func TestHoldsOfOlderStore(t *testing.T) {
	w := newWorld(t)
	a, b := w.device(newKey(t)), w.device(newKey(t))
	digest := a.add("older")
	b.add("older")
	a.deliver()
	b.deliver()
	before := w.notes(sideHold)
	w.must(w.svc.own.Update(w.ctx, func(u *engine.Update) error {
		edits := []prolly.Edit{remove(sideHolds)}
		for _, k := range before {
			edits = append(edits, remove(string(k)))
		}
		return u.Side().Apply(w.ctx, edits)
	}))
	svc, err := NewService(w.ctx, w.svc.o)
	w.must(err)
	w.svc = svc
	w.server.Config.Handler = svc.Handler()
	if after := w.notes(sideHold); len(before) != 2 || !bytes.Equal(bytes.Join(before, nil), bytes.Join(after, nil)) {
		t.Errorf("notes %q, before %q", after, before)
	}
	a.remove(digest)
	a.sync()
	if !w.blobs.Has(digest, 5) {
		t.Error("bytes went that another space has")
	}
}

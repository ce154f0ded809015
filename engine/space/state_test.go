package space

import (
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/engine/receipt"
)

// TestBlobEndToEnd: requirement 4: a blob goes through its states, which are
// read off the replica without the service.
func TestBlobEndToEnd(t *testing.T) {
	w := newWorld(t)
	d := w.device(newKey(t))
	want := func(digest []byte, s receipt.State) {
		t.Helper()
		if got := d.state(digest); got != s {
			t.Fatalf("state %v, want %v", got, s)
		}
	}
	b := d.add("hello")
	want(b, receipt.Queued)
	r := d.sync()
	if r.Ran != 1 || len(r.Refused)+len(r.Conflicts) > 0 {
		t.Fatalf("%+v", r)
	}
	want(b, receipt.Pending)
	if n := w.usage(d); n != 5 {
		t.Fatalf("usage %d", n)
	}
	n, err := d.Deliver(w.ctx, d.c, d.blobs, w.clock.now())
	w.must(err)
	if n != 1 {
		t.Fatalf("%d delivered", n)
	}
	want(b, receipt.Delivered)
	d.sync()
	want(b, receipt.Located)
	root := d.root()
	if r := d.sync(); !r.Root.Equals(root) || r.Sent+r.Received+r.Ran > 0 {
		t.Errorf("a sync with nothing new: %+v", r)
	}
}

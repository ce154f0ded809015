package space

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// fill puts n entries of 1,000 bytes.
func (d *device) fill(prefix string, n int, text byte) {
	d.w.t.Helper()
	var edits []prolly.Edit
	for i := range n {
		edits = append(edits, prolly.Edit{Key: fmt.Appendf(nil, "%s%04d", prefix, i), Value: prolly.Value{Bytes: bytes.Repeat([]byte{text}, 1000)}})
	}
	d.w.must(d.Branch().Apply(d.w.ctx, edits, engine.NoSync))
}

// TestSyncInParts: a difference that is larger than a request goes in several,
// and comes out as if it had gone in one: the same root, the queue run with its
// proofs, the conflicts that there are.
func TestSyncInParts(t *testing.T) {
	w := newWorld(t)
	key := newKey(t)
	a, b := w.device(key), w.device(key)
	a.c.RequestBytes = 128 << 10
	a.fill("/user/", 300, 'a')
	digest := a.add("something")
	r := a.sync()
	if r.Trips < 4 || r.Sent < 300 || r.Ran != 1 || len(r.Conflicts)+len(r.Refused) > 0 {
		t.Errorf("%d trips, %d entries, %d run; %q, %v", r.Trips, r.Sent, r.Ran, r.Conflicts, r.Refused)
	}
	if a.state(digest).String() != "pending" || !a.root().Equals(r.Root) {
		t.Errorf("%v; root %v, the service's %v", a.state(digest), a.root(), r.Root)
	}
	b.sync()
	if !a.root().Equals(b.root()) {
		t.Error("another device has another root")
	}
	// Both change all of it, and one changes what goes with the last part.
	b.w.must(b.Put(w.ctx, []byte("/user/0299"), []byte("of b")))
	b.w.must(b.Put(w.ctx, []byte("/user/0001"), []byte("of b")))
	b.sync()
	a.fill("/user/", 300, 'c')
	r = a.sync()
	var keys []string
	for _, k := range r.Conflicts {
		keys = append(keys, string(k))
	}
	if slices.Sort(keys); !slices.Equal(keys, []string{"/user/0001", "/user/0299"}) {
		t.Errorf("conflicts %q", keys)
	}
	for _, k := range keys {
		if v, err := a.Get(w.ctx, []byte(k)); err != nil || string(v) != "of b" {
			t.Errorf("%s is %.10q, %v", k, v, err)
		}
	}
	b.sync()
	if !a.root().Equals(b.root()) || !a.root().Equals(r.Root) {
		t.Error("the roots differ")
	}
	if n := a.sync().Sent; n > 0 {
		t.Errorf("%d entries are sent again", n)
	}
}

// TestSyncWithSmallService: a service that takes less than the client would send is
// sent less; what it cannot take at all is a typed error that says so.
func TestSyncWithSmallService(t *testing.T) {
	w := newWorld(t, func(o *ServiceOptions) { o.Limits.RequestBytes = 200 << 10 })
	d := w.device(newKey(t))
	d.fill("/user/", 400, 'x')
	r := d.sync()
	if r.Trips < 3 || !d.root().Equals(r.Root) {
		t.Errorf("%d trips, root %v, the service's %v", r.Trips, d.root(), r.Root)
	}
	w.must(d.Put(w.ctx, []byte("/user/long"), bytes.Repeat([]byte("long"), 100<<10)))
	if _, err := d.Sync(w.ctx, d.c); !errors.Is(err, ErrTooLarge) {
		t.Errorf("an entry larger than a request: %v", err)
	}
	w.must(d.Delete(w.ctx, []byte("/user/long")))
	d.sync() // all is as it was
}

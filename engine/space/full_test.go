package space

import (
	"errors"
	"fmt"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// TestFullSpace: a space has room for so many bytes of entries; what is beyond is
// refused as a whole, however it comes, and deleting makes room.
func TestFullSpace(t *testing.T) {
	w := newWorld(t, func(o *ServiceOptions) { o.Limits.TreeBytes = 250_000 })
	key := newKey(t)
	a, b := w.device(key), w.device(key)
	a.fill("/user/a", 100, 'a')
	a.sync()
	b.fill("/user/b", 100, 'b') // nothing known in common
	b.sync()
	a.fill("/user/c", 100, 'c')
	if _, err := a.Sync(w.ctx, a.c); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("beyond: %v", err)
	}
	b.sync()
	if n := len(b.keys("/user/c")); n > 0 {
		t.Errorf("%d entries beyond", n)
	}
	var edits []prolly.Edit
	for _, prefix := range []string{"a", "c"} {
		for i := range 100 {
			edits = append(edits, prolly.Edit{Key: fmt.Appendf(nil, "/user/%s%04d", prefix, i), Delete: true})
		}
	}
	w.must(a.Branch().Apply(w.ctx, edits, engine.NoSync))
	a.sync()
	a.fill("/user/c", 100, 'c')
	a.sync()
	w.audit(a, "full and emptied")
}

// TestLongQueue: what stands in a queue and cannot be run costs a bounded amount
// of work each sync, and keeps nothing else from running.
func TestLongQueue(t *testing.T) {
	w := newWorld(t)
	d := w.device(newKey(t))
	var edits []prolly.Edit
	for i := range maxWaiting + 1000 {
		edits = append(edits, prolly.Edit{Key: fmt.Appendf(nil, "%s%05d", PrefixQueue, i), Value: prolly.Value{Bytes: []byte("no invocation")}})
	}
	w.must(d.Branch().Apply(w.ctx, edits, engine.NoSync))
	if r := d.sync(); len(r.Refused) != len(edits) {
		t.Errorf("%d of %d refused", len(r.Refused), len(edits))
	}
	if r := d.sync(); len(r.Refused) != maxWaiting {
		t.Errorf("%d looked at again", len(r.Refused))
	}
	w.must(d.Queue(w.ctx, d.lists()))
	if r := d.sync(); r.Ran != 1 {
		t.Errorf("%d run", r.Ran)
	}
}

package space

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/receipt"
)

// held lists the branches that the service holds for answers.
func (w *world) held() (names []string) {
	w.t.Helper()
	all, err := w.e.BranchNames(w.ctx)
	w.must(err)
	for _, n := range all {
		if strings.HasPrefix(n, lackPrefix) {
			names = append(names, n)
		}
	}
	return names
}

// between is a transport that does something after each answer to a sync.
type between struct {
	over  http.RoundTripper
	do    func(n int)
	n     int
	sizes []int64
}

func (b *between) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.over.RoundTrip(r)
	if err == nil && strings.HasPrefix(r.URL.Path, "/space/") {
		b.sizes = append(b.sizes, res.ContentLength)
		b.n++
		b.do(b.n)
	}
	return res, err
}

// through puts a transport before the device's own.
func (d *device) through(do func(n int)) *between {
	b := &between{over: d.c.HTTP.Transport, do: do}
	d.c.HTTP = &http.Client{Transport: b}
	return b
}

// TestAnswerInParts: what a client lacks comes in answers of bounded size, and out
// as if it had come in one: roots, linked blocks, what the client itself
// changed, and what others change and the service forgets meanwhile.
func TestAnswerInParts(t *testing.T) {
	for _, c := range []struct {
		name      string
		requests  int64 // bytes of the client's
		meanwhile bool
		collect   bool
	}{{name: "at rest"}, {name: "in parts both ways", requests: 64 << 10}, {name: "others write", meanwhile: true}, {name: "collected", collect: true}} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, func(o *ServiceOptions) { o.Limits.AnswerBytes = 100 << 10 })
			key := newKey(t)
			a, b := w.device(key), w.device(key)
			a.sync()
			b.sync()
			a.fill("/user/", 1000, 'a')
			digest := a.add("something")
			a.sync()
			b.fill("/user/a", 100, 'b') // others
			w.must(b.Put(w.ctx, []byte("/user/0999"), []byte("mine")))
			b.c.RequestBytes = c.requests
			parts := b.through(func(n int) {
				if c.meanwhile && n%3 == 1 {
					w.must(a.Put(w.ctx, fmt.Appendf(nil, "/user/0%03d", 100*n%1000), fmt.Append(nil, n)))
					a.sync()
				}
				if c.collect && n == 4 {
					for _, name := range w.held() { // as if long ago
						w.svc.lacks.Store(name, time.Time{})
					}
					w.svc.o.Upkeep.History = time.Nanosecond
					for range 2 {
						_, err := w.svc.Collect(w.ctx)
						w.must(err)
					}
				}
			})
			r := b.sync()
			if r.Trips < 10 || r.Received < 1000 || len(slices.CompactFunc(r.Conflicts, bytes.Equal)) != 1 {
				t.Errorf("%d trips, %d entries, conflicts %q", r.Trips, r.Received, r.Conflicts)
			}
			for i, n := range parts.sizes {
				if n > 120<<10 {
					t.Errorf("answer %d has %d bytes", i, n)
				}
			}
			if got := b.state(digest); got != receipt.Pending {
				t.Errorf("a blob that came with it is %v", got)
			}
			a.sync()
			if r := b.sync(); r.Trips != 1 || !a.root().Equals(b.root()) {
				t.Errorf("roots differ, or %d trips for nothing", r.Trips)
			}
			if names := w.held(); len(names) > 0 {
				t.Errorf("still held: %q", names)
			}
			w.audit(b, "in parts")
		})
	}
}

// TestAnswerResumes: what came before an answer that was lost is not sent again,
// also by a service that started anew; what nobody asks for is let go.
func TestAnswerResumes(t *testing.T) {
	w := newWorld(t, func(o *ServiceOptions) { o.Limits.AnswerBytes = 100 << 10 })
	key := newKey(t)
	a, b := w.device(key), w.device(key)
	a.fill("/user/", 1000, 'a')
	a.sync()
	lost := errors.New("lost")
	over := b.c.HTTP.Transport
	n := 0
	b.c.HTTP = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		if n++; n > 6 {
			return nil, lost
		}
		return over.RoundTrip(r)
	})}
	if _, err := b.Sync(w.ctx, b.c); !errors.Is(err, lost) {
		t.Fatal(err)
	}
	if len(w.held()) != 1 {
		t.Fatalf("held: %q", w.held())
	}
	o := w.svc.o
	var err error
	w.svc, err = NewService(w.ctx, o)
	w.must(err)
	w.server.Config.Handler = w.svc.Handler()
	b.c.HTTP = &http.Client{Transport: over}
	if r := b.sync(); r.Received > 500 || r.Sent > 0 || !a.root().Equals(b.root()) {
		t.Errorf("%d received, %d sent again", r.Received, r.Sent)
	}
	if len(w.held()) != 0 {
		t.Errorf("held: %q", w.held())
	}

	n = 5
	c := w.device(key)
	c.c.HTTP = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		if n++; n > 6 {
			return nil, lost
		}
		return over.RoundTrip(r)
	})}
	if _, err := c.Sync(w.ctx, c.c); !errors.Is(err, lost) || len(w.held()) != 1 {
		t.Fatal(err, w.held())
	}
	_, err = w.svc.Collect(w.ctx)
	w.must(err)
	if len(w.held()) != 1 {
		t.Error("let go at once")
	}
	w.clock.add(lackTime)
	_, err = w.svc.Collect(w.ctx)
	w.must(err)
	if len(w.held()) != 0 {
		t.Errorf("held: %q", w.held())
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestConflictsBounded: small changes to large values cannot make the service
// gather them all; a client with that many sends less at once.
func TestConflictsBounded(t *testing.T) {
	w := newWorld(t)
	key := newKey(t)
	a, b := w.device(key), w.device(key)
	a.sync()
	b.sync()
	const n = 12
	for i := range n {
		w.must(a.Put(w.ctx, fmt.Appendf(nil, "/user/%02d", i), bytes.Repeat([]byte{byte(i)}, 3<<20), engine.NoSync))
		w.must(b.Put(w.ctx, fmt.Appendf(nil, "/user/%02d", i), []byte("small"), engine.NoSync))
	}
	a.sync()
	r := b.sync()
	if len(r.Conflicts) != n || !a.root().Equals(b.root()) {
		t.Errorf("%d conflicts", len(r.Conflicts))
	}
}

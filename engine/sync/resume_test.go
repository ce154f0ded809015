package sync

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	gosync "sync"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// brittle breaks every answer after so many bytes, a few more each time.
type brittle struct {
	http.RoundTripper
	after, more int64
	broke       int
}

func (b *brittle) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &breaking{resp.Body, b, b.after}
	b.after += b.more
	return resp, nil
}

type breaking struct {
	io.ReadCloser
	b    *brittle
	left int64
}

func (b *breaking) Read(p []byte) (int, error) {
	if b.left <= 0 {
		b.b.broke++
		return 0, io.ErrUnexpectedEOF
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// rich fills a branch with values of all kinds in several commits.
func rich(t testing.TB, e *engine.Engine) *engine.Branch {
	p := &peer{t: t, rng: random(t), name: "p", e: e, own: map[string]string{}}
	p.b = must(e.Branch(ctx, "main"))(t)
	must(p.b.Load(ctx, figureEntries(4000, 0)))(t)
	must(p.b.Commit(ctx, engine.CommitOptions{}))(t)
	for range 5 {
		p.edit(true)
	}
	return p.b
}

// TestResume: Y4, clones and pulls go on where a connection broke, again and
// again, through the spool's file too, and end as if it had not.
func TestResume(t *testing.T) {
	defer func(n int64) { spoolMemory = n }(spoolMemory)
	spoolMemory = 100 << 10
	t.Setenv("TMPDIR", t.TempDir())
	hub := replica(t, "memory")
	main := rich(t, hub)
	s := serve(t, NewHandler(hub, HandlerOptions{}))
	c := client(t, s)
	c.Retries = 1000 // a large block does not get through at first
	b := &brittle{RoundTripper: c.HTTP.Transport, after: 50_000, more: 7000}
	c.HTTP.Transport = b
	e := replica(t, "pebble")
	r := must(c.Clone(ctx, e, CloneOptions{Branch: "main"}))(t)
	head := must(main.Head(ctx))(t)
	if b.broke < 5 || r.After.Commit != head.CID || r.Stats.CommitsIn != 6 {
		t.Errorf("after %d breaks: %+v", b.broke, r)
	}
	// What arrived before a break is not sent again, but for the frame that was
	// cut, and a large block that takes several attempts.
	t.Logf("%d breaks, %d bytes in %d round trips", b.broke, r.Stats.BytesIn, r.Stats.RoundTrips)
	ours := must(e.Lookup(ctx, "main"))(t)
	change(t, main, 4000, 2000, 9)
	change(t, main, 4000, 1000, 10)
	b.after, b.broke = 30_000, 0
	r = must(c.Pull(ctx, ours, PullOptions{}))(t)
	if head := must(main.Head(ctx))(t); b.broke < 3 || r.After.Commit != head.CID || r.Outcome != FastForward {
		t.Errorf("after %d breaks: %+v", b.broke, r)
	}
	do(t, e.Check(ctx, func(p engine.Problem) {
		if p.Kind != engine.ProblemBlob || !isDangling(e, p.CID) {
			t.Errorf("check: %v", p)
		}
	}))
	if left := must(filepath.Glob(filepath.Join(os.TempDir(), "prolly-sync-*")))(t); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	b.after, b.more, c.Retries = 10, 0, 5
	change(t, main, 4000, 10, 11)
	_, err := c.Pull(ctx, ours, PullOptions{})
	want(t, err, ErrTruncated)
}

// TestConcurrentPushes: many clients push into one branch at once; nothing is
// lost (Y2).
func TestConcurrentPushes(t *testing.T) {
	const clients, pushes = 6, 4
	hub := replica(t, "memory")
	must(hub.Branch(ctx, "main"))(t)
	s := serve(t, NewHandler(hub, HandlerOptions{Authorize: writable}))
	var wg gosync.WaitGroup
	failed := make(chan error, clients*pushes)
	for i := range clients {
		e, c := replica(t, "memory"), client(t, s)
		c.Retries = 20
		b := must(e.Branch(ctx, "main"))(t)
		wg.Go(func() {
			for j := range pushes {
				err := b.Put(ctx, fmt.Appendf(nil, "%d/%d", i, j), []byte("here"))
				if err == nil {
					_, err = b.Commit(ctx, engine.CommitOptions{})
				}
				if err == nil {
					_, err = c.Push(ctx, b, PushOptions{Resolve: prolly.Fail, Attempts: 500})
				}
				if err != nil {
					failed <- err
				}
			}
		})
	}
	wg.Wait()
	close(failed)
	for err := range failed {
		t.Error(err)
	}
	main := must(hub.Lookup(ctx, "main"))(t)
	for i := range clients {
		for j := range pushes {
			if ok := must(main.Has(ctx, fmt.Appendf(nil, "%d/%d", i, j)))(t); !ok {
				t.Errorf("%d/%d is lost", i, j)
			}
		}
	}
	do(t, hub.Check(ctx, func(p engine.Problem) { t.Error(p) }))
}

// collecting collects garbage on both sides whenever an answer begins or ends.
type collecting struct {
	http.RoundTripper
	t       testing.TB
	engines []*engine.Engine
	runs    int
}

func (c *collecting) collect() {
	for _, e := range c.engines {
		if _, err := e.GC(ctx, engine.GCOptions{}); err != nil {
			c.t.Error(err)
		}
	}
	c.runs++
}

func (c *collecting) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.RoundTripper.RoundTrip(r)
	if err == nil {
		c.collect()
		resp.Body = &collectAtEnd{resp.Body, c}
	}
	return resp, err
}

type collectAtEnd struct {
	io.ReadCloser
	c *collecting
}

func (b *collectAtEnd) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.c.collect()
	}
	return n, err
}

// TestCollectedMeanwhile: garbage is collected on both sides while an answer is
// under way, and between its end and its taking effect.
func TestCollectedMeanwhile(t *testing.T) {
	hub := replica(t, "memory")
	main := rich(t, hub)
	s := serve(t, NewHandler(hub, HandlerOptions{}))
	c := client(t, s)
	e := replica(t, "memory")
	gc := &collecting{RoundTripper: c.HTTP.Transport, t: t, engines: []*engine.Engine{hub, e}}
	c.HTTP.Transport = gc
	must(c.Clone(ctx, e, CloneOptions{Branch: "main"}))(t)
	ours := must(e.Lookup(ctx, "main"))(t)
	for i := range 5 {
		change(t, main, 4000, 100, 20+i)
		must(c.Pull(ctx, ours, PullOptions{}))(t)
	}
	if gc.runs < 12 {
		t.Errorf("garbage was collected %d times", gc.runs)
	}
	do(t, e.Check(ctx, func(p engine.Problem) {
		if p.Kind != engine.ProblemBlob || !isDangling(e, p.CID) {
			t.Errorf("check: %v", p)
		}
	}))
}

package sync

import (
	"fmt"
	"net/http"
	"testing"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

// pushed is a branch with three commits that a server has too.
func pushed(t *testing.T, o HandlerOptions) (hub *engine.Engine, b *engine.Branch, c *Client, heads []cid.Cid) {
	hub = replica(t, "memory")
	c = client(t, serve(t, NewHandler(hub, o)))
	b = must(replica(t, "memory").Branch(ctx, "main"))(t)
	for i := range 3 {
		heads = append(heads, commit(t, b, fmt.Sprint(i)))
	}
	must(c.Push(ctx, b, PushOptions{}))(t)
	return hub, b, c, heads
}

func commit(t *testing.T, b *engine.Branch, key string) cid.Cid {
	t.Helper()
	do(t, b.Put(ctx, []byte(key), []byte("here")))
	return must(b.Commit(ctx, engine.CommitOptions{Message: key}))(t).CID
}

func reset(t *testing.T, b *engine.Branch, to cid.Cid) {
	t.Helper()
	must(b.Reset(ctx, to.String(), engine.ResetOptions{Discard: true}))(t)
}

func forcedHead(t *testing.T, e *engine.Engine) cid.Cid {
	t.Helper()
	return must(must(e.Lookup(ctx, "main"))(t).Head(ctx))(t).CID
}

// TestForce: a branch is moved off its line when that is wanted and allowed, from
// where it was last seen, and not otherwise.
func TestForce(t *testing.T) {
	hub, b, c, heads := pushed(t, HandlerOptions{Authorize: writable, Force: true})
	reset(t, b, heads[1])
	ours := commit(t, b, "instead")
	_, err := c.Push(ctx, b, PushOptions{})
	want(t, err, ErrDiverged)
	r := must(c.Push(ctx, b, PushOptions{Force: true}))(t)
	if r.Outcome != Replaced || r.Stats.RoundTrips != 1 || r.Stats.CommitsOut != 1 || forcedHead(t, hub) != ours {
		t.Errorf("off its line: %+v, head %v, want %v", r, forcedHead(t, hub), ours)
	}
	reset(t, b, heads[0])
	_, err = c.Push(ctx, b, PushOptions{})
	want(t, err, ErrDiverged)
	if r = must(c.Push(ctx, b, PushOptions{Force: true}))(t); r.Outcome != Replaced || forcedHead(t, hub) != heads[0] {
		t.Errorf("back: %+v, head %v, want %v", r, forcedHead(t, hub), heads[0])
	}
	next := commit(t, b, "next")
	if r = must(c.Push(ctx, b, PushOptions{Force: true}))(t); r.Outcome != FastForward || forcedHead(t, hub) != next {
		t.Errorf("along its line: %+v", r)
	}
	if r = must(c.Push(ctx, b, PushOptions{Force: true}))(t); r.Outcome != UpToDate {
		t.Errorf("again: %+v", r)
	}

	// Others were faster: what nobody here has seen is not lost.
	e := replica(t, "memory")
	must(c.Clone(ctx, e, CloneOptions{Branch: "main"}))(t)
	other := must(e.Lookup(ctx, "main"))(t)
	theirs := commit(t, other, "theirs")
	must(c.Push(ctx, other, PushOptions{}))(t)
	reset(t, b, heads[0])
	_, err = c.Push(ctx, b, PushOptions{Force: true})
	want(t, err, ErrDiverged)
	stranger := must(replica(t, "memory").Branch(ctx, "main"))(t)
	commit(t, stranger, "strange")
	_, err = c.Push(ctx, stranger, PushOptions{Force: true})
	want(t, err, ErrDiverged)
	if forcedHead(t, hub) != theirs {
		t.Error("Y2 violated: a forced push takes what it has not seen")
	}
	_, err = c.Pull(ctx, b, PullOptions{Replace: true})
	do(t, err)
	reset(t, b, heads[0])
	must(c.Push(ctx, b, PushOptions{Force: true}))(t)
	_, err = c.Pull(ctx, other, PullOptions{}) // who was at what is gone is told
	want(t, err, ErrRollback)
	for _, e := range []*engine.Engine{hub, e} {
		do(t, e.Check(ctx, func(p engine.Problem) { t.Error(p) }))
	}
}

// TestForceRefused: without the option, and by who may write and not force,
// nothing moves.
func TestForceRefused(t *testing.T) {
	for name, o := range map[string]HandlerOptions{
		"by the server": {Authorize: writable},
		"by the authorization": {Force: true, Authorize: func(_ *http.Request, op Op) error {
			if op.Kind == OpForce {
				return ErrForbidden
			}
			return nil
		}},
		"read-only": {Force: true, Authorize: func(r *http.Request, op Op) error {
			if op.Kind == OpWrite && op.Branch == "main" && r.Header.Get("X-Late") != "" {
				return ErrForbidden
			}
			return nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			hub, b, c, heads := pushed(t, o)
			c.Authorize = func(r *http.Request) error { r.Header.Set("X-Late", "1"); return nil }
			reset(t, b, heads[0])
			_, err := c.Push(ctx, b, PushOptions{Force: true})
			want(t, err, ErrForbidden)
			if forcedHead(t, hub) != heads[2] {
				t.Error("the branch moved")
			}
		})
	}
}

package sync

import (
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

// TestSmoke is the way of a branch: pushed, cloned, edited on both sides.
func TestSmoke(t *testing.T) {
	a, b := replica(t, "memory"), replica(t, "memory")
	hub := replica(t, "memory")
	s := serve(t, NewHandler(hub, HandlerOptions{Authorize: writable}))
	c := client(t, s)
	main := must(a.Branch(ctx, "main"))(t)
	do(t, main.Put(ctx, []byte("one"), []byte("1")))
	must(main.Commit(ctx, engine.CommitOptions{Message: "first"}))(t)
	do(t, main.Put(ctx, []byte("two"), []byte("2")))
	head := must(main.Commit(ctx, engine.CommitOptions{Message: "second"}))(t)
	r := must(c.Push(ctx, main, PushOptions{}))(t)
	if r.Outcome != Created || r.Stats.RoundTrips != 1 {
		t.Fatalf("%+v", r)
	}
	r = must(c.Clone(ctx, b, CloneOptions{Branch: "main"}))(t)
	if r.After.Commit != head.CID {
		t.Fatalf("%+v", r)
	}
	other := must(b.Lookup(ctx, "main"))(t)
	do(t, other.Put(ctx, []byte("three"), []byte("3")))
	head = must(other.Commit(ctx, engine.CommitOptions{Message: "third"}))(t)
	r = must(c.Push(ctx, other, PushOptions{}))(t)
	if r.Outcome != FastForward || r.Stats.RoundTrips != 1 || r.Stats.EntriesOut != 1 {
		t.Fatalf("%+v", r)
	}
	r = must(c.Pull(ctx, main, PullOptions{}))(t)
	if r.Outcome != FastForward || r.After.Commit != head.CID || r.Stats.RoundTrips != 1 || r.Stats.EntriesIn != 1 {
		t.Fatalf("%+v", r)
	}
	r = must(c.Pull(ctx, main, PullOptions{}))(t)
	if r.Outcome != UpToDate {
		t.Fatalf("%+v", r)
	}
	for _, e := range []*engine.Engine{a, b, hub} {
		do(t, e.Check(ctx, func(p engine.Problem) { t.Error(p) }))
	}
}

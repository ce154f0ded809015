package sync

import (
	"errors"
	"fmt"
	gosync "sync"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// TestCollectedBeside collects garbage on all sides, again and again, while some
// push, others pull, and yet others read and write there: no call fails, nothing
// that was acknowledged is lost, and all stores are sound (Y2).
func TestCollectedBeside(t *testing.T) {
	const rounds = 6
	hub := replica(t, "pebble")
	main := rich(t, hub)
	s := serve(t, NewHandler(hub, HandlerOptions{Authorize: writable}))
	engines := []*engine.Engine{hub}
	var work gosync.WaitGroup
	over := make(chan struct{})
	failed := make(chan error, 1000)
	each := func(f func(round int) error) {
		work.Go(func() {
			for i := range rounds {
				if err := f(i); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	for i := range 2 { // who push, and have to merge what the others wrote
		e, c := replica(t, "pebble"), client(t, s)
		c.Retries = 20
		must(c.Clone(ctx, e, CloneOptions{Branch: "main"}))(t)
		b := must(e.Lookup(ctx, "main"))(t)
		engines = append(engines, e)
		each(func(round int) error {
			err := b.Put(ctx, fmt.Appendf(nil, "pushed/%d/%d", i, round), make([]byte, 2000+round))
			if err == nil {
				_, err = b.Commit(ctx, engine.CommitOptions{})
			}
			if err == nil {
				_, err = c.Push(ctx, b, PushOptions{Resolve: prolly.Theirs, Attempts: 500})
			}
			return wrap("push", err)
		})
	}
	e, c := replica(t, "memory"), client(t, s) // who pulls
	must(c.Clone(ctx, e, CloneOptions{Branch: "main"}))(t)
	ours := must(e.Lookup(ctx, "main"))(t)
	engines = append(engines, e)
	each(func(int) error {
		_, err := c.Pull(ctx, ours, PullOptions{})
		return wrap("pull", err)
	})
	scratch := must(hub.Branch(ctx, "scratch"))(t) // who writes, and makes garbage
	each(func(round int) error {
		for i := range 30 {
			if err := scratch.Put(ctx, fmt.Appendf(nil, "k%d", i), fmt.Appendf(nil, "%0800d", round), engine.NoSync); err != nil {
				return wrap("put", err)
			}
		}
		_, err := scratch.Fold(ctx)
		return wrap("fold", err)
	})
	each(func(int) error { // who reads
		for _, err := range main.Range(ctx, prolly.Range{}) {
			if err != nil {
				return wrap("read", err)
			}
		}
		return nil
	})
	var collectors gosync.WaitGroup
	for _, e := range engines {
		collectors.Go(func() {
			for {
				if _, err := e.GC(ctx, engine.GCOptions{}); err != nil {
					failed <- wrap("collection", err)
					return
				}
				select {
				case <-over:
					return
				default:
				}
			}
		})
	}
	work.Wait()
	close(over)
	collectors.Wait()
	close(failed)
	for err := range failed {
		t.Error(err)
	}
	for i := range 2 {
		for round := range rounds {
			if ok := must(main.Has(ctx, fmt.Appendf(nil, "pushed/%d/%d", i, round)))(t); !ok {
				t.Errorf("what %d pushed in round %d is lost", i, round)
			}
		}
	}
	for _, e := range engines {
		do(t, e.Check(ctx, func(p engine.Problem) {
			if p.Kind != engine.ProblemBlob || !isDangling(e, p.CID) {
				t.Errorf("Y1 violated: %v", p)
			}
		}))
	}
}

func wrap(what string, err error) error {
	if err != nil {
		err = errors.Join(errors.New(what), err)
	}
	return err
}

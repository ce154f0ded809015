package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/bench/resident"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/kv/pebblekv"
)

// result is what a run came to. What was not asked for is nil.
type result struct {
	options
	made   time.Duration // the history
	before uint64        // bytes on disk with it
	calm   beside
	check  *checked
	gc     *collected
	rooms  uint64 // of roomBytes each
}

type checked struct {
	beside
	stats    engine.CheckStats
	problems []engine.Problem // some of them
}

type collected struct {
	beside
	stats  engine.GCStats
	events []pebblekv.Event
	after  uint64         // bytes on disk, closed
	left   engine.GCStats // what another collection would do
	again  checked
}

func (o *options) run(ctx context.Context) (r *result, err error) {
	base, err := os.MkdirTemp(o.dir, "upkeep-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(base)) }()
	dir := filepath.Join(base, "store")
	r = &result{options: *o}
	began := time.Now()
	if err := opened(ctx, dir, func(s *store) error { return o.history(ctx, s) }); err != nil {
		return nil, err
	}
	r.made = time.Since(began)
	if r.before, err = diskBytes(dir); err != nil {
		return nil, err
	}
	if err := opened(ctx, dir, func(s *store) error { return r.upkeep(ctx, s) }); err != nil {
		return nil, err
	}
	if r.gc == nil {
		return r, nil
	}
	if r.gc.after, err = diskBytes(dir); err != nil {
		return nil, err
	}
	return r, opened(ctx, dir, func(s *store) error { return r.gc.afterwards(ctx, s) })
}

// upkeep does what is to be measured beside readers and writers.
func (r *result) upkeep(ctx context.Context, s *store) (err error) {
	if err := r.warm(ctx, s); err != nil {
		return err
	}
	r.prepare()
	r.tell("calm")
	if err := r.during(ctx, s, &r.calm, r.scans(s)); err != nil {
		return err
	}
	if c := r.check; c != nil {
		r.tell("check")
		if err := r.during(ctx, s, &c.beside, func(ctx context.Context) error { return c.run(ctx, s) }); err != nil {
			return err
		}
	}
	c := r.gc
	if c == nil {
		return nil
	}
	r.tell("collection")
	if _, err := s.e.Retain(ctx, engine.Retention{Last: r.keep}); err != nil {
		return err
	}
	err = r.during(ctx, s, &c.beside, func(ctx context.Context) (err error) {
		c.stats, err = s.e.GC(ctx, engine.GCOptions{})
		return err
	})
	c.events = s.events.All()
	return err
}

// prepare makes room for what is to be noted. Where the process is judged it sets
// what that may have, unless GOMEMLIMIT does.
func (r *result) prepare() {
	r.calm, r.rooms = newBeside(), 1
	if r.options.check {
		r.check, r.rooms = &checked{beside: newBeside()}, r.rooms+1
	}
	if r.options.gc {
		r.gc, r.rooms = &collected{beside: newBeside()}, r.rooms+1
	}
	if os.Getenv("GOMEMLIMIT") == "" && !resident.LinksC() {
		debug.SetMemoryLimit(int64(cacheBytes + pebbleBytes + mayHold<<20 + r.rooms*roomBytes))
	}
}

// afterwards looks at what the collection left.
func (c *collected) afterwards(ctx context.Context, s *store) (err error) {
	if c.left, err = s.e.GC(ctx, engine.GCOptions{DryRun: true}); err != nil {
		return err
	}
	return c.again.run(ctx, s)
}

// someProblems is how many are kept to be told.
const someProblems = 10

func (c *checked) run(ctx context.Context, s *store) (err error) {
	c.stats, err = s.e.CheckWith(ctx, engine.CheckOptions{Report: func(p engine.Problem) {
		if len(c.problems) < someProblems {
			c.problems = append(c.problems, p)
		}
	}})
	return err
}

package main

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/go-ds-prolly/go-ds-prolly/bench/dataset"
	"github.com/go-ds-prolly/go-ds-prolly/bench/stall"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/kv/pebblekv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// cacheBytes is the engine's cache of nodes.
const cacheBytes = 256 << 20

// store is what is written to.
type store struct {
	kv     *pebblekv.Store
	e      *engine.Engine
	b      *engine.Branch
	events stall.Events
}

// through hides from the engine that nodes can be put behind.
type through struct{ kv.Store }

func (o *options) open(ctx context.Context, dir string) (s *store, err error) {
	s = new(store)
	if s.kv, err = pebblekv.Open(dir, &pebblekv.Options{OnEvent: s.events.Add}); err != nil {
		return nil, err
	}
	var under kv.Store = s.kv
	if o.log {
		under = through{s.kv}
	}
	if s.e, err = engine.New(under, &engine.Options{CacheBytes: cacheBytes}); err != nil {
		return nil, errors.Join(err, s.kv.Close())
	}
	if s.b, err = s.e.Branch(ctx, "main"); err != nil {
		return nil, errors.Join(err, s.e.Close())
	}
	return s, nil
}

// run loads, writes and measures.
func (o *options) run(ctx context.Context) (r *result, err error) {
	dir, err := os.MkdirTemp(o.dir, "longwrite-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := o.open(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.e.Close()) }()
	data := dataset.Set{Seed: o.seed}
	if _, err := s.b.Load(ctx, entries(data, o.entries)); err != nil {
		return nil, err
	}
	if err := s.rest(ctx); err != nil {
		return nil, err
	}
	r = &result{options: *o, before: s.kv.Metrics(), nodes: s.e.Stats().NodeWriteBytes}
	begin := time.Now()
	if r.writes, err = o.write(ctx, s, data); err != nil {
		return nil, err
	}
	r.took = time.Since(begin)
	if err := s.rest(ctx); err != nil {
		return nil, err
	}
	r.editBytes = uint64(len(r.writes)*o.edits) * (dataset.KeyLen + dataset.ValueLen)
	r.after, r.nodes = s.kv.Metrics(), s.e.Stats().NodeWriteBytes-r.nodes
	r.events = s.events.All()
	return r, nil
}

func entries(data dataset.Set, n int) func(func(prolly.Entry, error) bool) {
	return func(yield func(prolly.Entry, error) bool) {
		for e := range data.Ordered(n) {
			if !yield(prolly.Entry{Key: e.Key, Value: prolly.Value{Bytes: e.Value}}, nil) {
				return
			}
		}
	}
}

// write has the writers write until there are enough bytes of nodes.
func (o *options) write(ctx context.Context, s *store, data dataset.Set) (writes stall.Writes, err error) {
	enough := s.e.Stats().NodeWriteBytes + o.nodeBytes
	var round atomic.Int64
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	for range o.writers {
		g.Go(func() error {
			var own stall.Writes
			for s.e.Stats().NodeWriteBytes < enough && ctx.Err() == nil {
				w, err := o.once(ctx, s, data, int(round.Add(1)))
				if err != nil {
					return err
				}
				own = append(own, w)
			}
			mu.Lock()
			writes = append(writes, own...)
			mu.Unlock()
			return ctx.Err()
		})
	}
	return writes, g.Wait()
}

// once writes a batch of updates, and makes a root.
func (o *options) once(ctx context.Context, s *store, data dataset.Set, round int) (stall.Write, error) {
	edits := make([]prolly.Edit, 0, o.edits)
	for _, e := range data.Updates(data.Pick(o.edits, o.entries, round), round) {
		edits = append(edits, prolly.Edit{Key: e.Key, Value: prolly.Value{Bytes: e.Value}})
	}
	begin := time.Now()
	err := s.b.Apply(ctx, edits, engine.NoSync)
	if err == nil {
		_, err = s.b.Fold(ctx)
	}
	if err == nil && o.sync {
		err = s.b.Sync(ctx)
	}
	return stall.Write{Begin: begin, Took: time.Since(begin)}, err
}

// rest waits until everything is durable and Pebble has written nothing for a
// while, so that what it does later for what was written is counted.
func (s *store) rest(ctx context.Context) error {
	if err := s.e.Sync(ctx); err != nil {
		return err
	}
	const every, calm, rounds = 200 * time.Millisecond, 10, 600
	last, equal := uint64(0), 0
	for range rounds {
		if n := written(s.kv.Metrics()); n != last {
			last, equal = n, 0
		} else if equal++; equal == calm {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(every):
		}
	}
	return nil
}

// written is all that went to files.
func written(m pebblekv.Metrics) uint64 { return m.LogBytes + m.TableBytes + m.IngestedBytes }

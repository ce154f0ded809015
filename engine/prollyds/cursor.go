package prollyds

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/ipfs/go-datastore/query"
)

// cursor hands out the results of a scan one by one. The scan runs a batch
// ahead, in the goroutine of whoever asks; in between it stands still.
//
// next belongs to one goroutine at a time; end and close may be called by any.
type cursor struct {
	ctx   context.Context
	batch []query.Result // the scan's; valid until it is asked for the next one
	at    int
	ended atomic.Bool
	of    *cursors

	mu      sync.Locker // held while the scan runs. It guards what follows.
	last    error       // to be told after the end
	pull    func() ([]query.Result, bool)
	stop    func()
	release func() // gives back what the scan reads from
	unwatch func() bool
}

// open begins a cursor over s. The scan runs under mu. release is called when
// the cursor ends, also when open fails.
func (c *cursors) open(ctx context.Context, s *scan, mu sync.Locker, release func()) (*cursor, error) {
	r := &cursor{ctx: ctx, of: c, mu: mu, release: release}
	r.pull, r.stop = iter.Pull(batches(ctx, s))
	if err := c.add(r); err != nil {
		r.end(err)
		return nil, err
	}
	if ctx.Done() != nil { // whoever cancels may not care to close
		r.mu.Lock()
		r.unwatch = context.AfterFunc(ctx, func() { r.end(ctx.Err()) })
		r.mu.Unlock()
	}
	return r, nil
}

// next moves to the next result, batch[at-1]; false when there is none. An error
// is the last result.
func (r *cursor) next() bool {
	if r.at == len(r.batch) || r.ended.Load() || r.ctx.Err() != nil {
		return r.more()
	}
	r.at++
	if r.batch[r.at-1].Error != nil { // who got it may not care to close
		r.end(nil)
	}
	return true
}

// more runs the scan for another batch and moves to its first result.
func (r *cursor) more() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.ctx.Err(); err != nil {
		r.endLocked(err)
	}
	if !r.ended.Load() {
		if batch, ok := r.pull(); ok {
			r.batch, r.at = batch, 1
			if batch[0].Error != nil {
				r.endLocked(nil)
			}
			return true
		}
		r.endLocked(nil)
	}
	err := r.last
	r.last = nil
	if err == nil {
		return false
	}
	r.batch, r.at = []query.Result{{Error: failed("query", err)}}, 1
	return true
}

// end ends the cursor and gives back what it holds; only the first call does
// anything. Unless err is nil, next answers it, once.
func (r *cursor) end(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endLocked(err)
}

func (r *cursor) endLocked(err error) {
	if r.ended.Swap(true) {
		return
	}
	r.last = err
	r.stop()
	r.release()
	if r.unwatch != nil {
		r.unwatch()
	}
	r.of.remove(r)
}

// close is end for a reader, who wants to hear nothing more.
func (r *cursor) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endLocked(nil)
	r.last = nil
	return nil
}

// results is the cursor in the form that go-datastore wants. It is one of its own
// types because its ResultsReplaceQuery panics at others.
//
// A result is copied once here, from where it lies to where it is wanted: who
// copies it again right after waits for what was just written.
func (r *cursor) results(q query.Query) query.Results {
	next := func() (x query.Result, ok bool) {
		if !r.next() {
			return x, false
		}
		return r.batch[r.at-1], true
	}
	return query.ResultsFromIterator(q, query.Iterator{Next: next, Close: r.close})
}

// cursors are those that are open on something which can be closed.
type cursors struct {
	parent *cursors // of what that something is part of; nil: of nothing

	mu    sync.Mutex
	set   map[*cursor]struct{}
	ended error // what those that come too late get
}

// add enters r here and in the parents, or nowhere and answers why.
func (c *cursors) add(r *cursor) error {
	for at := c; at != nil; at = at.parent {
		if err := at.enter(r); err != nil {
			c.remove(r)
			return err
		}
	}
	return nil
}

func (c *cursors) enter(r *cursor) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended != nil {
		return c.ended
	}
	if c.set == nil {
		c.set = map[*cursor]struct{}{}
	}
	c.set[r] = struct{}{}
	return nil
}

func (c *cursors) remove(r *cursor) {
	for at := c; at != nil; at = at.parent {
		at.mu.Lock()
		delete(at.set, r)
		at.mu.Unlock()
	}
}

func (c *cursors) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.set)
}

// end ends all cursors, and lets no other be opened: their readers get err.
func (c *cursors) end(err error) {
	c.mu.Lock()
	c.ended = err
	open := make([]*cursor, 0, len(c.set))
	for r := range c.set {
		open = append(open, r)
	}
	c.mu.Unlock()
	for _, r := range open {
		r.end(err)
	}
}

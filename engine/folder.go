package engine

import (
	"context"
	"errors"
	"sync"
)

// folder folds branches in the background whose staging has passed its cap, one
// after the other, and lets branches go when there are many.
type folder struct {
	e      *Engine
	ctx    context.Context
	cancel context.CancelFunc
	ended  chan struct{}
	wake   chan struct{}

	mu    sync.Mutex
	queue []*Branch
}

func startFolder(e *Engine) *folder {
	f := &folder{e: e, ended: make(chan struct{}), wake: make(chan struct{}, 1)}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	go f.run()
	return f
}

// stop ends the folder and waits for it; a fold under way is given up. Writers
// who wait for room learn of it through closing.
func (f *folder) stop() {
	f.cancel()
	<-f.ended
}

// closing is closed when nobody folds any more.
func (f *folder) closing() <-chan struct{} { return f.ctx.Done() }

// add queues a branch.
func (f *folder) add(b *Branch) {
	f.mu.Lock()
	queued := b.queued
	if !queued {
		b.queued = true
		f.queue = append(f.queue, b)
	}
	f.mu.Unlock()
	if !queued {
		f.wakeUp()
	}
}

// wakeUp has the folder look for work.
func (f *folder) wakeUp() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *folder) next() *Branch {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.queue) == 0 {
		return nil
	}
	b := f.queue[0]
	f.queue = f.queue[1:]
	b.queued = false
	return b
}

func (f *folder) run() {
	defer close(f.ended)
	for {
		select {
		case <-f.ctx.Done():
			return
		case <-f.wake:
		}
		for b := f.next(); b != nil; b = f.next() {
			f.fold(b)
		}
		f.e.rest(f.ctx)
	}
}

// fold folds a branch, unless its fold gate is taken: whoever holds it queues
// the branch again.
func (f *folder) fold(b *Branch) {
	inside, err := f.e.enter(f.ctx)
	if err != nil {
		b.folding.done(err)
		return
	}
	defer inside.leave()
	if !b.fold.tryLock() {
		return
	}
	err = b.advanceLocked(f.ctx, func(*fold) error { return nil })
	b.fold.unlock()
	if err != nil && !errors.Is(err, ErrNoBranch) && f.ctx.Err() == nil {
		f.e.o.Logger.Error("background fold failed; it is tried again with the next write", "branch", b.name, "err", err)
	}
}

// kick has the branch folded when enough is staged.
func (b *Branch) kick() {
	if staged := b.staged.Load(); b.e.folder != nil && staged > b.e.o.StagingBytes && staged > b.foldFrom() {
		b.e.folder.add(b)
	}
}

// leafEdits is about how many staged edits weigh what a node does: in a tree of
// more than leafEdits times what may be staged, each of those in random order
// has a leaf to itself, and waiting for more saves no node.
const leafEdits = 16

// foldFrom is how much is staged when a fold in the background is worth it. In a
// small tree each fold of edits in random order writes every node again, so
// there should be few.
func (b *Branch) foldFrom() int64 {
	o, n := &b.e.o, uint64(0)
	for _, t := range b.state.Load().trees {
		n += t.Bytes()
	}
	if n > leafEdits*uint64(o.MaxStagingBytes) {
		return o.StagingBytes
	}
	return o.MaxStagingBytes - o.StagingBytes
}

// room waits until less than the most is staged. It is called outside the
// world, which a fold must be able to enter.
func (b *Branch) room(ctx context.Context) error {
	for b.e.folder != nil && b.staged.Load() >= b.e.o.MaxStagingBytes {
		wait := b.folding.next()
		if b.staged.Load() < b.e.o.MaxStagingBytes {
			return nil
		}
		b.e.folder.add(b)
		select {
		case <-wait.done:
			if wait.err != nil {
				return wait.err
			}
		case <-b.e.folder.closing():
			return ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// progress tells those who wait when a branch's next fold ends, and how.
type progress struct {
	mu  sync.Mutex
	now *outcome
}

// outcome of a fold; err is set before done is closed.
type outcome struct {
	done chan struct{}
	err  error
}

// next returns the outcome of the next fold to end.
func (p *progress) next() *outcome {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now == nil {
		p.now = &outcome{done: make(chan struct{})}
	}
	return p.now
}

// done tells everyone who asked.
func (p *progress) done(err error) {
	p.mu.Lock()
	o := p.now
	p.now = nil
	p.mu.Unlock()
	if o != nil {
		o.err = err
		close(o.done)
	}
}

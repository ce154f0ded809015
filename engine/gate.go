package engine

import (
	"context"
	"sync"

	"github.com/go-ds-prolly/go-ds-prolly/kv/turn"
)

// gate is a lock whose waiting can be given up, first come, first served.
type gate struct{ turn *turn.Turn }

func newGate() gate { return gate{turn.New()} }

func (g gate) lock(ctx context.Context) error {
	if g.turn.Try() || g.turn.Take(ctx.Done(), nil) {
		return nil
	}
	return ctx.Err()
}

func (g gate) tryLock() bool { return g.turn.Try() }
func (g gate) unlock()       { g.turn.Give() }

// world lets writers in side by side. It can be asked to wait for those that are
// inside, without keeping newcomers out; and Close, or the collector of a store
// that needs it, stops them all.
type world struct {
	mu      sync.Mutex
	epoch   uint64
	now     int           // inside, entered in this epoch
	before  int           // inside, entered in earlier ones
	stopped chan struct{} // closed when the world goes on; nil: nobody stops it
	left    chan struct{} // closed when one of the last leaves; nil: nobody waits
	ended   bool
}

// visit is a stay inside.
type visit struct {
	w     *world
	epoch uint64
}

// enter lets the caller write until the visit is left. Calls do not nest.
func (w *world) enter(ctx context.Context) (visit, error) {
	for {
		w.mu.Lock()
		if w.ended {
			w.mu.Unlock()
			return visit{}, ErrClosed
		}
		if w.stopped == nil {
			w.now++
			v := visit{w, w.epoch}
			w.mu.Unlock()
			return v, nil
		}
		wait := w.stopped
		w.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return visit{}, ctx.Err()
		}
	}
}

func (v visit) leave() {
	w := v.w
	w.mu.Lock()
	if v.epoch == w.epoch {
		w.now--
	} else {
		w.before--
	}
	if w.left != nil && w.before == 0 {
		close(w.left)
		w.left = nil
	}
	w.mu.Unlock()
}

// pass begins an epoch and waits until all who entered before it have left.
func (w *world) pass(ctx context.Context) error {
	w.mu.Lock()
	w.epoch++
	w.before, w.now = w.before+w.now, 0
	w.mu.Unlock()
	for {
		w.mu.Lock()
		if w.before == 0 {
			w.mu.Unlock()
			return nil
		}
		if w.left == nil {
			w.left = make(chan struct{})
		}
		left := w.left
		w.mu.Unlock()
		select {
		case <-left:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// stop keeps newcomers out and waits until everyone has left. resume lets them
// in again.
func (w *world) stop(ctx context.Context) error {
	for {
		w.mu.Lock()
		if w.ended {
			w.mu.Unlock()
			return ErrClosed
		}
		if w.stopped == nil {
			break
		}
		wait := w.stopped
		w.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	w.stopped = make(chan struct{})
	w.mu.Unlock()
	if err := w.pass(ctx); err != nil {
		w.resume()
		return err
	}
	return nil
}

func (w *world) resume() {
	w.mu.Lock()
	close(w.stopped)
	w.stopped = nil
	w.mu.Unlock()
}

// end stops the world for ever: those who wait to enter get ErrClosed.
func (w *world) end() {
	if err := w.stop(context.Background()); err != nil {
		return
	}
	w.mu.Lock()
	w.ended = true
	w.mu.Unlock()
	w.resume()
}

package engine

import (
	"context"
	"sync"
)

// gate is a lock whose waiting can be given up, first come, first served.
type gate chan struct{}

func newGate() gate { return make(gate, 1) }

func (g gate) lock(ctx context.Context) error {
	select {
	case g <- struct{}{}:
		return nil
	default:
	}
	select {
	case g <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g gate) tryLock() bool {
	select {
	case g <- struct{}{}:
		return true
	default:
		return false
	}
}

func (g gate) unlock() { <-g }

// world lets writers in side by side, and one at a time stop them all: the
// garbage collector for a while, Close for ever.
type world struct {
	mu      sync.Mutex
	inside  int
	stopped chan struct{} // closed when the world goes on; nil: nobody stops it
	idle    chan struct{} // closed when the last one leaves; nil: nobody waits
	ended   bool
}

// enter lets the caller write until leave. Calls do not nest.
func (w *world) enter(ctx context.Context) error {
	for {
		w.mu.Lock()
		if w.ended {
			w.mu.Unlock()
			return ErrClosed
		}
		if w.stopped == nil {
			w.inside++
			w.mu.Unlock()
			return nil
		}
		wait := w.stopped
		w.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (w *world) leave() {
	w.mu.Lock()
	w.inside--
	if w.inside == 0 && w.idle != nil {
		close(w.idle)
		w.idle = nil
	}
	w.mu.Unlock()
}

// stop keeps newcomers out and waits until everyone has left. resume lets them
// in again.
func (w *world) stop(ctx context.Context) error {
	var idle chan struct{}
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
	if w.inside > 0 {
		idle = make(chan struct{})
		w.idle = idle
	}
	w.mu.Unlock()
	if idle == nil {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		w.mu.Lock()
		w.idle = nil
		w.mu.Unlock()
		w.resume()
		return ctx.Err()
	}
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

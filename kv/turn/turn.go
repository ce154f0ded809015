package turn

import (
	"runtime"
	"sync/atomic"
)

// Turn is the lock. New makes one, which is free.
type Turn struct {
	n    atomic.Int32  // who has it or waits for it
	next chan struct{} // hands it to one who waits
}

// New returns a turn that nobody has.
func New() *Turn { return &Turn{next: make(chan struct{}, 1)} }

// Try takes the turn if it is free, and tells whether it was.
func (t *Turn) Try() bool { return t.n.CompareAndSwap(0, 1) }

// Take waits for the turn; false when one of the channels, which may be nil, was
// closed before.
func (t *Turn) Take(done, stuck <-chan struct{}) bool {
	if t.n.Add(1) == 1 {
		return true
	}
	select {
	case <-t.next:
		return true
	case <-done:
	case <-stuck:
	}
	t.leave()
	return false
}

// Give ends the turn of who has it.
func (t *Turn) Give() {
	if t.n.Add(-1) > 0 {
		t.next <- struct{}{} // there is room: whoever had the turn before has received it
	}
}

// leave stops waiting. Who is the only one left is about to get the turn, or
// has got it, and must give it on.
func (t *Turn) leave() {
	for {
		select {
		case <-t.next:
			t.Give()
			return
		default:
		}
		if n := t.n.Load(); n > 1 && t.n.CompareAndSwap(n, n-1) {
			return
		}
		runtime.Gosched()
	}
}

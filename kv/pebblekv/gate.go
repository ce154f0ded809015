package pebblekv

import "sync/atomic"

// gate counts the calls under way and lets nobody in once it is closed.
// Unlike a read lock it may be entered again from within, also while it is
// being closed: whoever then comes is turned away and does not wait.
type gate struct {
	state atomic.Int64 // calls under way, and closedBit
	idle  chan struct{}
}

const closedBit = 1 << 62

func newGate() *gate { return &gate{idle: make(chan struct{}, 1)} }

// enter tells whether the call may go on; if so it must leave.
func (g *gate) enter() bool {
	if g.state.Add(1)&closedBit == 0 {
		return true
	}
	g.leave()
	return false
}

func (g *gate) leave() {
	if g.state.Add(-1) == closedBit {
		select {
		case g.idle <- struct{}{}:
		default:
		}
	}
}

// closed tells whether close was called.
func (g *gate) closed() bool { return g.state.Load()&closedBit != 0 }

// close turns newcomers away and waits for the calls under way. It tells
// whether this was the first call.
func (g *gate) close() bool {
	for {
		n := g.state.Load()
		if n&closedBit != 0 {
			return false
		}
		if g.state.CompareAndSwap(n, n|closedBit) {
			break
		}
	}
	for g.state.Load() != closedBit {
		<-g.idle
	}
	return true
}

// Package gate stands in front of a store: it counts the calls under way and,
// once closed, lets nobody in.
//
// It is no lock: it keeps nobody from running beside another.
//
//	enter ─► call ─► leave        Close: no more enter; wait until all have left
//
// Invariants:
//
//	G1  After Close returned no call begins, and none is under way unless Close
//	    gave up.
//	G2  Entering never waits, so a call within a call is safe also while another
//	    goroutine closes; a read lock would deadlock there.
package gate

import "sync/atomic"

// Gate is the gate of one store. New makes one.
type Gate struct {
	state atomic.Int64 // calls under way, and closedBit
	idle  chan struct{}
}

const closedBit = 1 << 62

// New returns an open gate.
func New() *Gate { return &Gate{idle: make(chan struct{}, 1)} }

// Enter tells whether the call may go on; if so it must Leave.
func (g *Gate) Enter() bool {
	if g.state.Add(1)&closedBit == 0 {
		return true
	}
	g.Leave()
	return false
}

// Leave ends a call.
func (g *Gate) Leave() {
	if g.state.Add(-1) == closedBit {
		select {
		case g.idle <- struct{}{}:
		default:
		}
	}
}

// Closed tells whether Close was called.
func (g *Gate) Closed() bool { return g.state.Load()&closedBit != 0 }

// Close turns newcomers away and waits for the calls under way, or until
// giveUp, which may be nil, is closed. It tells whether this was the first call.
func (g *Gate) Close(giveUp <-chan struct{}) bool {
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
		select {
		case <-g.idle:
		case <-giveUp:
			return true
		}
	}
	return true
}

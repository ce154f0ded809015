package kvtest

import "sync/atomic"

// Ledger is what a workload tells the oracle: which steps it has begun, and
// which it knows to be durable. Steps are numbered from 1. One goroutine
// writes it.
type Ledger struct {
	begun, acked atomic.Int64
	onChange     func() // nil, or called after each change
}

// Begin notes that the next step begins, and returns its number. From now on
// the step may survive a crash.
func (l *Ledger) Begin() int {
	n := l.begun.Add(1)
	l.changed()
	return int(n)
}

// Ack notes that all steps begun so far are durable: from now on they must
// survive.
func (l *Ledger) Ack() {
	l.acked.Store(l.begun.Load())
	l.changed()
}

func (l *Ledger) changed() {
	if l.onChange != nil {
		l.onChange()
	}
}

// Begun is the number of the last step begun.
func (l *Ledger) Begun() int { return int(l.begun.Load()) }

// Acked is the number of the last step acknowledged.
func (l *Ledger) Acked() int { return int(l.acked.Load()) }

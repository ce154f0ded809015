package pebblekv

import (
	"cmp"
	"math"
	"slices"
)

// logState knows which records a log holds. Numbers that follow each other
// take no room of their own.
type logState struct {
	runs []run // ascending
}

// run is the numbers first to last, both included.
type run struct{ first, last uint64 }

// last is the highest number in the log, 0 when it is empty.
func (l *logState) last() uint64 {
	if l == nil || len(l.runs) == 0 {
		return 0
	}
	return l.runs[len(l.runs)-1].last
}

// first is the lowest number in the log, and above all numbers when it is
// empty.
func (l *logState) first() uint64 {
	if len(l.runs) == 0 {
		return math.MaxUint64
	}
	return l.runs[0].first
}

// has tells whether a number is in the log.
func (l *logState) has(seq uint64) bool {
	i, _ := slices.BinarySearchFunc(l.runs, seq, func(r run, seq uint64) int { return cmp.Compare(r.last, seq) })
	return i < len(l.runs) && l.runs[i].first <= seq
}

// append adds a number above all others.
func (l *logState) append(seq uint64) {
	if n := len(l.runs); n > 0 && l.runs[n-1].last+1 == seq {
		l.runs[n-1].last = seq
		return
	}
	l.runs = append(l.runs, run{seq, seq})
}

// trim removes the numbers up to and including seq, and calls removed with
// each of them.
func (l *logState) trim(seq uint64, removed func(uint64)) {
	gone := 0
	for i := range l.runs {
		r := &l.runs[i]
		if r.first > seq {
			break
		}
		end := min(r.last, seq)
		for n := r.first; ; n++ {
			removed(n)
			if n == end {
				break
			}
		}
		if end == r.last {
			gone++
			continue
		}
		r.first = end + 1
	}
	l.runs = append(l.runs[:0], l.runs[gone:]...)
}

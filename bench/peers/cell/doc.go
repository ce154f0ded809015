// Package cell measures one workload on one peer, in a process of its own.
//
// It does not choose what is run or how often, and does not compare: package
// main does the first, package report the second. A workload that its peer has
// no ability for answers ErrUnable and leaves an empty cell.
//
//	main ── Spec (JSON, argument) ──► process ── Result (JSON, stdout) ──► main
//
//	empty directory ── sorted ──► fixture ──┬── get scan query open      on it
//	empty directory ── batched, staged      └── put update diff          on a copy
//
// Invariants, which the tests cite:
//
//	M1  What is timed is the store's work alone: data is made before.
//	M2  Each workload digests what it got or left; equal work, equal digests.
//	M3  A workload leaves its fixture as it found it.
package cell

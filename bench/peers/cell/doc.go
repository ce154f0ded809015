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
//	                   collect cores ds…
//	empty directory ── grow ──► fixture of another size ── scale          on a copy
//
// What is timed is the store's work alone: data is made before.
//
// Invariants, which the tests cite:
//
//	M1  Each workload digests what it got or left; equal work, equal digests.
//	M2  A workload leaves in its fixture what it found there.
package cell

// Command upkeep shows what it costs to check and to collect a store with a
// long history: in memory, in time, and to those who read and write meanwhile;
// and what a collection gives back. It prints a table with each figure, what is
// to be reached, and whether it is.
//
//	go run ./bench/upkeep                       1 M entries, 1,000 commits of 1,000 edits, 10 kept
//	go run ./bench/upkeep -n 100000 -commits 100
//	go run ./bench/upkeep -commits 100 -check -gc=false
//
// It does not look for garbage that a collection must not take (the tests of the
// engine do), and compares with no other store (bench/peers does).
//
//	load -n, -commits of -edits ──► calm: readers and writers alone
//	                                  │  memory, times of writes
//	                     -check ──►  check beside the same
//	                        -gc ──►  all but -keep commits cut off and collected, beside the same
//	                                  │
//	            closed: bytes on disk ▼ opened again: what is still unreachable, and a check
//
// Built with C, so that Pebble's memory is not the Go heap's, it judges what of
// the heap was in use beside the cache of nodes, more than in the calm: what a
// check or a collection itself holds. Built without, it judges what the process
// held, its files aside, the runtime being told by its soft limit what it may
// have. What is noted of the writes is in neither.
//
// Invariants, which the tests cite:
//
//	U1  What was not measured is an error, not a row.
//	U2  The exit status is 1 when a row is not reached or a check finds a problem.
package main

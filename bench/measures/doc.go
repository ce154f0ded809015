// Command measures shows what is to be reached that does not depend on other
// stores: the shape of trees, reads by number, proofs, and memory while
// everything streams. It prints a table with each figure, what is to be reached,
// and whether it is.
//
//	go run ./bench/measures                                1 M entries, about a minute
//	go run ./bench/measures -wide 10000000 -o docs/second-table.md
//
// Memory is judged in a program built without C (CGO_ENABLED=0), as .ci/long
// does: with it, Pebble's blocks are the C library's, which keeps what is given
// back to it in as many heaps as threads like.
//
// It compares with no other store (bench/peers does) and measures no other
// times than those of single reads and proofs (bench does).
//
//	tree in memory, 1 M ──┬── leaves    an edit each, 100,000 times
//	                      ├── weights   and other keys, made against the hash too
//	                      └── proofs
//	store on Pebble, -wide ──┬── number  rank, n-th, count
//	                         └── stream  scan, diff, export; in a process of its own
//
// Invariants, which the tests cite:
//
//	Q1  A row that could not be measured is an error, not a row.
//	Q2  The exit status is 1 when a row is not reached.
package main

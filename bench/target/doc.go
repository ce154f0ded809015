// Package target sets figures beside what is to be reached, as a table for
// docs/. It measures nothing.
//
//	| what | figure | to reach | reached | note |
//
// Invariants, which the tests cite:
//
//	T1  A row says yes when, and only when, its figure is on the right side of
//	    what is to be reached; a row without a figure says no.
package target

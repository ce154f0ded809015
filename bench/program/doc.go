// Package program is what the commands below bench have in common: they end when
// they are interrupted, say what went wrong, and tell by their status what came
// out.
//
// Invariants, which the tests cite:
//
//	M1  The status is 0 when all is well, or help was asked for; 1 when something
//	    is not reached; 2 when it cannot be said.
package program

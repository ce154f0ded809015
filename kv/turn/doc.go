// Package turn is a lock whose waiting can be given up: first come, first
// served, and nothing but one atomic operation to take it and one to give it
// where nobody waits.
//
// It protects nobody who gives a turn that is not his.
//
//	n = 1 holder + waiters          Give, n > 0 afterwards: next ◄── the turn
//	0: free                         one of those who wait receives it
//
// Invariants, which the tests cite:
//
//	U1  One at a time has the turn.
//	U2  Newcomers do not overtake those who wait.
//	U3  Who stops waiting leaves nothing behind.
package turn

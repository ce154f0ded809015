// Package resident looks at the memory of its own process while something
// runs. It limits nothing.
//
//	Watch(f) ──► every 5 ms: anonymous memory of the process, heap in use
//	   └───────► the most of each
//
// Invariants, which the tests cite:
//
//	M1  What f holds when it returns is in what Watch returns, and so is what it
//	    held for longer than the time between two looks.
package resident

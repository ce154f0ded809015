// Package kvtest holds the suites that every store must pass: conformance to
// the interfaces of kv, random operations against the model, and sweeps over
// crashes, faults and flipped bits.
//
// It tests stores only through kv and knows none of them but memkv, the model.
// The sweeps run a workload again and again, each time with the file system
// failing at another operation, and ask an oracle whether what is found
// afterwards keeps the promises:
//
//	workload ─► store ─► file system that counts
//	                        1 2 3 … n ✗        crash, error or flip at n
//	oracle  ◄── store opened again on what is left
//
// A check that fails cites the invariant of kv that is broken (K1 to K9).
package kvtest

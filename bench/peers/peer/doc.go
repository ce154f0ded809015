// Package peer drives the stores that are compared: one file for each, behind
// one small interface, so that all of them do the same work on the same data.
//
// It measures nothing and knows no workload. What a store cannot do it lacks
// the method for, and has no figure in that row; nothing is emulated, except
// where a comment says so.
//
//	Peer ── Open ──► Store            every peer: Batch Get Scan Sync Close
//	                 ├ SortedLoader   a faster way in for sorted entries
//	                 ├ StreamLoader   the same for what is not in memory
//	                 ├ Stager         writes now, root later
//	                 ├ Historian      roots that stay readable
//	                 ├ Putter         one entry, no root
//	                 ├ Differ         what changed between two versions
//	                 ├ Querier        a go-datastore's Query
//	                 ├ Datastorer     is one
//	                 ├ Settler        finish flushes before files are measured
//	                 ├ Collector      drop what only history needs
//	                 └ NodeCounter    nodes written
//
// Nothing waits for the disk but Sync and Close, and LoadSorted if it must.
//
// Invariants, which the tests cite:
//
//	B1  Stores of one Format have equal roots for equal content.
//	B2  What a store yields is what was put, in key order.
package peer

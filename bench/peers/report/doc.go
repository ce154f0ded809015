// Package report makes tables of what was measured: ratios to raw Pebble first,
// then counts, absolute figures and memory, and in words what is lost.
//
// It measures nothing. It drops figures of results that differ from what the
// other peers got, and says so.
//
//	Run ── cells × repetitions ──► medians ──► Markdown
//	 │                               ▲
//	 └─ digests compared ── wrong ───┘ dropped
//
// Every ratio is of medians of one run; figures of another are marked.
//
// Invariants, which the tests cite:
//
//	T1  A cell whose digests differ from the first peer's has no figure.
//	T2  A ratio above 1 is better than raw Pebble, whatever the unit.
package report

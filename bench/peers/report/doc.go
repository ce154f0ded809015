// Package report makes tables and pictures of what was measured: ratios to raw
// Pebble first, then what was to be reached, in words what is lost, and counts,
// absolute figures and memory.
//
// It measures nothing. It drops figures of results that differ from what the
// other peers got, and says so.
//
//	Run ── cells × repetitions ──► medians ──► Markdown, SVG
//	 │                               ▲
//	 └─ digests compared ── wrong ───┘ dropped
//
// Every ratio is of medians. Runs that were merged are counted in the report.
//
// Invariants, which the tests cite:
//
//	T1  A cell whose digests differ from the first peer's has no figure.
//	T2  A ratio above 1 is better than raw Pebble, whatever the unit.
package report

// Package plot draws figures as SVG: dots in rows on one scale, panels of lines
// on two logarithmic scales, groups of bars.
//
// It knows no store and no row, measures nothing, and lays out nothing but
// these three kinds.
//
//	Dots    name │ ·  ·   ●      ·        one scale, a mark at 1
//	Panels  ┌──────┐┌──────┐              cost by size, one panel each
//	Bars    ▂ █  ▃ █                      figures in groups
//
// Invariants, which the tests cite:
//
//	V1  What is drawn is well-formed XML, whatever the names.
//	V2  Numbers that no logarithm has are left out.
package plot

// Package stall tells how long writers took, and what a store was doing in
// those writes that took long. It writes nothing itself.
//
//	pebblekv.Options.OnEvent ──► Events ──┐
//	writers: begin, took ──────► Writes ──┴─► quantiles, histogram, each long one with its causes
//
// Invariants, which the tests cite:
//
//	L1  A write's causes are what overlapped it, the longest first; without one
//	    it says so.
package stall

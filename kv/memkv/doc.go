// Package memkv is a store in memory: the model that other stores are compared
// with, and what tests and short-lived trees use.
//
// It does not try to be small or fast: one lock, plain maps, every block
// copied in and out. Nothing is durable, but a Disk outlives the stores that are
// opened on it, so that closing and opening again can be tested.
//
//	Disk ─ Open ─► Store ─ Close ─► Disk ─ Open ─► Store
//	  nodes: hash ──► block, children        at: hint ──► hash   (MovingHints)
//	  blobs: multihash ──► block
//	  refs:  name ──► value                  logs: name ──► records
//
// Invariants, beside those of kv:
//
//	M1  One Store is open on a Disk at a time.
//	M2  With MovingHints a hint leads to its node or nowhere, never to another.
package memkv

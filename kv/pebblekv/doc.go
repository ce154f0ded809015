// Package pebblekv keeps a store in a directory, in a Pebble database. It is
// the only package that imports Pebble.
//
// It knows no trees and hashes no blocks. It does not decide when something
// must be durable: a commit is only ever made durable by Sync or Close. It does
// not share a directory: one handle, in one process, holds it.
//
//	DIR/LOCK            held while the store is open
//	DIR/writing/        tables that are not finished; written over
//	DIR/creating/       a store that is not finished; begun again at the next open
//	DIR/data/HEAD       what was last made durable, outside Pebble (see head.go)
//	DIR/data/…          Pebble's own files
//
// Keys begin with a byte that names their space; integers are big-endian:
//
//	b multihash                   → block
//	h hash(32)                    → place        an id, short (see record.go)
//	l len(1) ref seq(8)           → batch(8) record
//	m state                       → format, sequence, generation, nodes, digest
//	n id                          → head block                  children's ids, then the node
//	r ref                         → value
//
//	id = generation(4) sequence(8)
//
// Nodes arrive in ascending order of their ids, so that they are written about
// twice in all (log, table) where random keys would be rewritten again and
// again by compactions. Nodes that are put behind gather in memory, and are
// written once, as a table that Pebble takes in as it is, with a small one of
// their index beside it. A hint is an id followed by four zero bytes.
//
// Invariants, beside those of kv:
//
//	P1  An id is given once: every open begins a generation above all stored ones.
//	P2  Every batch carries the state after it, or only log records, which carry
//	    its number: so the state found is that of the last batch found, and a
//	    batch that is missing before it is noticed.
//	P3  HEAD names a sequence only after the log is synced up to it. A store
//	    that is behind HEAD was rolled back.
//	P4  The digest in the state is that of the refs and of the numbers of the log
//	    records that stand beside it. Its count is that of the nodes, but for
//	    those of a run that was written right before a crash.
//	P5  Every h leads to an n; every n has the hash of some h.
//	P6  Nothing in DIR is written before the state was found to be sound, and
//	    nothing at all when the store is opened for reading.
//	P7  After a failed write or sync the store does nothing more.
//	P8  A node that was put behind is found, by its hash, from the commit of its
//	    batch on, be it in memory or in a table; it is in a table once Written
//	    says so.
//	P9  A collection removes a node only if its id is below all given since, it
//	    is not marked, and no node of its hash was put since; a blob only if it
//	    is not marked and was not put since. It looks again, for that, with
//	    removing and the turn held; who makes something stay that is here already
//	    says so with removing held for reading, and looks for it afterwards.
//	P10 A node and its entry in the index are removed in one batch.
//	P11 Log records that are committed may be held in memory, 16 KiB at most.
//	    Pebble gets them, in order, before any other batch and any sync, and
//	    before a log is read or the store is checked or closed.
package pebblekv

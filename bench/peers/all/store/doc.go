// Package store drives the peers that are heavy to build, behind the interfaces
// of package peer: Dolt's prolly tree in memory and on its own store, atproto's
// MST on Pebble, IAVL on Pebble.
//
// It measures nothing. What a library leaves to its user is done here in the
// simplest way that is fair: the MST keeps only links to values, so that values
// lie beside it as blocks in the same Pebble; IAVL gets the same Pebble through
// its own interface for stores.
//
//	peer.Store ── dolt ──► prolly.Map ── chunks in memory | NBS (journal, fsync at each root)
//	           ├─ mst ───► mst.Tree, all of it decoded in memory ── blocks ──► Pebble
//	           └─ iavl ──► MutableTree, fast nodes ── db.DB ──► Pebble
//
// The invariants are those of package peer.
package store

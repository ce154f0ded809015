// Command all is command peers with the peers that take long to build and bring
// hundreds of modules: Dolt, atproto's MST, IAVL. It is a module of its own, so
// that the other peers do without those.
//
// It holds no workload and no table: those are in the module above. A C compiler
// is needed.
//
//	CGO_ENABLED=1 go run -tags pebblegozstd . -n 1000000 -reps 3
//
//	all ── store: Dolt, MST, IAVL ──► peers/peer's list ──► peers/run
//
// Its invariants are B1 and B2 of package peer, which the tests of package store
// hold these peers to.
package main

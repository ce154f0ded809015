package space

import "sync/atomic"

// counters are what a service tells of itself, since it was made.
type counters struct {
	ran, replayed, denied, located, dropped atomic.Uint64
	syncs, unchanged, failed                atomic.Uint64
	blobBytes                               atomic.Uint64
	spaces, collecting                      atomic.Int64

	collections, collectionsFailed, collectedNodes, collectedBytes, marked atomic.Uint64
}

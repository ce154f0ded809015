package prollyds

import (
	"context"
	"iter"
	"slices"

	"github.com/ipfs/go-datastore/query"
)

// Sizes of a batch of results: the first is small for those who want one
// only.
const (
	firstBatch = 16
	maxBatch   = 64
	batchBytes = 64 << 10 // of values: the one that passes it ends the batch
)

// batches runs a scan and yields what it finds in runs, none of them empty. An
// error of the scan stands at the end of the last. A run is the taker's until
// the next step.
func batches(ctx context.Context, s *scan) iter.Seq[[]query.Result] {
	return func(yield func([]query.Result) bool) {
		b := batcher{yield: yield, size: firstBatch}
		if err := s.run(ctx, &b); err != nil {
			b.found = append(b.found, query.Result{Error: failed("query", err)})
		}
		b.flush()
	}
}

// batcher is the sink that makes batches.
type batcher struct {
	yield func([]query.Result) bool
	found []query.Result
	bytes int // of values in found
	size  int // at which found is full
	over  bool
}

func (b *batcher) slot() *query.Entry {
	n := len(b.found)
	if n == cap(b.found) {
		b.found = slices.Grow(b.found, b.size-n)
	}
	return &b.found[:n+1][n].Entry
}

func (b *batcher) add() bool {
	n := len(b.found)
	b.found = b.found[:n+1]
	b.bytes += len(b.found[n].Value)
	if n+1 < b.size && b.bytes < batchBytes {
		return true
	}
	b.size = min(4*b.size, maxBatch)
	return b.flush()
}

// idle lets go what was found, lest it wait for what may be far away.
func (b *batcher) idle() bool { return b.flush() }

// flush is false when nobody wants more.
func (b *batcher) flush() bool {
	if !b.over && len(b.found) > 0 {
		b.over = !b.yield(b.found)
	}
	b.found, b.bytes = b.found[:0], 0
	return !b.over
}

package engine

import (
	"context"
	"errors"
	"iter"
	"time"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Open opens the store in dir, which is created when it is missing.
func Open(dir string, o *Options) (*Engine, error) { return nil, errors.ErrUnsupported }

// Problem is something that Check found wrong.
type Problem struct {
	Kind   string  // ref, staging, commit, node, shape, blob, store
	CID    cid.Cid // of the block at fault; cid.Undef when it is no block
	Branch string  // through which it was met; empty when through none
	Err    error
}

// Check verifies everything that is reachable from branches and tags, and the
// store's own records. It reports each problem and goes on; an error means that
// it could not.
func (e *Engine) Check(ctx context.Context, report func(Problem)) error { return errors.ErrUnsupported }

// GCOptions of one garbage collection.
type GCOptions struct {
	DryRun bool // count what would go and remove nothing
}

// GCStats is what a garbage collection did.
type GCStats struct {
	Marked   Counts // kept because something names it
	Swept    Counts // removed, or with DryRun to be removed
	Duration time.Duration
}

// Counts of blocks, and their bytes where known.
type Counts struct {
	Nodes, Blobs         uint64
	NodeBytes, BlobBytes uint64
}

// GC removes what no branch, tag, snapshot or iterator reaches. Writers wait
// meanwhile; readers do not.
func (e *Engine) GC(ctx context.Context, o GCOptions) (GCStats, error) {
	return GCStats{}, errors.ErrUnsupported
}

// Load puts many entries, in any order (ascending is fastest), later ones
// replacing earlier ones, in bounded memory. It bypasses staging: nothing is
// visible until it returns nil, and then everything is, durably. Edits staged
// before it lie below the entries, those staged meanwhile above. It leaves no
// commit. n is how many entries it took.
func (b *Branch) Load(ctx context.Context, entries iter.Seq2[prolly.Entry, error]) (n uint64, err error) {
	return 0, errors.ErrUnsupported
}

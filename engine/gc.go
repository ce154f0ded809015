package engine

import (
	"context"
	"errors"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

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

// Counts of blocks, and of their bytes. Blobs that are kept are counted, not
// measured.
type Counts struct {
	Nodes, Blobs         uint64
	NodeBytes, BlobBytes uint64
}

// GC removes what no branch, tag, snapshot, transaction or iterator reaches. All
// of the history of branches and tags is reached. Writers wait meanwhile;
// readers do not. It removes nothing when it meets a damaged record or a
// missing block. errors.ErrUnsupported when the store cannot give space back.
func (e *Engine) GC(ctx context.Context, o GCOptions) (GCStats, error) {
	if err := e.ready(ctx); err != nil {
		return GCStats{}, err
	}
	if e.o.ReadOnly && !o.DryRun {
		return GCStats{}, ErrReadOnly
	}
	began := time.Now()
	if err := e.world.stop(ctx); err != nil {
		return GCStats{}, err
	}
	defer e.world.resume()
	if err := e.hardenAll(ctx); err != nil {
		return GCStats{}, err
	}
	m := &marker{e: e, ctx: ctx, nodes: map[codec.Hash]bool{}, blobs: map[string]struct{}{}}
	if err := m.markAll(); err != nil {
		return GCStats{}, err
	}
	sweep := e.sweep
	if o.DryRun {
		sweep = e.weigh
	}
	swept, err := sweep(ctx, kv.Keep{Node: m.keepsNode, Blob: m.keepsBlob})
	if err != nil {
		return GCStats{}, err
	}
	m.bytes.Nodes, m.bytes.Blobs = uint64(len(m.nodes)), uint64(len(m.blobs))
	return GCStats{Marked: m.bytes, Swept: Counts(swept), Duration: time.Since(began)}, nil
}

func (e *Engine) sweep(ctx context.Context, keep kv.Keep) (kv.Swept, error) {
	s, ok := e.store.(kv.Sweeper)
	if !ok {
		return kv.Swept{}, errors.ErrUnsupported
	}
	// What no longer names a block must be durable before the block goes.
	if err := e.sync(ctx); err != nil {
		return kv.Swept{}, err
	}
	swept, err := s.Sweep(ctx, keep)
	for h := range e.nodes.cache.Keys() { // also after an error, which may come half way
		if !keep.KeepsNode(h) {
			e.nodes.cache.Invalidate(h)
		}
	}
	if err != nil {
		return swept, storeError("sweep", err)
	}
	e.young.age()
	return swept, nil
}

// weigh counts what a sweep would remove.
func (e *Engine) weigh(ctx context.Context, keep kv.Keep) (kv.Swept, error) {
	var w kv.Swept
	s, ok := e.store.(kv.Scanner)
	if !ok {
		return w, errors.ErrUnsupported
	}
	for n, err := range s.ScanNodes(ctx) {
		if err != nil {
			return w, storeError("scan nodes", err)
		}
		if !keep.KeepsNode(n.Hash) {
			w.Nodes, w.NodeBytes = w.Nodes+1, w.NodeBytes+uint64(len(n.Node.Block))
		}
	}
	for b, err := range s.ScanBlobs(ctx) {
		if err != nil {
			return w, storeError("scan blobs", err)
		}
		if !keep.KeepsBlob(b.Multihash) {
			w.Blobs, w.BlobBytes = w.Blobs+1, w.BlobBytes+uint64(len(b.Block))
		}
	}
	return w, nil
}

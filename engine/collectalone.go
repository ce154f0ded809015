package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// aloneCollection is a kv.Collection for a store that can only sweep while
// nobody writes. Its marks are in memory. The world is stopped until it is
// closed.
type aloneCollection struct {
	e *Engine
	s kv.Sweeper

	mu    sync.Mutex
	marks map[codec.Hash]kv.Mark
	blobs map[string]struct{}
	over  bool
}

// collectAlone stops the world for a collection. errors.ErrUnsupported when the
// store cannot sweep.
func (e *Engine) collectAlone(ctx context.Context) (kv.Collection, error) {
	s, ok := e.store.(kv.Sweeper)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	if err := e.world.stop(ctx); err != nil {
		return nil, err
	}
	return &aloneCollection{e: e, s: s, marks: map[codec.Hash]kv.Mark{}, blobs: map[string]struct{}{}}, nil
}

// Marked implements kv.Collection. A node that is not here is found out when it
// is read.
func (c *aloneCollection) Marked(_ context.Context, h codec.Hash) (kv.Mark, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.marks[h], nil
}

// Mark implements kv.Collection.
func (c *aloneCollection) Mark(_ context.Context, h codec.Hash, m kv.Mark) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.marks[h] = max(m, c.marks[h])
	return nil
}

// MarkBlob implements kv.Collection.
func (c *aloneCollection) MarkBlob(_ context.Context, multihash []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blobs[string(multihash)] = struct{}{}
	return nil
}

// Close implements kv.Collection. It lets the world go on.
func (c *aloneCollection) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		c.over = true
		c.e.world.resume()
	}
	return nil
}

// Sweep implements kv.Collection.
func (c *aloneCollection) Sweep(ctx context.Context, o kv.SweepOptions) (w kv.Collected, err error) {
	keep := kv.Keep{
		Node: func(h codec.Hash) bool { return c.marks[h] != kv.Unmarked },
		Blob: func(multihash []byte) bool {
			_, ok := c.blobs[string(multihash)]
			return ok || o.KeepBlob != nil && o.KeepBlob(multihash)
		},
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s, ok := c.e.store.(kv.Scanner); ok {
		err = weigh(ctx, s, keep, &w)
	} else if o.DryRun {
		err = errors.ErrUnsupported
	}
	if err == nil && !o.DryRun {
		w.Swept, err = c.s.Sweep(ctx, keep)
	}
	return w, err
}

// weigh counts what a sweep would remove, and keep.
func weigh(ctx context.Context, s kv.Scanner, keep kv.Keep, w *kv.Collected) error {
	for n, err := range s.ScanNodes(ctx) {
		if err != nil {
			return fmt.Errorf("scan nodes: %w", err)
		}
		if size := uint64(len(n.Node.Block)); keep.KeepsNode(n.Hash) {
			w.KeptNodes, w.KeptBytes = w.KeptNodes+1, w.KeptBytes+size
		} else {
			w.Nodes, w.NodeBytes = w.Nodes+1, w.NodeBytes+size
		}
	}
	for b, err := range s.ScanBlobs(ctx) {
		if err != nil {
			return fmt.Errorf("scan blobs: %w", err)
		}
		if keep.KeepsBlob(b.Multihash) {
			w.KeptBlobs++
		} else {
			w.Blobs, w.BlobBytes = w.Blobs+1, w.BlobBytes+uint64(len(b.Block))
		}
	}
	return nil
}

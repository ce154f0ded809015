package memkv

import (
	"context"
	"fmt"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// sweepAtOnce is how many blocks are looked at while others wait.
const sweepAtOnce = 16

// collection is a kv.Collection, in maps. The store's lock guards it.
type collection struct {
	s     *Store
	marks map[codec.Hash]kv.Mark
	nodes map[codec.Hash]bool // put since it began
	blobs map[string]bool     // marked, or put since
}

// Collect implements kv.Collector.
func (s *Store) Collect(ctx context.Context) (kv.Collection, error) {
	c := &collection{s: s, marks: map[codec.Hash]kv.Mark{}, nodes: map[codec.Hash]bool{}, blobs: map[string]bool{}}
	err := s.write(ctx, "collect", func() error {
		if s.collecting != nil {
			return kv.ErrBusy
		}
		s.collecting = c
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Marked implements kv.Collection.
func (c *collection) Marked(ctx context.Context, h codec.Hash) (m kv.Mark, err error) {
	err = c.s.read(ctx, "marked", func() error {
		if _, ok := c.s.nodes[h]; !ok {
			return fmt.Errorf("%w: node %v", kv.ErrNotFound, h)
		}
		if m = c.marks[h]; m == kv.Unmarked && c.nodes[h] {
			m = kv.Young
		}
		return nil
	})
	return m, err
}

// Mark implements kv.Collection.
func (c *collection) Mark(ctx context.Context, h codec.Hash, m kv.Mark) error {
	return c.s.write(ctx, "mark", func() error {
		if _, ok := c.s.nodes[h]; !ok {
			return fmt.Errorf("%w: node %v", kv.ErrNotFound, h)
		}
		c.marks[h] = max(m, c.marks[h])
		return nil
	})
}

// MarkBlob implements kv.Collection.
func (c *collection) MarkBlob(ctx context.Context, multihash []byte) error {
	return c.s.write(ctx, "mark blob", func() error {
		c.blobs[string(multihash)] = true
		return nil
	})
}

// Close implements kv.Collection.
func (c *collection) Close() error {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.s.collecting == c {
		c.s.collecting = nil
	}
	return nil
}

// Sweep implements kv.Collection.
func (c *collection) Sweep(ctx context.Context, o kv.SweepOptions) (w kv.Collected, err error) {
	var nodes []codec.Hash
	var blobs []string
	err = c.s.read(ctx, "sweep", func() error {
		for h := range c.s.nodes {
			nodes = append(nodes, h)
		}
		for key := range c.s.blobs {
			blobs = append(blobs, key)
		}
		return nil
	})
	for len(nodes) > 0 && err == nil {
		n := min(len(nodes), sweepAtOnce)
		err = c.s.write(ctx, "sweep", func() error {
			for _, h := range nodes[:n] {
				c.sweepNode(h, o, &w)
			}
			return nil
		})
		nodes = nodes[n:]
		if o.Progress != nil {
			o.Progress(w)
		}
	}
	for len(blobs) > 0 && err == nil {
		n := min(len(blobs), sweepAtOnce)
		err = c.s.write(ctx, "sweep", func() error {
			for _, key := range blobs[:n] {
				c.sweepBlob(key, o, &w)
			}
			return nil
		})
		blobs = blobs[n:]
		if o.Progress != nil {
			o.Progress(w)
		}
	}
	if err == nil && !o.DryRun {
		err = c.s.write(ctx, "sweep", func() error { c.s.moveHints(); return nil })
	}
	return w, err
}

func (c *collection) sweepNode(h codec.Hash, o kv.SweepOptions, w *kv.Collected) {
	n, ok := c.s.nodes[h]
	switch size := uint64(len(n.Block)); {
	case !ok:
	case c.nodes[h] || c.marks[h] != kv.Unmarked:
		w.KeptNodes, w.KeptBytes = w.KeptNodes+1, w.KeptBytes+size
	default:
		w.Nodes, w.NodeBytes = w.Nodes+1, w.NodeBytes+size
		if !o.DryRun {
			delete(c.s.at, n.at)
			delete(c.s.nodes, h)
		}
	}
}

func (c *collection) sweepBlob(key string, o kv.SweepOptions, w *kv.Collected) {
	block, ok := c.s.blobs[key]
	switch {
	case !ok:
	case c.blobs[key] || o.KeepBlob != nil && o.KeepBlob([]byte(key)):
		w.KeptBlobs++
	default:
		w.Blobs, w.BlobBytes = w.Blobs+1, w.BlobBytes+uint64(len(block))
		if !o.DryRun {
			delete(c.s.blobs, key)
		}
	}
}

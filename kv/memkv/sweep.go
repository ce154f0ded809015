package memkv

import (
	"context"
	"fmt"
	"iter"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// Sweep implements kv.Sweeper. The functions of keep must not use the store.
func (s *Store) Sweep(ctx context.Context, keep kv.Keep) (w kv.Swept, err error) {
	err = s.write(ctx, "sweep", func() error {
		for h, n := range s.nodes {
			if !keep.KeepsNode(h) {
				w.Nodes, w.NodeBytes = w.Nodes+1, w.NodeBytes+uint64(len(n.Block))
				delete(s.nodes, h)
			}
		}
		for key, block := range s.blobs {
			if !keep.KeepsBlob([]byte(key)) {
				w.Blobs, w.BlobBytes = w.Blobs+1, w.BlobBytes+uint64(len(block))
				delete(s.blobs, key)
			}
		}
		s.moveHints()
		return nil
	})
	return w, err
}

// ScanNodes implements kv.Scanner.
func (s *Store) ScanNodes(ctx context.Context) iter.Seq2[kv.StoredNode, error] {
	return yieldAll(s, ctx, "scan nodes", func() (all []kv.StoredNode) {
		for h, n := range s.nodes {
			all = append(all, kv.StoredNode{Hash: h, At: n.at, Node: cloneNode(n.Node)})
		}
		return all
	})
}

// ScanBlobs implements kv.Scanner.
func (s *Store) ScanBlobs(ctx context.Context) iter.Seq2[kv.StoredBlob, error] {
	return yieldAll(s, ctx, "scan blobs", func() (all []kv.StoredBlob) {
		for key, block := range s.blobs {
			all = append(all, kv.StoredBlob{Multihash: []byte(key), Block: cloneBytes(block)})
		}
		return all
	})
}

// DiskUsage implements kv.Sizer: the bytes of all blocks, values and records.
func (s *Store) DiskUsage(ctx context.Context) (n uint64, err error) {
	err = s.read(ctx, "disk usage", func() error {
		for _, stored := range s.nodes {
			n += uint64(len(stored.Block) + len(stored.Children)*len(stored.at) + len(codec.Hash{}))
		}
		for key, block := range s.blobs {
			n += uint64(len(key) + len(block))
		}
		for name, value := range s.refs {
			n += uint64(len(name) + len(value))
		}
		for name, log := range s.logs {
			for _, r := range log {
				n += uint64(len(name) + 8 + len(r.Data))
			}
		}
		return nil
	})
	return n, err
}

// CheckStore implements kv.Checker: every node is what its hash says.
func (s *Store) CheckStore(ctx context.Context, report func(error)) error {
	for n, err := range s.ScanNodes(ctx) {
		if err != nil {
			return err
		}
		if codec.Sum(n.Node.Block) != n.Hash {
			report(fmt.Errorf("memkv: %w: node %v holds another block", kv.ErrCorrupt, n.Hash))
		}
	}
	return nil
}

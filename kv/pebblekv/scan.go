package pebblekv

import (
	"context"
	"iter"

	"github.com/cockroachdb/pebble/v2"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// ScanNodes implements kv.Scanner. It goes through the nodes in the order in
// which they lie, hashes each, and leaves out those that the index does not
// lead to: older copies, and damaged ones, which CheckStore reports.
func (s *Store) ScanNodes(ctx context.Context) iter.Seq2[kv.StoredNode, error] {
	return func(yield func(kv.StoredNode, error) bool) {
		if !s.readOnly {
			if err := s.WriteNodes(ctx); err != nil {
				yield(kv.StoredNode{}, err)
				return
			}
		}
		s.scanNodes(ctx)(yield)
	}
}

// scanNodes scans what is written.
func (s *Store) scanNodes(ctx context.Context) iter.Seq2[kv.StoredNode, error] {
	return iterate(ctx, s, "scan nodes", []byte{nodeSpace}, []byte{nodeSpace + 1},
		func(key, value []byte) (n kv.StoredNode, ok bool, err error) {
			at, err := parseNodeKey(key)
			if err != nil {
				return n, false, err
			}
			block, err := blockOf(value)
			if err != nil {
				return n, false, err
			}
			h := codec.Sum(block)
			var found id
			err = s.guard(func() error { found, err = s.find(h); return err })
			if err == pebble.ErrNotFound {
				return n, false, nil
			}
			if err != nil || found != at {
				return n, false, err
			}
			node, err := parseNode(value)
			return kv.StoredNode{Hash: h, At: at.hint(), Node: node}, true, err
		})
}

// ScanBlobs implements kv.Scanner.
func (s *Store) ScanBlobs(ctx context.Context) iter.Seq2[kv.StoredBlob, error] {
	return iterate(ctx, s, "scan blobs", []byte{blobSpace}, []byte{blobSpace + 1},
		func(key, value []byte) (kv.StoredBlob, bool, error) {
			return kv.StoredBlob{Multihash: key[1:], Block: value}, true, nil
		})
}

package dskv

import (
	"context"
	"fmt"
	"iter"

	cid "github.com/ipfs/go-cid"
	ds "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
	mh "github.com/multiformats/go-multihash/core"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// Sweep implements kv.Sweeper. It holds the keys that go in memory, and has the
// datastore collect its garbage when it can.
func (s *Store) Sweep(ctx context.Context, keep kv.Keep) (w kv.Swept, err error) {
	err = s.call(ctx, "sweep", func() error {
		err := s.sweepSpace(ctx, nodeSpace, &w.Nodes, &w.NodeBytes, func(name []byte) bool {
			return len(name) == codec.HashSize && keep.KeepsNode(codec.Hash(name))
		})
		if err == nil {
			err = s.sweepSpace(ctx, blobSpace, &w.Blobs, &w.BlobBytes, keep.KeepsBlob)
		}
		if err == nil {
			err = s.sync(ctx)
		}
		if gc, ok := s.d.(ds.GCDatastore); ok && err == nil {
			err = gc.CollectGarbage(ctx)
		}
		return err
	})
	return w, err
}

func (s *Store) sweepSpace(ctx context.Context, space string, n, bytes *uint64, keeps func(name []byte) bool) error {
	return s.deleteIf(ctx, space, func(key string) (bool, error) {
		name, err := nameIn(space, key)
		if err != nil || keeps(name) {
			return false, err
		}
		size, err := s.d.GetSize(ctx, ds.RawKey(key))
		*n, *bytes = *n+1, *bytes+uint64(size)
		return true, err
	})
}

// ScanNodes implements kv.Scanner.
func (s *Store) ScanNodes(ctx context.Context) iter.Seq2[kv.StoredNode, error] {
	return scan(ctx, s, "scan nodes", nodeSpace, func(name, block []byte) (n kv.StoredNode, err error) {
		if len(name) != codec.HashSize {
			return n, fmt.Errorf("%w: node with a name of %d bytes", kv.ErrCorrupt, len(name))
		}
		return kv.StoredNode{Hash: codec.Hash(name), Node: kv.Node{Block: block}}, nil
	})
}

// ScanBlobs implements kv.Scanner.
func (s *Store) ScanBlobs(ctx context.Context) iter.Seq2[kv.StoredBlob, error] {
	return scan(ctx, s, "scan blobs", blobSpace, func(name, block []byte) (kv.StoredBlob, error) {
		return kv.StoredBlob{Multihash: name, Block: block}, nil
	})
}

// scan yields what take makes of each name and block in a space.
func scan[T any](ctx context.Context, s *Store, op, space string,
	take func(name, block []byte) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		if err := s.begin(ctx, op); err != nil {
			yield(none, err)
			return
		}
		defer s.gate.Leave()
		err := func() error {
			for e, err := range ds.QueryIter(ctx, s.d, query.Query{Prefix: space}) {
				if err == nil && s.gate.Closed() {
					err = kv.ErrClosed
				}
				if err != nil {
					return err
				}
				name, err := nameIn(space, e.Key)
				if err != nil {
					return err
				}
				item, err := take(name, append([]byte{}, e.Value...))
				if err != nil {
					return err
				}
				if !yield(item, nil) {
					return nil
				}
			}
			return ctx.Err()
		}()
		if err != nil {
			yield(none, fmt.Errorf("dskv: %s: %w", op, err))
		}
	}
}

// DiskUsage implements kv.Sizer: what the datastore says, or, when it does not
// know, the length of all keys and values.
func (s *Store) DiskUsage(ctx context.Context) (n uint64, err error) {
	err = s.call(ctx, "disk usage", func() error {
		if n, err = ds.DiskUsage(ctx, s.d); err != nil || n > 0 {
			return err
		}
		return s.each(ctx, query.Query{}, func(e query.Entry) error {
			n += uint64(len(e.Key) + len(e.Value))
			return nil
		})
	})
	return n, err
}

// CheckStore implements kv.Checker. It hashes every node and every blob named
// by SHA-256, and verifies the checksums of heads and log records.
func (s *Store) CheckStore(ctx context.Context, report func(error)) error {
	return s.call(ctx, "check", func() error {
		for _, c := range []struct {
			space string
			check func(query.Entry) error
		}{
			{nodeSpace, checkNode}, {blobSpace, checkBlob}, {refSpace, checkRef}, {logSpace, checkRecord},
		} {
			err := s.each(ctx, query.Query{Prefix: c.space}, func(e query.Entry) error {
				if err := c.check(e); err != nil {
					report(fmt.Errorf("dskv: check %s: %w", e.Key, err))
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func checkNode(e query.Entry) error {
	name, err := nameIn(nodeSpace, e.Key)
	if h := codec.Sum(e.Value); err == nil && string(name) != string(h[:]) {
		err = fmt.Errorf("%w: node is another", kv.ErrCorrupt)
	}
	return err
}

func checkBlob(e query.Entry) error {
	name, err := nameIn(blobSpace, e.Key)
	if err != nil {
		return err
	}
	p, err := cid.PrefixFromBytes(append([]byte{1, cid.Raw}, name...))
	if err != nil {
		return fmt.Errorf("%w: %w", kv.ErrCorrupt, err)
	}
	if p.MhType != mh.SHA2_256 || p.MhLength != codec.HashSize {
		return nil // named by a hash that only its reader knows
	}
	if sum := codec.Sum(e.Value); string(sum[:]) != string(name[len(name)-len(sum):]) {
		return fmt.Errorf("%w: blob is another", kv.ErrCorrupt)
	}
	return nil
}

func checkRef(e query.Entry) error {
	_, err := parseHead(e.Value)
	return err
}

func checkRecord(e query.Entry) error {
	_, err := unseal(e.Value)
	return err
}

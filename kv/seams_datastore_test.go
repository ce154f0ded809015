package kv_test

import (
	"context"
	"encoding/hex"
	"errors"
	"iter"
	"slices"
	"strings"

	cid "github.com/ipfs/go-cid"
	ds "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// plain is the third fake: a go-datastore, which knows keys and values and
// nothing of places. All hints are zero, so a node's hash is its only address.
// Blocks are put first and the ref record last, by one Put.
type plain struct {
	d ds.Datastore
	n counts
}

func newPlain() fake { return &plain{d: ds.NewMapDatastore()} }

func nodeKey(h codec.Hash) ds.Key { return ds.NewKey("/node/" + hex.EncodeToString(h[:])) }
func blobKey(mh []byte) ds.Key    { return ds.NewKey("/blob/" + hex.EncodeToString(mh)) }
func refKey(name string) ds.Key   { return ds.NewKey("/ref/" + hex.EncodeToString([]byte(name))) }

func (s *plain) place(*fakeBatch, fakeNode) kv.Hint { return kv.Hint{} }

func (s *plain) commit(ctx context.Context, b *fakeBatch) error {
	var next refRecord
	name := b.plan.Name()
	if name != "" {
		r, err := s.ref(ctx, name)
		if err != nil {
			return err
		}
		if next, err = r.after(b); err != nil {
			return err
		}
	}
	for _, n := range b.nodes {
		if err := s.d.Put(ctx, nodeKey(n.hash), n.encode()); err != nil {
			return err
		}
	}
	for _, x := range b.blobs {
		if err := s.d.Put(ctx, blobKey([]byte(x.key)), x.block); err != nil {
			return err
		}
	}
	if name == "" {
		return nil
	}
	s.n.swaps++
	return s.d.Put(ctx, refKey(name), next.encode())
}

// get turns the datastore's "not found" into the store's.
func (s *plain) get(ctx context.Context, k ds.Key) ([]byte, error) {
	b, err := s.d.Get(ctx, k)
	if errors.Is(err, ds.ErrNotFound) {
		return nil, kv.ErrNotFound
	}
	return b, err
}

func (s *plain) ref(ctx context.Context, name string) (refRecord, error) {
	b, err := s.get(ctx, refKey(name))
	if err != nil && err != kv.ErrNotFound {
		return refRecord{}, err
	}
	return parseRecord(b)
}

func (s *plain) ReadNode(ctx context.Context, h codec.Hash, _ kv.Hint) (kv.Node, error) {
	s.n.byHash++
	b, err := s.get(ctx, nodeKey(h))
	if err != nil {
		return kv.Node{}, err
	}
	return decodeNode(b)
}

func (s *plain) ReadBlob(ctx context.Context, c cid.Cid) ([]byte, error) {
	key, _ := kv.BlobKey(c)
	return s.get(ctx, blobKey(key))
}

func (s *plain) HasBlob(ctx context.Context, c cid.Cid) (bool, error) {
	key, _ := kv.BlobKey(c)
	return s.d.Has(ctx, blobKey(key))
}

func (s *plain) ReadRef(ctx context.Context, name string) ([]byte, error) {
	r, err := s.ref(ctx, name)
	if err == nil && r.Value == nil {
		err = kv.ErrNotFound
	}
	return r.Value, err
}

func (s *plain) ListRefs(ctx context.Context, prefix string) iter.Seq2[kv.Ref, error] {
	return func(yield func(kv.Ref, error) bool) {
		results, err := s.d.Query(ctx, query.Query{Prefix: "/ref"})
		if err != nil {
			yield(kv.Ref{}, err)
			return
		}
		all, err := results.Rest()
		if err != nil {
			yield(kv.Ref{}, err)
			return
		}
		var refs []kv.Ref
		for _, e := range all {
			name, err := hex.DecodeString(strings.TrimPrefix(e.Key, "/ref/"))
			r, rerr := parseRecord(e.Value)
			if err = errors.Join(err, rerr); err != nil {
				yield(kv.Ref{}, err)
				return
			}
			if r.Value != nil && strings.HasPrefix(string(name), prefix) {
				refs = append(refs, kv.Ref{Name: string(name), Value: r.Value})
			}
		}
		slices.SortFunc(refs, func(a, b kv.Ref) int { return strings.Compare(a.Name, b.Name) })
		for _, r := range refs {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (s *plain) ReadLog(ctx context.Context, ref string, after uint64) iter.Seq2[kv.Record, error] {
	return func(yield func(kv.Record, error) bool) {
		r, err := s.ref(ctx, ref)
		if err != nil {
			yield(kv.Record{}, err)
			return
		}
		r.yieldLog(after, yield)
	}
}

func (s *plain) NewBatch() kv.Batch             { return &fakeBatch{s: s} }
func (s *plain) Sync(ctx context.Context) error { return s.d.Sync(ctx, ds.NewKey("/")) }
func (s *plain) Close() error                   { return s.d.Close() }

func (s *plain) counts() (n counts) {
	n, s.n = s.n, n
	return n
}

func (s *plain) crash() fake { return &plain{d: s.d} }

package engine

import (
	"context"
	"iter"
	"strings"
	"sync/atomic"
	"testing"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/kv/memkv"
)

// tampered makes stores that do not answer what they were given.
type tampered struct {
	node func(codec.Hash, kv.Hint, kv.Node) (kv.Node, error) // instead of a node
	blob func(cid.Cid, []byte) ([]byte, error)               // instead of a blob

	failNodes atomic.Bool // PutNode fails
	syncs     atomic.Int64
	writes    atomic.Int64
}

// opener is open with the stores tampered with.
func (x *tampered) opener(open opener) opener {
	return func() (kv.Store, error) {
		s, err := open()
		if err != nil {
			return nil, err
		}
		return &tamperedStore{s.(*memkv.Store), x}, nil
	}
}

type tamperedStore struct {
	*memkv.Store
	x *tampered
}

func (s *tamperedStore) ReadNode(ctx context.Context, h codec.Hash, at kv.Hint) (kv.Node, error) {
	n, err := s.Store.ReadNode(ctx, h, at)
	if err != nil || s.x.node == nil {
		return n, err
	}
	return s.x.node(h, at, n)
}

// ScanNodes implements kv.Scanner.
func (s *tamperedStore) ScanNodes(ctx context.Context) iter.Seq2[kv.StoredNode, error] {
	return func(yield func(kv.StoredNode, error) bool) {
		for x, err := range s.Store.ScanNodes(ctx) {
			if err == nil && s.x.node != nil {
				x.Node, err = s.x.node(x.Hash, kv.Hint{}, x.Node)
			}
			if !yield(x, err) {
				return
			}
		}
	}
}

func (s *tamperedStore) ReadBlob(ctx context.Context, c cid.Cid) ([]byte, error) {
	b, err := s.Store.ReadBlob(ctx, c)
	if err != nil || s.x.blob == nil {
		return b, err
	}
	return s.x.blob(c, b)
}

func (s *tamperedStore) Sync(ctx context.Context) error {
	s.x.syncs.Add(1)
	return s.Store.Sync(ctx)
}

func (s *tamperedStore) NewBatch() kv.Batch { return &tamperedBatch{s.Store.NewBatch(), s.x} }

type tamperedBatch struct {
	kv.Batch
	x *tampered
}

func (b *tamperedBatch) PutNode(h codec.Hash, block []byte, children []kv.Hint) (kv.Hint, error) {
	if b.x.failNodes.Load() {
		return kv.Hint{}, errInjected
	}
	return b.Batch.PutNode(h, block, children)
}

func (b *tamperedBatch) Commit(ctx context.Context) error {
	b.x.writes.Add(1)
	return b.Batch.Commit(ctx)
}

// longLink is a CID that no tree takes.
func longLink(t *testing.T) cid.Cid {
	t.Helper()
	return must(cid.V1Builder{Codec: cid.Raw, MhType: 0}.Sum([]byte(strings.Repeat("x", codec.MaxLink))))(t)
}

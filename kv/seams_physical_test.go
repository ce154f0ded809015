package kv_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"iter"
	"maps"
	"slices"
	"strings"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// physical is the first fake: nodes under ascending physical ids (generation,
// sequence) and a hash → id map beside them, as a store on Pebble keeps them. Its
// generation can move, which makes every hint that was given out stale. What was
// not synced is lost in a crash.
type physical struct {
	physicalState
	durable physicalState
	n       counts
}

type physicalState struct {
	gen, seq uint64
	nodes    map[kv.Hint]fakeNode
	ids      map[codec.Hash]kv.Hint
	blobs    map[string][]byte
	refs     map[string]refRecord
}

func newPhysical() fake {
	s := &physical{physicalState: physicalState{1, 0, map[kv.Hint]fakeNode{}, map[codec.Hash]kv.Hint{}, map[string][]byte{}, map[string]refRecord{}}}
	s.durable = s.clone()
	return s
}

func (s physicalState) clone() physicalState {
	s.nodes, s.ids, s.blobs, s.refs = maps.Clone(s.nodes), maps.Clone(s.ids), maps.Clone(s.blobs), maps.Clone(s.refs)
	return s
}

func (s *physical) nextID() (id kv.Hint) {
	s.seq++
	binary.BigEndian.PutUint64(id[:], s.gen)
	binary.BigEndian.PutUint64(id[8:], s.seq)
	return id
}

// move copies every node into a new generation, in the order of their hashes. With
// reuse the new one has the number of the old, so that stale hints lead to other
// nodes. Hints of children that are stored with a node are not touched.
func (s *physical) move(reuse bool) {
	if s.seq = 0; !reuse {
		s.gen++
	}
	old := s.nodes
	s.nodes = map[kv.Hint]fakeNode{}
	hashes := slices.SortedFunc(maps.Keys(s.ids), func(a, b codec.Hash) int { return bytes.Compare(a[:], b[:]) })
	for _, h := range hashes {
		n := old[s.ids[h]]
		n.at = s.nextID()
		s.nodes[n.at], s.ids[h] = n, n.at
	}
}

func (s *physical) place(*fakeBatch, fakeNode) kv.Hint { return s.nextID() }

func (s *physical) commit(_ context.Context, b *fakeBatch) error {
	if name := b.plan.Name(); name != "" {
		r, err := s.refs[name].after(b)
		if err != nil {
			return err
		}
		s.refs[name] = r
		s.n.swaps++
	}
	for _, n := range b.nodes {
		s.nodes[n.at], s.ids[n.hash] = n, n.at
	}
	for _, x := range b.blobs {
		s.blobs[x.key] = x.block
	}
	return nil
}

func (s *physical) ReadNode(_ context.Context, h codec.Hash, at kv.Hint) (kv.Node, error) {
	if n, ok := s.nodes[at]; ok { // perhaps another node: the reader hashes it
		s.n.byHint++
		return n.node, nil
	}
	s.n.byHash++
	id, ok := s.ids[h]
	if !ok {
		return kv.Node{}, kv.ErrNotFound
	}
	return s.nodes[id].node, nil
}

func (s *physical) ReadBlob(_ context.Context, c cid.Cid) ([]byte, error) {
	key, _ := kv.BlobKey(c)
	if b, ok := s.blobs[string(key)]; ok {
		return b, nil
	}
	return nil, kv.ErrNotFound
}

func (s *physical) HasBlob(ctx context.Context, c cid.Cid) (bool, error) {
	_, err := s.ReadBlob(ctx, c)
	return err == nil, nil
}

func (s *physical) ReadRef(_ context.Context, name string) ([]byte, error) {
	if r, ok := s.refs[name]; ok && r.Value != nil {
		return r.Value, nil
	}
	return nil, kv.ErrNotFound
}

func (s *physical) ListRefs(_ context.Context, prefix string) iter.Seq2[kv.Ref, error] {
	return func(yield func(kv.Ref, error) bool) {
		for _, name := range slices.Sorted(maps.Keys(s.refs)) {
			if v := s.refs[name].Value; v != nil && strings.HasPrefix(name, prefix) && !yield(kv.Ref{Name: name, Value: v}, nil) {
				return
			}
		}
	}
}

func (s *physical) ReadLog(_ context.Context, ref string, after uint64) iter.Seq2[kv.Record, error] {
	return func(yield func(kv.Record, error) bool) { s.refs[ref].yieldLog(after, yield) }
}

func (s *physical) NewBatch() kv.Batch { return &fakeBatch{s: s} }

func (s *physical) Sync(context.Context) error {
	s.durable = s.clone()
	return nil
}

func (s *physical) Close() error { return nil }

func (s *physical) counts() (n counts) {
	n, s.n = s.n, n
	return n
}

func (s *physical) crash() fake {
	return &physical{physicalState: s.durable.clone(), durable: s.durable}
}

package kv_test

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// bucket is an object store: whole objects, read in parts, and a conditional
// put of one object at a time. What is put is durable.
type bucket struct {
	objects map[string]object
	puts    int
	packs   uint64
}

type object struct {
	data []byte
	etag int
}

var errPrecondition = errors.New("precondition failed")

// put writes an object if its etag is still match; 0: if it does not exist.
func (b *bucket) put(name string, data []byte, match int) error {
	if b.objects[name].etag != match {
		return errPrecondition
	}
	b.puts++
	b.objects[name] = object{data, b.puts}
	return nil
}

// packs is the second fake: each batch is one pack, immutable, and an index
// of it; a ref is an object of its own. A hint is pack, offset and length, so a
// node is one ranged get. To find a hash, index after index has to be read.
//
//	pack/7        node | node | node …       node: count of hints u32, hints, block
//	pack/7/index  hash 32, hint 16, hash, hint, …
//	ref/main      value and log
type packs struct {
	*bucket
	n counts
}

func newPacks() fake { return &packs{bucket: &bucket{objects: map[string]object{}}} }

func (n fakeNode) encode() []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(n.node.Children)))
	for _, h := range n.node.Children {
		b = append(b, h[:]...)
	}
	return append(b, n.node.Block...)
}

func decodeNode(b []byte) (kv.Node, error) {
	if len(b) < 4 || len(b) < 4+16*int(binary.BigEndian.Uint32(b)) {
		return kv.Node{}, kv.ErrCorrupt
	}
	var n kv.Node
	for range binary.BigEndian.Uint32(b) {
		n.Children = append(n.Children, kv.Hint(b[4:20]))
		b = b[16:]
	}
	n.Block = b[4:]
	return n, nil
}

func (s *packs) place(b *fakeBatch, n fakeNode) (at kv.Hint) {
	if b.pack == 0 {
		s.packs++
		b.pack = s.packs
	}
	size := len(n.encode())
	binary.BigEndian.PutUint64(at[:], b.pack)
	binary.BigEndian.PutUint32(at[8:], uint32(b.packLen))
	binary.BigEndian.PutUint32(at[12:], uint32(size))
	b.packLen += size
	return at
}

// commit puts the blocks first. Until the ref is put they are orphans.
func (s *packs) commit(_ context.Context, b *fakeBatch) error {
	var pack, index []byte
	for _, n := range b.nodes {
		pack = append(pack, n.encode()...)
		index = append(append(index, n.hash[:]...), n.at[:]...)
	}
	name := fmt.Sprintf("pack/%d", b.pack)
	if len(pack) > 0 {
		if err := errors.Join(s.put(name, pack, 0), s.put(name+"/index", index, 0)); err != nil {
			return err
		}
	}
	for _, x := range b.blobs {
		if err := s.put("blob/"+hex.EncodeToString([]byte(x.key)), x.block, 0); err != nil && err != errPrecondition {
			return err
		}
	}
	if b.plan.Name() == "" {
		return nil
	}
	return s.swap("ref/"+b.plan.Name(), b)
}

// swap moves a ref by one conditional put. When another moved the object first,
// it is read again: only its log may have changed.
func (s *packs) swap(name string, b *fakeBatch) error {
	for {
		o := s.objects[name]
		r, err := parseRecord(o.data)
		if err != nil {
			return err
		}
		if r, err = r.after(b); err != nil {
			return err
		}
		if err := s.put(name, r.encode(), o.etag); err != errPrecondition {
			s.n.swaps++
			return err
		}
	}
}

func (s *packs) ReadNode(_ context.Context, h codec.Hash, at kv.Hint) (kv.Node, error) {
	if n, err := s.readAt(at); err == nil {
		s.n.byHint++
		return n, nil
	}
	s.n.byHash++
	for name, o := range s.objects {
		if !strings.HasSuffix(name, "/index") {
			continue
		}
		for b := o.data; len(b) >= 48; b = b[48:] {
			if codec.Hash(b[:32]) == h {
				return s.readAt(kv.Hint(b[32:48]))
			}
		}
	}
	return kv.Node{}, kv.ErrNotFound
}

func (s *packs) readAt(at kv.Hint) (kv.Node, error) {
	o, ok := s.objects[fmt.Sprintf("pack/%d", binary.BigEndian.Uint64(at[:]))]
	from := uint64(binary.BigEndian.Uint32(at[8:]))
	to := from + uint64(binary.BigEndian.Uint32(at[12:]))
	if !ok || to > uint64(len(o.data)) {
		return kv.Node{}, kv.ErrNotFound
	}
	return decodeNode(o.data[from:to])
}

func (s *packs) ReadBlob(_ context.Context, c cid.Cid) ([]byte, error) {
	key, _ := kv.BlobKey(c)
	if o, ok := s.objects["blob/"+hex.EncodeToString(key)]; ok {
		return o.data, nil
	}
	return nil, kv.ErrNotFound
}

func (s *packs) HasBlob(ctx context.Context, c cid.Cid) (bool, error) {
	_, err := s.ReadBlob(ctx, c)
	return err == nil, nil
}

func (s *packs) ReadRef(_ context.Context, name string) ([]byte, error) {
	r, err := parseRecord(s.objects["ref/"+name].data)
	if err == nil && r.Value == nil {
		err = kv.ErrNotFound
	}
	return r.Value, err
}

func (s *packs) ListRefs(ctx context.Context, prefix string) iter.Seq2[kv.Ref, error] {
	return func(yield func(kv.Ref, error) bool) {
		for _, name := range slices.Sorted(maps.Keys(s.objects)) {
			name, ok := strings.CutPrefix(name, "ref/")
			if !ok || !strings.HasPrefix(name, prefix) {
				continue
			}
			v, err := s.ReadRef(ctx, name)
			if err == kv.ErrNotFound {
				continue
			}
			if !yield(kv.Ref{Name: name, Value: v}, err) || err != nil {
				return
			}
		}
	}
}

func (s *packs) ReadLog(_ context.Context, ref string, after uint64) iter.Seq2[kv.Record, error] {
	return func(yield func(kv.Record, error) bool) {
		r, err := parseRecord(s.objects["ref/"+ref].data)
		if err != nil {
			yield(kv.Record{}, err)
			return
		}
		r.yieldLog(after, yield)
	}
}

func (s *packs) NewBatch() kv.Batch         { return &fakeBatch{s: s} }
func (s *packs) Sync(context.Context) error { return nil }
func (s *packs) Close() error               { return nil }

func (s *packs) counts() (n counts) {
	n, s.n = s.n, n
	return n
}

func (s *packs) crash() fake { return &packs{bucket: s.bucket} }

package dskv

import (
	"context"
	"errors"
	"fmt"

	cid "github.com/ipfs/go-cid"
	ds "github.com/ipfs/go-datastore"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// batch is a kv.Batch. It holds everything until it is committed.
type batch struct {
	s      *Store
	plan   kv.RefPlan
	blocks []put
	ops    []op
	size   int
	spent  bool
}

// put is a key and its value.
type put struct {
	key   ds.Key
	value []byte
}

// op changes the head of the batch's ref; it may add a record to its log.
type op struct {
	kind opKind
	seq  uint64
	data []byte // a ref's value, nil to remove it; or a sealed log record
}

type opKind uint8

const (
	opSwap opKind = iota
	opAppend
	opTrim
)

// NewBatch implements kv.Store.
func (s *Store) NewBatch() kv.Batch { return &batch{s: s} }

// grow takes n bytes into the batch unless it is spent.
func (b *batch) grow(what string, n int) error {
	if b.spent {
		return fmt.Errorf("dskv: %s: %w: it is spent", what, kv.ErrBatch)
	}
	b.size += n
	return nil
}

// PutNode implements kv.BlockWriter. The hint is zero; those of the children
// are not kept.
func (b *batch) PutNode(h codec.Hash, block []byte, _ []kv.Hint) (kv.Hint, error) {
	if err := b.grow("put node", len(block)+len(h)); err != nil {
		return kv.Hint{}, err
	}
	b.blocks = append(b.blocks, put{nodeKey(h), append([]byte{}, block...)})
	return kv.Hint{}, nil
}

// PutBlob implements kv.BlockWriter.
func (b *batch) PutBlob(c cid.Cid, block []byte) error {
	multihash, ok := kv.BlobKey(c)
	if !ok {
		return fmt.Errorf("dskv: put blob: %w: undefined CID", kv.ErrName)
	}
	if err := b.grow("put blob", 0); err != nil {
		return err
	}
	has, err := b.s.HasBlob(context.Background(), c)
	if err != nil || has {
		return err
	}
	b.size += len(block) + len(multihash)
	b.blocks = append(b.blocks, put{blobKey(multihash), append([]byte{}, block...)})
	return nil
}

// SwapRef implements kv.RefWriter.
func (b *batch) SwapRef(name string, old, next []byte) error {
	if err := b.grow("swap ref", 0); err != nil {
		return err
	}
	if err := b.plan.Swap(name, old, next); err != nil {
		return fmt.Errorf("dskv: swap ref: %w", err)
	}
	if next != nil {
		next = append([]byte{}, next...)
	}
	b.size += len(name) + len(next)
	b.ops = append(b.ops, op{kind: opSwap, data: next})
	return nil
}

// AppendLog implements kv.RefWriter.
func (b *batch) AppendLog(ref string, seq uint64, data []byte) error {
	if err := b.grow("append log", 0); err != nil {
		return err
	}
	if err := b.plan.Append(ref, seq); err != nil {
		return fmt.Errorf("dskv: append log: %w", err)
	}
	b.size += len(ref) + len(data) + sumLen
	b.ops = append(b.ops, op{kind: opAppend, seq: seq, data: seal(append(make([]byte, 0, len(data)+sumLen), data...))})
	return nil
}

// TrimLog implements kv.RefWriter.
func (b *batch) TrimLog(ref string, seq uint64) error {
	if err := b.grow("trim log", 0); err != nil {
		return err
	}
	if err := b.plan.Trim(ref, seq); err != nil {
		return fmt.Errorf("dskv: trim log: %w", err)
	}
	b.size += len(ref) + 8
	b.ops = append(b.ops, op{kind: opTrim, seq: seq})
	return nil
}

// Size implements kv.Batch.
func (b *batch) Size() int { return b.size }

// Close implements kv.Batch.
func (b *batch) Close() error {
	b.spent = true
	return nil
}

// Commit implements kv.Batch.
func (b *batch) Commit(ctx context.Context) error {
	if err := b.grow("commit", 0); err != nil {
		return err
	}
	b.spent = true
	return b.s.call(ctx, "commit", func() error {
		b.s.mu.Lock()
		defer b.s.mu.Unlock()
		if b.plan.Name() == "" {
			return b.s.putAll(ctx, b.blocks)
		}
		return b.s.move(ctx, b)
	})
}

// move writes a batch that touches a ref (D1, D2).
func (s *Store) move(ctx context.Context, b *batch) error {
	name := b.plan.Name()
	now, err := s.readHead(ctx, name)
	if err != nil {
		return err
	}
	if _, err := b.plan.Check(now.value, now.top()); err != nil {
		return err
	}
	next, records := b.apply(now)
	if err := s.putAll(ctx, b.blocks); err != nil {
		return err
	}
	// From here on the caller's patience must not decide what is written.
	ctx = context.WithoutCancel(ctx)
	err = s.putAll(ctx, records)
	if err == nil {
		err = s.settle(ctx)
	}
	if err == nil {
		err = s.d.Put(ctx, refKey(name), next.encode())
	}
	if err != nil {
		return s.stop(err)
	}
	if next.epoch != now.epoch || next.floor != now.floor {
		s.trimmed[name] = next
	}
	return nil
}

// apply does what the batch does to a head, and returns the log records that
// count afterwards.
func (b *batch) apply(h head) (next head, records []put) {
	type record struct {
		epoch uint64
		op    op
	}
	var added []record
	for _, o := range b.ops {
		switch o.kind {
		case opSwap:
			h.value = o.data
			if o.data == nil {
				h.restart()
			}
		case opAppend:
			h.append(o.seq)
			added = append(added, record{h.epoch, o})
		case opTrim:
			h.trim(o.seq)
		}
	}
	for _, r := range added {
		if h.counts(r.epoch, r.op.seq) {
			records = append(records, put{logKey(b.plan.Name(), r.epoch, r.op.seq), r.op.data})
		}
	}
	return h, records
}

// putAll writes several keys, in one batch of the datastore's where it has
// batches.
func (s *Store) putAll(ctx context.Context, puts []put) error {
	if len(puts) == 0 {
		return nil
	}
	w, commit, err := s.writer(ctx)
	if err != nil {
		return err
	}
	for _, p := range puts {
		if err := w.Put(ctx, p.key, p.value); err != nil {
			return err
		}
	}
	return commit(ctx)
}

// writer is a batch of the datastore, or the datastore itself when it has
// none; nothing is certain to be written before commit.
func (s *Store) writer(ctx context.Context) (w ds.Write, commit func(context.Context) error, err error) {
	batching, ok := s.d.(ds.Batching)
	if !ok {
		return s.d, func(context.Context) error { return nil }, nil
	}
	b, err := batching.Batch(ctx)
	if errors.Is(err, ds.ErrBatchUnsupported) {
		return s.d, func(context.Context) error { return nil }, nil
	}
	if err != nil {
		return nil, nil, err
	}
	return b, b.Commit, nil
}

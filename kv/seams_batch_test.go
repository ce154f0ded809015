package kv_test

import (
	"bytes"
	"context"
	"encoding/json"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// What the three fakes of the seams experiment share: a batch that gathers
// operations, and a ref record that holds the log beside the value, because one
// object is all that some stores can swap.

// fake is a store that the experiment can look into.
type fake interface {
	kv.Store
	// counts says how nodes were found since the last call: by hint, or by
	// looking their hash up; and how many ref records were moved.
	counts() counts
	// crash returns the store as a new process finds it: without what was
	// not synced.
	crash() fake
}

type counts struct{ byHint, byHash, swaps int }

// keeper is a fake, as its batches see it.
type keeper interface {
	// place says where a node of a batch will lie.
	place(b *fakeBatch, n fakeNode) kv.Hint
	commit(ctx context.Context, b *fakeBatch) error
}

type fakeNode struct {
	hash codec.Hash
	node kv.Node
	at   kv.Hint
}

type fakeBlob struct {
	key   string
	block []byte
}

// fakeBatch is a list of what to write.
type fakeBatch struct {
	s     keeper
	plan  kv.RefPlan
	nodes []fakeNode
	blobs []fakeBlob
	steps []func(*refRecord)
	size  int
	spent bool

	pack    uint64 // of stores with packs: its number, and how long it is
	packLen int
}

func (b *fakeBatch) PutNode(h codec.Hash, block []byte, children []kv.Hint) (kv.Hint, error) {
	if b.spent {
		return kv.Hint{}, kv.ErrBatch
	}
	n := fakeNode{hash: h, node: kv.Node{Block: bytes.Clone(block), Children: append([]kv.Hint(nil), children...)}}
	n.at = b.s.place(b, n)
	b.nodes = append(b.nodes, n)
	b.size += len(block)
	return n.at, nil
}

func (b *fakeBatch) PutBlob(c cid.Cid, block []byte) error {
	key, ok := kv.BlobKey(c)
	if b.spent || !ok {
		return kv.ErrBatch
	}
	b.blobs = append(b.blobs, fakeBlob{string(key), bytes.Clone(block)})
	b.size += len(block)
	return nil
}

func (b *fakeBatch) SwapRef(name string, old, next []byte) error {
	next = bytes.Clone(next)
	return b.step(b.plan.Swap(name, old, next), func(r *refRecord) {
		if r.Value = next; next == nil {
			r.Log = nil
		}
	})
}

func (b *fakeBatch) AppendLog(ref string, seq uint64, data []byte) error {
	rec := kv.Record{Seq: seq, Data: bytes.Clone(data)}
	return b.step(b.plan.Append(ref, seq), func(r *refRecord) { r.Log = append(r.Log, rec) })
}

func (b *fakeBatch) TrimLog(ref string, seq uint64) error {
	return b.step(b.plan.Trim(ref, seq), func(r *refRecord) {
		for len(r.Log) > 0 && r.Log[0].Seq <= seq {
			r.Log = r.Log[1:]
		}
	})
}

func (b *fakeBatch) step(err error, f func(*refRecord)) error {
	if b.spent {
		return kv.ErrBatch
	}
	if err == nil {
		b.steps = append(b.steps, f)
	}
	return err
}

func (b *fakeBatch) Size() int { return b.size }

func (b *fakeBatch) Commit(ctx context.Context) error {
	if b.spent {
		return kv.ErrBatch
	}
	b.spent = true
	return b.s.commit(ctx, b)
}

func (b *fakeBatch) Close() error {
	b.spent = true
	return nil
}

// refRecord is a ref and its log, as one record.
type refRecord struct {
	Value []byte
	Log   []kv.Record
}

// after returns the record as the batch leaves it, or why it must not.
func (r refRecord) after(b *fakeBatch) (refRecord, error) {
	last := uint64(0)
	if n := len(r.Log); n > 0 {
		last = r.Log[n-1].Seq
	}
	if _, err := b.plan.Check(r.Value, last); err != nil {
		return r, err
	}
	r.Log = append([]kv.Record(nil), r.Log...)
	for _, step := range b.steps {
		step(&r)
	}
	return r, nil
}

func (r refRecord) encode() []byte {
	b, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	return b
}

func parseRecord(b []byte) (r refRecord, err error) {
	if len(b) > 0 {
		err = json.Unmarshal(b, &r)
	}
	return r, err
}

// yieldLog yields the records of r above after.
func (r refRecord) yieldLog(after uint64, yield func(kv.Record, error) bool) {
	for _, rec := range r.Log {
		if rec.Seq > after && !yield(rec, nil) {
			return
		}
	}
}

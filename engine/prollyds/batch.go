package prollyds

import (
	"context"

	datastore "github.com/ipfs/go-datastore"

	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// batch gathers writes in memory. It belongs to one goroutine.
type batch struct {
	d     *Datastore
	edits []prolly.Edit
	room  []byte // where small values are copied to
	done  bool
}

// Batch begins a group of writes that Commit does together. It holds copies of
// their values until then. Commit makes them visible at once; only where some
// entries have expiry times is a batch of more than 8 MiB done in several
// steps of that size, in order. Once committed a batch answers ErrBatchDone. It
// belongs to one goroutine.
func (d *Datastore) Batch(ctx context.Context) (datastore.Batch, error) {
	if err := d.ready(ctx); err != nil {
		return nil, failed("batch", err)
	}
	return &batch{d: d}, nil
}

// Put implements datastore.Batch.
func (b *batch) Put(ctx context.Context, key datastore.Key, value []byte) error {
	if err := b.begin(ctx, key); err != nil {
		return keyFailed("put into batch", key, err)
	}
	b.edits = append(b.edits, prolly.Edit{Key: keyBytes(key), Value: prolly.Value{Bytes: b.copy(value)}})
	return nil
}

// Delete implements datastore.Batch.
func (b *batch) Delete(ctx context.Context, key datastore.Key) error {
	if err := b.begin(ctx, key); err != nil {
		return keyFailed("delete in batch", key, err)
	}
	b.edits = append(b.edits, prolly.Edit{Key: keyBytes(key), Delete: true})
	return nil
}

func (b *batch) begin(ctx context.Context, key datastore.Key) error {
	if b.done {
		return ErrBatchDone
	}
	return b.d.begin(ctx, key)
}

// Small values share allocations.
const (
	roomBytes = 32 << 10
	roomValue = 2 << 10 // the largest that does
)

func (b *batch) copy(value []byte) []byte {
	n := len(value)
	if n > roomValue {
		b := make([]byte, n)
		copy(b, value) // right after the make, which then clears nothing
		return b
	}
	if cap(b.room)-len(b.room) < n {
		b.room = make([]byte, 0, roomBytes)
	}
	at := len(b.room)
	b.room = append(b.room, value...)
	return b.room[at : at+n : at+n]
}

// Commit implements datastore.Batch.
func (b *batch) Commit(ctx context.Context) error {
	if b.done {
		return failed("commit batch", ErrBatchDone)
	}
	if err := b.d.ready(ctx); err != nil {
		return failed("commit batch", err)
	}
	edits := b.edits
	b.done, b.edits, b.room = true, nil, nil
	return failed("commit batch", b.d.apply(ctx, edits))
}

package prollyds

import (
	"context"
	"sync"

	datastore "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

// txn is a transaction. The mutex is there because go-datastore reads the
// results of a query in a goroutine of its own while the caller goes on
// writing.
type txn struct {
	d        *Datastore
	readOnly bool
	cursors  cursors

	mu sync.Mutex
	tx *engine.Tx
	m  moment
}

// NewTransaction begins a transaction on the datastore as it is now. It sees
// its own writes and nobody else's. Commit does the writes in one step, or,
// when something that it read has been changed since (keys and ranges, there or
// not, and expiry times of keys it writes), or when more than eight times
// engine.Options.StagingBytes was written while it was open, does none and
// answers engine.ErrConflict: begin again. Entries expire for it as of its
// beginning.
//
// A read-only one answers ErrReadOnlyTxn to writes. Once Commit or Discard was
// called, as one must be, the transaction and results still open answer
// engine.ErrTxDone. Filters and orders of its queries must not use it.
func (d *Datastore) NewTransaction(ctx context.Context, readOnly bool) (datastore.Txn, error) {
	if err := d.ready(ctx); err != nil {
		return nil, failed("begin", err)
	}
	tx, err := d.b.Begin(ctx)
	if err != nil {
		return nil, failed("begin", err)
	}
	t := &txn{d: d, readOnly: readOnly, tx: tx, m: moment{tree: tx}}
	t.cursors.parent = &d.cursors
	if side := tx.Side(); !side.Empty() {
		t.m.side, t.m.now = side, d.o.now()
	}
	return t, nil
}

// Get implements datastore.Read.
func (t *txn) Get(ctx context.Context, key datastore.Key) ([]byte, error) {
	if err := t.d.begin(ctx, key); err != nil {
		return nil, keyFailed("get", key, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	v, err := t.m.get(ctx, keyBytes(key))
	return v, keyFailed("get", key, err)
}

// Has implements datastore.Read.
func (t *txn) Has(ctx context.Context, key datastore.Key) (bool, error) {
	if err := t.d.begin(ctx, key); err != nil {
		return false, keyFailed("has", key, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	ok, err := t.m.has(ctx, keyBytes(key))
	return ok, keyFailed("has", key, err)
}

// GetSize implements datastore.Read.
func (t *txn) GetSize(ctx context.Context, key datastore.Key) (int, error) {
	if err := t.d.begin(ctx, key); err != nil {
		return -1, keyFailed("get size of", key, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	n, err := t.m.size(ctx, keyBytes(key))
	return n, keyFailed("get size of", key, err)
}

// Query implements datastore.Read; see Datastore.Query. It sees the
// transaction's writes as of its first result.
func (t *txn) Query(ctx context.Context, q query.Query) (query.Results, error) {
	if err := t.d.ready(ctx); err != nil {
		return nil, failed("query", err)
	}
	p, err := planOf(q)
	if err != nil {
		return nil, failed("query", err)
	}
	c, err := t.cursors.open(ctx, &scan{plan: p, m: t.m}, &t.mu, func() {})
	if err != nil {
		return nil, failed("query", err)
	}
	return c.results(q), nil
}

// Put implements datastore.Write.
func (t *txn) Put(ctx context.Context, key datastore.Key, value []byte) error {
	return keyFailed("put", key, t.edit(ctx, key, func(k []byte) error { return t.tx.Put(ctx, k, value) }))
}

// Delete implements datastore.Write.
func (t *txn) Delete(ctx context.Context, key datastore.Key) error {
	return keyFailed("delete", key, t.edit(ctx, key, func(k []byte) error { return t.tx.Delete(ctx, k) }))
}

// edit does f, and takes the key's expiry time away: by looking for it, even
// where there is none, it makes one that others set meanwhile a conflict.
func (t *txn) edit(ctx context.Context, key datastore.Key, f func(k []byte) error) error {
	if err := t.d.begin(ctx, key); err != nil {
		return err
	}
	if t.readOnly {
		return ErrReadOnlyTxn
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	k := keyBytes(key)
	if err := f(k); err != nil {
		return err
	}
	return forget(ctx, t.tx.Side(), k)
}

// Commit implements datastore.Txn.
func (t *txn) Commit(ctx context.Context) error {
	if err := t.d.ready(ctx); err != nil {
		return failed("commit", err)
	}
	t.cursors.end(engine.ErrTxDone)
	t.mu.Lock()
	defer t.mu.Unlock()
	return failed("commit", t.tx.Commit(ctx, t.d.o.durability))
}

// Discard implements datastore.Txn.
func (t *txn) Discard(context.Context) {
	t.cursors.end(engine.ErrTxDone)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tx.Discard()
}

package prollyds

import (
	"context"

	datastore "github.com/ipfs/go-datastore"
)

// Get returns a copy of the value of key; datastore.ErrNotFound, bare, when
// there is none or it has expired. A link, which only a wrapped branch can
// have, reads as the bytes of its CID.
func (d *Datastore) Get(ctx context.Context, key datastore.Key) ([]byte, error) {
	if err := d.begin(ctx, key); err != nil {
		return nil, keyFailed("get", key, err)
	}
	v, err := d.here().get(ctx, keyBytes(key))
	return v, keyFailed("get", key, err)
}

// Has tells whether there is a value of key. It does not read values that
// stand out of line.
func (d *Datastore) Has(ctx context.Context, key datastore.Key) (bool, error) {
	if err := d.begin(ctx, key); err != nil {
		return false, keyFailed("has", key, err)
	}
	ok, err := d.here().has(ctx, keyBytes(key))
	return ok, keyFailed("has", key, err)
}

// GetSize returns the length of the value of key, in bytes, without reading
// values that stand out of line; -1 and datastore.ErrNotFound, bare, when there
// is none.
func (d *Datastore) GetSize(ctx context.Context, key datastore.Key) (int, error) {
	if err := d.begin(ctx, key); err != nil {
		return -1, keyFailed("get size of", key, err)
	}
	n, err := d.here().size(ctx, keyBytes(key))
	return n, keyFailed("get size of", key, err)
}

// begin begins a call about a key.
func (d *Datastore) begin(ctx context.Context, key datastore.Key) error {
	if err := d.ready(ctx); err != nil {
		return err
	}
	return checkKey(key)
}

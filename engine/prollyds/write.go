package prollyds

import (
	"context"
	"errors"

	datastore "github.com/ipfs/go-datastore"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Put sets the value of key, which then does not expire. nil is an empty
// value. The datastore keeps a copy. See WithDurability for when it is durable.
func (d *Datastore) Put(ctx context.Context, key datastore.Key, value []byte) error {
	if err := d.begin(ctx, key); err != nil {
		return keyFailed("put", key, err)
	}
	k := keyBytes(key)
	d.ttl.RLock()
	defer d.ttl.RUnlock()
	if d.b.Side().Empty() {
		return keyFailed("put", key, d.b.Put(ctx, k, value, d.o.durability))
	}
	edit := [1]prolly.Edit{{Key: k, Value: prolly.Value{Bytes: value}}}
	return keyFailed("put", key, d.applyAndKeep(ctx, edit[:]))
}

// Delete removes key. It is no error when it is not there.
func (d *Datastore) Delete(ctx context.Context, key datastore.Key) error {
	if err := d.begin(ctx, key); err != nil {
		return keyFailed("delete", key, err)
	}
	k := keyBytes(key)
	d.ttl.RLock()
	defer d.ttl.RUnlock()
	if d.b.Side().Empty() {
		return keyFailed("delete", key, d.b.Delete(ctx, k, d.o.durability))
	}
	edit := [1]prolly.Edit{{Key: k, Delete: true}}
	return keyFailed("delete", key, d.applyAndKeep(ctx, edit[:]))
}

// apply does edits, all or none unless there are expiry times to look after and
// the edits are many. They are the branch's and must not be changed any more.
func (d *Datastore) apply(ctx context.Context, edits []prolly.Edit) error {
	d.ttl.RLock()
	defer d.ttl.RUnlock()
	if d.b.Side().Empty() {
		return d.b.Apply(ctx, edits, d.o.durability)
	}
	for len(edits) > 0 {
		n := portion(edits)
		if err := d.applyAndKeep(ctx, edits[:n]); err != nil {
			return err
		}
		edits = edits[n:]
	}
	return nil
}

// updateBytes is how much is done in one update, which keeps other writers of
// the branch waiting and its edits in memory twice.
const updateBytes = 8 << 20

// portion is how many of the edits one update takes.
func portion(edits []prolly.Edit) int {
	bytes := 0
	for i := range edits {
		bytes += len(edits[i].Key) + len(edits[i].Value.Bytes)
		if bytes >= updateBytes {
			return i + 1
		}
	}
	return len(edits)
}

// applyAndKeep does edits in one step with taking their keys' expiry times
// away.
func (d *Datastore) applyAndKeep(ctx context.Context, edits []prolly.Edit) error {
	return d.b.Update(ctx, func(u *engine.Update) error {
		if err := u.Tree().Apply(ctx, edits); err != nil {
			return err
		}
		for i := range edits {
			if err := forget(ctx, u.Side(), edits[i].Key); err != nil {
				return err
			}
		}
		return nil
	}, d.o.durability)
}

// Sync makes durable everything that was written before, whatever the prefix.
// With WithHistory it records a commit when something has changed.
func (d *Datastore) Sync(ctx context.Context, _ datastore.Key) error {
	err := d.ready(ctx)
	switch {
	case err != nil:
	case d.o.history:
		err = d.record(ctx)
	default:
		err = d.b.Sync(ctx)
	}
	return failed("sync", err)
}

// record commits the branch unless its last commit has the same tree.
func (d *Datastore) record(ctx context.Context) error {
	select {
	case d.recording <- struct{}{}: // so that two do not record the same change
		defer func() { <-d.recording }()
	case <-ctx.Done():
		return ctx.Err()
	}
	root, err := d.b.Fold(ctx)
	if err != nil {
		return err
	}
	head, err := d.b.Head(ctx)
	if err == nil && head.Root == root {
		return d.b.Sync(ctx)
	}
	if err != nil && !errors.Is(err, engine.ErrNoCommit) {
		return err
	}
	_, err = d.b.Commit(ctx, engine.CommitOptions{Durability: engine.Sync})
	return err
}

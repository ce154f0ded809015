package prollyds

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// DiskUsage returns the room that the engine's whole store takes, in bytes.
// errors.ErrUnsupported when the store cannot tell.
func (d *Datastore) DiskUsage(ctx context.Context) (uint64, error) {
	if err := d.ready(ctx); err != nil {
		return 0, failed("disk usage", err)
	}
	n, err := d.b.Engine().DiskUsage(ctx)
	return n, failed("disk usage", err)
}

// CollectGarbage drops the entries that have expired, for good, and then gives
// back the room of everything in the engine's store that no branch, tag,
// snapshot or iterator reaches.
func (d *Datastore) CollectGarbage(ctx context.Context) error {
	if err := d.ready(ctx); err != nil {
		return failed("collect garbage", err)
	}
	if err := d.dropExpired(ctx); err != nil {
		return failed("collect garbage", err)
	}
	// What is only staged as removed is still in the tree.
	if _, err := d.b.Fold(ctx); err != nil {
		return failed("collect garbage", err)
	}
	_, err := d.b.Engine().GC(ctx, engine.GCOptions{})
	return failed("collect garbage", err)
}

// sweepKeys is how many expiry times are looked at between two updates.
const sweepKeys = 1024

// dropExpired removes expired entries, a run of keys at a time, so that other
// writers get their turn.
func (d *Datastore) dropExpired(ctx context.Context) error {
	return d.sweep(ctx, func(u *engine.Update, key []byte) error {
		m := moment{tree: u.Tree(), side: u.Side(), now: d.o.now()}
		if _, live, err := m.expiry(ctx, key); err != nil || live {
			return err
		}
		return drop(ctx, u, key)
	})
}

// sweep calls f, within an update, with the key of every expiry time.
func (d *Datastore) sweep(ctx context.Context, f func(u *engine.Update, key []byte) error) error {
	r := prolly.Range{From: allKeys().lo, To: allKeys().hi, Limit: sweepKeys}
	for !d.b.Side().Empty() {
		keys, err := keysOf(ctx, d.b.Side(), r)
		if err != nil || len(keys) == 0 {
			return err
		}
		err = d.b.Update(ctx, func(u *engine.Update) error {
			for _, k := range keys {
				if err := f(u, k); err != nil {
					return fmt.Errorf("%q: %w", k, err)
				}
			}
			return nil
		}, d.o.durability)
		if err != nil {
			return err
		}
		r.From = append(keys[len(keys)-1], 0)
	}
	return nil
}

func keysOf(ctx context.Context, t tree, r prolly.Range) (keys [][]byte, err error) {
	for e, err := range t.Range(ctx, r) {
		if err != nil {
			return nil, err
		}
		keys = append(keys, append([]byte(nil), e.Key...))
	}
	return keys, nil
}

// Check verifies everything in the engine's store, and that every expiry time
// of the datastore is one and has its entry. It changes nothing. What it finds
// wrong it returns as a *ProblemsError, which is ErrProblems.
func (d *Datastore) Check(ctx context.Context) error {
	if err := d.ready(ctx); err != nil {
		return failed("check", err)
	}
	var found ProblemsError
	if err := d.b.Engine().Check(ctx, found.add); err != nil {
		return failed("check", errors.Join(err, found.orNil()))
	}
	if err := d.checkExpiries(ctx, found.add); err != nil {
		return failed("check", errors.Join(err, found.orNil()))
	}
	return failed("check", found.orNil())
}

func (d *Datastore) checkExpiries(ctx context.Context, report func(engine.Problem)) error {
	m, release, err := d.at(ctx)
	if err != nil {
		return err
	}
	defer release()
	if m.side == nil {
		return nil
	}
	for e, err := range m.side.Range(ctx, prolly.Range{From: allKeys().lo, To: allKeys().hi}) {
		if err != nil {
			return err
		}
		bad, err := badExpiry(ctx, m, e.Key)
		if err != nil {
			return err
		}
		if bad != nil {
			report(engine.Problem{Kind: "expiry", Branch: d.b.Name(), Err: fmt.Errorf("%q: %w", e.Key, bad)})
		}
	}
	return nil
}

// errOrphan: an expiry time is left of an entry that is not there.
var errOrphan = errors.New("prollyds: expiry time without an entry")

// badExpiry tells what is wrong with the expiry time of key.
func badExpiry(ctx context.Context, m moment, key []byte) (bad, err error) {
	v, err := m.side.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	if _, err := parseExpiry(v); err != nil {
		return err, nil
	}
	ok, err := m.tree.Has(ctx, key)
	if err == nil && !ok {
		bad = errOrphan
	}
	return bad, err
}

// Scrub puts right what can be, expiry times that are damaged or have lost
// their entry, by removing them, and then does as Check. Blocks exist once:
// what is wrong with them is reported, and cannot be repaired from here.
func (d *Datastore) Scrub(ctx context.Context) error {
	if err := d.ready(ctx); err != nil {
		return failed("scrub", err)
	}
	err := d.sweep(ctx, func(u *engine.Update, key []byte) error {
		bad, err := badExpiry(ctx, moment{tree: u.Tree(), side: u.Side()}, key)
		if errors.Is(err, engine.ErrNotFound) {
			return nil // somebody was here in between
		}
		if err != nil || bad == nil {
			return err
		}
		return u.Side().Delete(ctx, key)
	})
	if err != nil {
		return failed("scrub", err)
	}
	return d.Check(ctx)
}

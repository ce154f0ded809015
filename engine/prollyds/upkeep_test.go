package prollyds

import (
	"context"
	"errors"
	"testing"
	"time"

	cid "github.com/ipfs/go-cid"
	datastore "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/kv/memkv"
)

func usage(t *testing.T, d *Datastore) uint64 {
	t.Helper()
	n, err := datastore.DiskUsage(t.Context(), d)
	must(t, err)
	return n
}

func TestDiskUsage(t *testing.T) {
	for _, d := range []*Datastore{inMemory(t), onPebble(t)} {
		before := usage(t, d)
		for i := range 40 {
			must(t, d.Put(t.Context(), keyN(i), valueN(i*7919, 100_000)))
		}
		_, err := d.Branch().Fold(t.Context())
		must(t, err)
		must(t, d.Sync(t.Context(), keyN(0)))
		if after := usage(t, d); after < before+1<<20 {
			t.Errorf("%d bytes before, %d after", before, after)
		}
	}
}

// CollectGarbage gives back what nothing reaches, spares what is reached, and
// drops for good what has expired.
func TestCollectGarbage(t *testing.T) {
	ctx, c := t.Context(), newClock()
	for name, d := range map[string]*Datastore{"memory": inMemory(t, WithClock(c.now)), "pebble": onPebble(t, WithClock(c.now))} {
		const mortals, all = 2500, 3000
		for i := range mortals {
			must(t, d.PutWithTTL(ctx, keyN(i), valueN(i, 2000), time.Duration(1+i%2)*time.Hour))
		}
		for i := mortals; i < all; i++ {
			must(t, d.Put(ctx, keyN(i), valueN(i, 2000)))
		}
		_, err := d.Branch().Fold(ctx)
		must(t, err)
		c.pass(time.Hour)
		must(t, d.CollectGarbage(ctx))
		if n := len(sideKeys(t, d)); n != mortals/2 {
			t.Errorf("%s: %d expiry times", name, n)
		}
		c.pass(-time.Hour) // what was dropped does not come back
		if n := len(rest(t, d, query.Query{KeysOnly: true})); n != all-mortals/2 {
			t.Errorf("%s: %d entries", name, n)
		}
		c.pass(2 * time.Hour)
		must(t, d.CollectGarbage(ctx))
		if !d.Branch().Side().Empty() {
			t.Errorf("%s: expiry times left", name)
		}
		es := rest(t, d, query.Query{})
		if len(es) != all-mortals || string(es[9].Value) != string(valueN(mortals+9, 2000)) {
			t.Errorf("%s: %d entries", name, len(es))
		}
		must(t, d.Check(ctx))
	}
}

// The room of what was removed comes back.
func TestCollectGarbageShrinks(t *testing.T) {
	ctx := t.Context()
	d := inMemory(t)
	fill(t, d, 500, 3000)
	full := usage(t, d)
	for i := range 450 {
		must(t, d.Delete(ctx, keyN(i)))
	}
	must(t, d.CollectGarbage(ctx))
	must(t, d.CollectGarbage(ctx)) // blocks that were young at the first
	if n := usage(t, d); n > full/5 {
		t.Errorf("%d bytes of %d left", n, full)
	}
	must(t, d.Check(ctx))
}

// Check reports a damaged block, and expiry times that are damaged or orphaned;
// Scrub removes the latter.
func TestCheckAndScrub(t *testing.T) {
	ctx, c := t.Context(), newClock()
	d := inMemory(t, WithClock(c.now))
	for i := range 2000 {
		must(t, d.PutWithTTL(ctx, keyN(i), nil, time.Hour))
	}
	must(t, d.Check(ctx))
	must(t, d.Scrub(ctx))
	must(t, d.Branch().Delete(ctx, []byte(keyN(1000).String()))) // past the datastore
	err := d.Branch().Update(ctx, func(u *engine.Update) error {
		return u.Side().Put(ctx, []byte(keyN(1500).String()), []byte("not a time"))
	})
	must(t, err)
	var found *ProblemsError
	err = d.Check(ctx)
	if !errors.Is(err, ErrProblems) || !errors.Is(err, engine.ErrCorrupt) || !errors.As(err, &found) || found.Total != 2 || len(found.Problems) != 2 {
		t.Fatalf("%v", err)
	}
	if _, err := d.Get(ctx, keyN(1500)); !errors.Is(err, engine.ErrCorrupt) {
		t.Errorf("an entry with a damaged expiry time: %v", err)
	}
	must(t, d.Scrub(ctx))
	if n := len(sideKeys(t, d)); n != 1998 {
		t.Errorf("%d expiry times left", n)
	}
	present(t, d, keyN(1500), "", time.Time{})
	present(t, d, keyN(7), "", c.now().Add(time.Hour))
}

// Check tells of damage in the store; there may be more than is listed.
func TestCheckDamage(t *testing.T) {
	ctx := t.Context()
	disk := memkv.NewDisk(memkv.Options{})
	d, _ := reopened(t, disk)
	for i := range 300 {
		must(t, d.Put(ctx, keyN(i), valueN(i, 1300)))
	}
	_, err := d.Branch().Fold(ctx)
	must(t, err)
	must(t, d.Close())
	m, err := disk.Open()
	must(t, err)
	e, err := engine.New(&damagedStore{m}, nil)
	must(t, err)
	d = ownedBranch(t, e)
	for _, check := range []func(context.Context) error{d.Check, d.Scrub} {
		var found *ProblemsError
		if err := check(ctx); !errors.Is(err, ErrProblems) || !errors.As(err, &found) || found.Total < 300 || len(found.Problems) != maxProblems {
			t.Errorf("%v", err)
		}
	}
}

// damagedStore has one bit of each blob flipped.
type damagedStore struct{ *memkv.Store }

func (s *damagedStore) ReadBlob(ctx context.Context, c cid.Cid) ([]byte, error) {
	b, err := s.Store.ReadBlob(ctx, c)
	if err == nil {
		b[0] ^= 1
	}
	return b, err
}

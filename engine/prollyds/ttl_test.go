package prollyds

import (
	"context"
	"errors"
	"testing"
	"time"

	datastore "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// absent expects every way of reading to find nothing under key.
func absent(t *testing.T, d *Datastore, key datastore.Key) {
	t.Helper()
	ctx := t.Context()
	if v, err := d.Get(ctx, key); err != datastore.ErrNotFound || v != nil {
		t.Errorf("D4 violated: Get %v: %v %v", key, v, err)
	}
	if ok, err := d.Has(ctx, key); ok || err != nil {
		t.Errorf("D4 violated: Has %v: %v %v", key, ok, err)
	}
	if n, err := d.GetSize(ctx, key); n != -1 || err != datastore.ErrNotFound {
		t.Errorf("D4 violated: GetSize %v: %v %v", key, n, err)
	}
	if _, err := d.GetExpiration(ctx, key); err != datastore.ErrNotFound {
		t.Errorf("D4 violated: GetExpiration %v: %v", key, err)
	}
	if err := d.SetTTL(ctx, key, time.Hour); err != datastore.ErrNotFound {
		t.Errorf("D4 violated: SetTTL %v: %v", key, err)
	}
	for _, order := range []query.Order{query.OrderByKey{}, query.OrderByKeyDescending{}, query.OrderByValue{}} {
		for _, e := range rest(t, d, query.Query{KeysOnly: true, Orders: []query.Order{order}}) {
			if e.Key == key.String() {
				t.Errorf("D4 violated: Query by %v has %v", order, key)
			}
		}
	}
	if e, err := d.Seek(ctx, key); err == nil && e.Key == key.String() {
		t.Errorf("D4 violated: Seek finds %v", key)
	}
	tx, err := d.NewTransaction(ctx, true)
	must(t, err)
	defer tx.Discard(ctx)
	if _, err := tx.Get(ctx, key); err != datastore.ErrNotFound {
		t.Errorf("D4 violated: Txn.Get %v: %v", key, err)
	}
}

func present(t *testing.T, d *Datastore, key datastore.Key, value string, expires time.Time) {
	t.Helper()
	v, err := d.Get(t.Context(), key)
	if err != nil || string(v) != value {
		t.Errorf("%v: %q %v", key, v, err)
	}
	at, err := d.GetExpiration(t.Context(), key)
	if err != nil || !at.Equal(expires) {
		t.Errorf("%v expires %v, want %v: %v", key, at, expires, err)
	}
	for _, e := range rest(t, d, query.Query{ReturnExpirations: true}) {
		if e.Key == key.String() && (string(e.Value) != value || !e.Expiration.Equal(expires)) {
			t.Errorf("%v in query: %+v", key, e)
		}
	}
}

func TestTTL(t *testing.T) {
	ctx, c := t.Context(), newClock()
	d := inMemory(t, WithClock(c.now))
	a, b := datastore.NewKey("a"), datastore.NewKey("b")
	never := time.Time{}
	absent(t, d, a)

	must(t, d.PutWithTTL(ctx, a, []byte("1"), time.Minute))
	must(t, d.Put(ctx, b, []byte("2")))
	present(t, d, a, "1", c.now().Add(time.Minute))
	present(t, d, b, "2", never)

	c.pass(time.Minute - 1)
	present(t, d, a, "1", c.now().Add(1))
	c.pass(1)
	absent(t, d, a)
	present(t, d, b, "2", never)

	must(t, d.Put(ctx, a, []byte("3")))
	present(t, d, a, "3", never)
	must(t, d.SetTTL(ctx, a, time.Second))
	present(t, d, a, "3", c.now().Add(time.Second))
	must(t, d.SetTTL(ctx, a, time.Hour))
	present(t, d, a, "3", c.now().Add(time.Hour))
	must(t, d.PutWithTTL(ctx, a, []byte("4"), 290*365*24*time.Hour))
	present(t, d, a, "4", c.now().Add(290*365*24*time.Hour))
	must(t, d.SetTTL(ctx, a, 0))
	absent(t, d, a)
	must(t, d.PutWithTTL(ctx, b, nil, -1))
	absent(t, d, b)
	if !d.b.Side().Empty() {
		if _, err := d.b.Fold(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if !d.b.Side().Empty() {
		t.Error("D5 violated: expiry times left")
	}
}

// D5: every other write leaves the key without an expiry time.
func TestTTLCleared(t *testing.T) {
	ctx, c := t.Context(), newClock()
	d := inMemory(t, WithClock(c.now))
	k, other := datastore.NewKey("k"), datastore.NewKey("other")
	batch := func(f func(datastore.Write)) {
		b, err := d.Batch(ctx)
		must(t, err)
		f(b)
		must(t, b.Commit(ctx))
	}
	txn := func(f func(datastore.Write)) {
		tx, err := d.NewTransaction(ctx, false)
		must(t, err)
		f(tx)
		must(t, tx.Commit(ctx))
	}
	put := func(w datastore.Write) { must(t, w.Put(ctx, k, []byte("new"))) }
	again := func(w datastore.Write) { must(t, w.Delete(ctx, k)); put(w) }
	for name, write := range map[string]func(){
		"Put": func() { put(d) }, "Delete, Put": func() { again(d) },
		"Batch": func() { batch(put) }, "Batch, Delete first": func() { batch(again) },
		"Txn": func() { txn(put) }, "Txn, Delete first": func() { txn(again) },
	} {
		must(t, d.PutWithTTL(ctx, other, []byte("stays"), 1000*time.Hour))
		for _, expired := range []bool{false, true} {
			must(t, d.PutWithTTL(ctx, k, []byte("old"), time.Hour))
			if expired {
				c.pass(2 * time.Hour)
			}
			write()
			c.pass(2 * time.Hour)
			present(t, d, k, "new", time.Time{})
			if n := len(sideKeys(t, d)); n != 1 {
				t.Errorf("D5 violated: %s, expired %v: %d expiry times", name, expired, n)
			}
		}
	}
}

func sideKeys(t *testing.T, d *Datastore) []string {
	t.Helper()
	ks, err := keysOf(t.Context(), d.b.Side(), prolly.Range{})
	must(t, err)
	r := make([]string, len(ks))
	for i := range ks {
		r[i] = string(ks[i])
	}
	return r
}

// Expiry outlives a reopening, and folds.
func TestTTLReopened(t *testing.T) {
	ctx, c := t.Context(), newClock()
	dir := t.TempDir()
	k := datastore.NewKey("k")
	d, err := NewDatastore(dir, WithClock(c.now))
	must(t, err)
	must(t, d.PutWithTTL(ctx, k, []byte("v"), time.Hour))
	at := c.now().Add(time.Hour)
	for _, fold := range []bool{false, true} {
		if fold {
			_, err := d.Branch().Fold(ctx)
			must(t, err)
		}
		must(t, d.Close())
		d, err = NewDatastore(dir, WithClock(c.now))
		must(t, err)
		present(t, d, k, "v", at)
	}
	c.pass(time.Hour)
	absent(t, d, k)
	must(t, d.Close())
}

// A transaction sees expiry as of its beginning, and its own writes do not
// expire.
func TestTTLInTxn(t *testing.T) {
	ctx, c := t.Context(), newClock()
	d := inMemory(t, WithClock(c.now))
	a, b := datastore.NewKey("a"), datastore.NewKey("b")
	must(t, d.PutWithTTL(ctx, a, []byte("1"), time.Minute))
	must(t, d.PutWithTTL(ctx, b, []byte("1"), time.Minute))
	tx, err := d.NewTransaction(ctx, false)
	must(t, err)
	must(t, tx.Put(ctx, b, []byte("2")))
	c.pass(time.Hour)
	if es := rest(t, tx, query.Query{ReturnExpirations: true}); len(es) != 2 || es[0].Expiration.IsZero() || !es[1].Expiration.IsZero() {
		t.Errorf("%+v", es)
	}
	must(t, tx.Commit(ctx))
	absent(t, d, a)
	present(t, d, b, "2", time.Time{})
}

// A transaction that writes a key conflicts with an expiry time that was set
// meanwhile, the first of all included: it must neither take it away unseen nor
// inherit it.
func TestTTLTxnConflict(t *testing.T) {
	ctx, c := t.Context(), newClock()
	d := inMemory(t, WithClock(c.now))
	k := datastore.NewKey("k")
	for range 2 {
		must(t, d.Put(ctx, k, []byte("0")))
		tx, err := d.NewTransaction(ctx, false)
		must(t, err)
		must(t, tx.Put(ctx, k, []byte("1")))
		must(t, d.SetTTL(ctx, k, time.Minute))
		if err := tx.Commit(ctx); !errors.Is(err, engine.ErrConflict) {
			t.Errorf("D10 violated: %v", err)
		}
		present(t, d, k, "0", c.now().Add(time.Minute))
	}
}

// Two datastores on one branch agree on when the side tree may be passed by:
// whichever of Put and the first PutWithTTL comes last decides about expiry.
func TestTTLFirstRace(t *testing.T) {
	for range 200 {
		d := inMemory(t)
		other := Wrap(d.Branch())
		k := datastore.NewKey("k")
		done := make(chan error, 2)
		go func() { done <- d.Put(context.Background(), k, []byte("plain")) }()
		go func() { done <- other.PutWithTTL(context.Background(), k, []byte("mortal"), time.Hour) }()
		must(t, errors.Join(<-done, <-done))
		v, err := d.Get(t.Context(), k)
		must(t, err)
		at, err := d.GetExpiration(t.Context(), k)
		must(t, err)
		if (string(v) == "plain") != at.IsZero() {
			t.Fatalf("D5 violated: %s expires %v", v, at)
		}
		must(t, d.Close())
	}
}

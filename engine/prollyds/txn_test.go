package prollyds

import (
	"errors"
	"testing"

	datastore "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

func TestTxn(t *testing.T) {
	ctx := t.Context()
	d := inMemory(t)
	fill(t, d, 5, 10)
	tx, err := d.NewTransaction(ctx, false)
	must(t, err)
	must(t, tx.Put(ctx, keyN(1), []byte("own")))
	must(t, tx.Delete(ctx, keyN(2)))
	must(t, tx.Put(ctx, keyN(7), make([]byte, 5000)))
	must(t, d.Put(ctx, keyN(3), []byte("foreign")))

	if v, err := tx.Get(ctx, keyN(1)); err != nil || string(v) != "own" {
		t.Errorf("%q %v", v, err)
	}
	if _, err := tx.Get(ctx, keyN(2)); err != datastore.ErrNotFound {
		t.Error(err)
	}
	if n, err := tx.GetSize(ctx, keyN(2)); n != -1 || err != datastore.ErrNotFound {
		t.Error(n, err)
	}
	if n, err := tx.GetSize(ctx, keyN(7)); n != 5000 || err != nil {
		t.Error(n, err)
	}
	if ok, err := tx.Has(ctx, keyN(2)); ok || err != nil {
		t.Error(ok, err)
	}
	if got := keysOfEntries(rest(t, tx, query.Query{KeysOnly: true})); got != "/k/000000 /k/000001 /k/000003 /k/000004 /k/000007" {
		t.Error(got)
	}
	if v, err := d.Get(ctx, keyN(1)); err != nil || string(v) == "own" {
		t.Errorf("D10 violated: seen before commit: %q %v", v, err)
	}
	if err := tx.Commit(ctx); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("D10 violated: the range that was read has changed: %v", err)
	}
	if v, err := d.Get(ctx, keyN(1)); err != nil || string(v) == "own" {
		t.Errorf("D10 violated: seen after a conflict: %q %v", v, err)
	}
	tx.Discard(ctx)

	tx, err = d.NewTransaction(ctx, false)
	must(t, err)
	must(t, tx.Put(ctx, keyN(1), []byte("own")))
	must(t, tx.Delete(ctx, keyN(2)))
	must(t, d.Put(ctx, keyN(3), []byte("again")))
	must(t, tx.Commit(ctx))
	if got := keysOfEntries(rest(t, d, query.Query{KeysOnly: true})); got != "/k/000000 /k/000001 /k/000003 /k/000004" {
		t.Error(got)
	}
	if _, err := tx.Get(ctx, keyN(1)); !errors.Is(err, engine.ErrTxDone) {
		t.Errorf("after Commit: %v", err)
	}
	if err := tx.Commit(ctx); !errors.Is(err, engine.ErrTxDone) {
		t.Errorf("Commit again: %v", err)
	}
	tx.Discard(ctx)
}

// D10: each way of reading makes a conflict of a later write, and of nothing
// else.
func TestTxnConflicts(t *testing.T) {
	ctx := t.Context()
	reads := map[string]func(datastore.Txn) error{
		"Get":     func(tx datastore.Txn) error { _, err := tx.Get(ctx, keyN(1)); return err },
		"Has":     func(tx datastore.Txn) error { _, err := tx.Has(ctx, keyN(1)); return err },
		"GetSize": func(tx datastore.Txn) error { _, err := tx.GetSize(ctx, keyN(1)); return err },
		"Query": func(tx datastore.Txn) error {
			r, err := tx.Query(ctx, query.Query{Prefix: "/k", Limit: 2})
			if err != nil {
				return err
			}
			_, err = r.Rest()
			return err
		},
	}
	for name, read := range reads {
		for _, near := range []bool{true, false} {
			d := inMemory(t)
			fill(t, d, 5, 10)
			tx, err := d.NewTransaction(ctx, false)
			must(t, err)
			must(t, read(tx))
			must(t, tx.Put(ctx, keyN(9), nil))
			if near {
				must(t, d.Delete(ctx, keyN(1)))
			} else {
				must(t, d.Delete(ctx, keyN(4)))
			}
			err = tx.Commit(ctx)
			if near != errors.Is(err, engine.ErrConflict) || !near && err != nil {
				t.Errorf("D10 violated: %s, near %v: %v", name, near, err)
			}
		}
	}
}

func TestTxnReadOnly(t *testing.T) {
	ctx := t.Context()
	d := inMemory(t)
	fill(t, d, 5, 10)
	tx, err := d.NewTransaction(ctx, true)
	must(t, err)
	if err := tx.Put(ctx, keyN(1), nil); !errors.Is(err, ErrReadOnlyTxn) {
		t.Error(err)
	}
	if err := tx.Delete(ctx, keyN(1)); !errors.Is(err, ErrReadOnlyTxn) {
		t.Error(err)
	}
	must(t, d.Delete(ctx, keyN(1)))
	if v, err := tx.Get(ctx, keyN(1)); err != nil || string(v) != string(valueN(1, 10)) {
		t.Errorf("D3 violated: %q %v", v, err)
	}
	must(t, tx.Commit(ctx))
}

// Writing while the results of a query are read, through the channel too,
// which go-datastore fills from another goroutine; the query shows the
// transaction as it was when its first result was taken.
func TestTxnWriteWhileReading(t *testing.T) {
	ctx := t.Context()
	for _, byChannel := range []bool{false, true} {
		d := inMemory(t)
		fill(t, d, 2000, 10)
		tx, err := d.NewTransaction(ctx, false)
		must(t, err)
		r, err := tx.Query(ctx, query.Query{KeysOnly: true})
		must(t, err)
		n := 0
		step := func(x query.Result) {
			must(t, x.Error)
			n++
			k := datastore.RawKey(x.Key)
			must(t, tx.Delete(ctx, k))
			must(t, tx.Put(ctx, k.ChildString("later"), nil))
		}
		if byChannel {
			for x := range r.Next() {
				step(x)
			}
		} else {
			for x, ok := r.NextSync(); ok; x, ok = r.NextSync() {
				step(x)
			}
		}
		must(t, r.Close())
		must(t, tx.Commit(ctx))
		if left := len(rest(t, d, query.Query{})); n != 2000 || left != 2000 {
			t.Errorf("%d results, %d entries", n, left)
		}
	}
}

// Results that are open when their transaction ends answer so.
func TestTxnEndsUnderQuery(t *testing.T) {
	ctx := t.Context()
	d := inMemory(t)
	fill(t, d, 1000, 10)
	for _, end := range []func(datastore.Txn){
		func(tx datastore.Txn) { must(t, tx.Commit(ctx)) },
		func(tx datastore.Txn) { tx.Discard(ctx) },
	} {
		tx, err := d.NewTransaction(ctx, false)
		must(t, err)
		r, err := tx.Query(ctx, query.Query{})
		must(t, err)
		if x, ok := r.NextSync(); !ok || x.Error != nil {
			t.Fatal(x)
		}
		end(tx)
		if x, ok := r.NextSync(); !ok || !errors.Is(x.Error, engine.ErrTxDone) {
			t.Errorf("%v %v", x, ok)
		}
	}
}

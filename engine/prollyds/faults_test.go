package prollyds

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	datastore "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/kv/memkv"
)

// The faults of go-ds-pebble, a test for each.

// fill puts entries with values of n bytes each, and folds them into the tree.
func fill(t testing.TB, d *Datastore, entries, n int) {
	t.Helper()
	for i := range entries {
		if err := d.Put(t.Context(), keyN(i), valueN(i, n)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Branch().Fold(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func keyN(i int) datastore.Key { return datastore.RawKey(fmt.Sprintf("/k/%06d", i)) }

func valueN(i, n int) []byte {
	return bytes.Repeat([]byte(fmt.Sprintf("%08x", uint32(i)*2654435761)), n/8+1)[:n]
}

func rest(t testing.TB, d datastore.Read, q query.Query) []query.Entry {
	t.Helper()
	r, err := d.Query(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	es, err := r.Rest()
	if err != nil {
		t.Fatal(err)
	}
	return es
}

// D1: sizes are set whether ReturnsSizes is or not.
func TestFaultSizeZeroWithoutReturnsSizes(t *testing.T) {
	d := inMemory(t)
	for _, n := range []int{0, 1, 100, 5000, 3 << 20} {
		if err := d.Put(t.Context(), datastore.NewKey(fmt.Sprint(n)), make([]byte, n)); err != nil {
			t.Fatal(err)
		}
	}
	for _, q := range []query.Query{{}, {KeysOnly: true}, {ReturnsSizes: true}, {KeysOnly: true, ReturnsSizes: true}} {
		es := rest(t, d, q)
		if len(es) != 5 {
			t.Fatalf("%v: %d entries", q, len(es))
		}
		for _, e := range es {
			if fmt.Sprintf("/%d", e.Size) != e.Key {
				t.Errorf("%v: %s has size %d", q, e.Key, e.Size)
			}
			if (e.Value == nil) != q.KeysOnly {
				t.Errorf("%v: value of %s: %v", q, e.Key, e.Value != nil)
			}
		}
	}
}

// D1: any number of orders, key orders among them.
func TestFaultTwoOrders(t *testing.T) {
	d := inMemory(t)
	for _, k := range []string{"/a", "/b", "/c", "/d"} {
		if err := d.Put(t.Context(), datastore.NewKey(k), []byte(k[1:] + "x")[:1+len(k)%2]); err != nil {
			t.Fatal(err)
		}
	}
	byLength := query.OrderByFunction(func(a, b query.Entry) int { return len(a.Value) - len(b.Value) })
	up, down := query.OrderByKey{}, query.OrderByKeyDescending{}
	for _, orders := range [][]query.Order{
		{up, down}, {down, up}, {&down, &up}, {byLength, down}, {byLength, up}, {query.OrderByValueDescending{}, byLength, up},
		{byLength, down, up, query.OrderByValue{}},
	} {
		got := rest(t, d, query.Query{Orders: orders})
		want := rest(t, d, query.Query{})
		query.Sort(orders, want)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%v: %v, want %v", orders, got, want)
		}
	}
}

// D7: a context that was cancelled before, for each method.
func TestFaultCancelledContext(t *testing.T) {
	d := inMemory(t)
	fill(t, d, 3, 10)
	ctx, cancel := context.WithCancel(t.Context())
	tx, err := d.NewTransaction(ctx, false)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Discard(t.Context())
	b, err := d.Batch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	for name, call := range calls(d, tx, b) {
		if err := call(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(rest(t, d, query.Query{})); n != 3 {
		t.Errorf("%d entries, 3 before", n)
	}
}

// calls are all calls that take a context, but Discard.
func calls(d *Datastore, tx datastore.Txn, b datastore.Batch) map[string]func(context.Context) error {
	k := keyN(1)
	key := func(k datastore.Key) Range { return Range{From: k} }
	return map[string]func(context.Context) error{
		"Get":            func(ctx context.Context) error { _, err := d.Get(ctx, k); return err },
		"Has":            func(ctx context.Context) error { _, err := d.Has(ctx, k); return err },
		"GetSize":        func(ctx context.Context) error { _, err := d.GetSize(ctx, k); return err },
		"GetExpiration":  func(ctx context.Context) error { _, err := d.GetExpiration(ctx, k); return err },
		"Query":          func(ctx context.Context) error { _, err := d.Query(ctx, query.Query{}); return err },
		"Seek":           func(ctx context.Context) error { _, err := d.Seek(ctx, k); return err },
		"SeekReverse":    func(ctx context.Context) error { _, err := d.SeekReverse(ctx, k); return err },
		"Entries":        func(ctx context.Context) error { return firstError(d.Entries(ctx, key(k))) },
		"Keys":           func(ctx context.Context) error { return firstError(d.Keys(ctx, key(k))) },
		"Put":            func(ctx context.Context) error { return d.Put(ctx, k, nil) },
		"Delete":         func(ctx context.Context) error { return d.Delete(ctx, k) },
		"PutWithTTL":     func(ctx context.Context) error { return d.PutWithTTL(ctx, k, nil, 1) },
		"SetTTL":         func(ctx context.Context) error { return d.SetTTL(ctx, k, 1) },
		"Batch":          func(ctx context.Context) error { _, err := d.Batch(ctx); return err },
		"Batch.Put":      func(ctx context.Context) error { return b.Put(ctx, k, nil) },
		"Batch.Delete":   func(ctx context.Context) error { return b.Delete(ctx, k) },
		"Batch.Commit":   func(ctx context.Context) error { return b.Commit(ctx) },
		"NewTransaction": func(ctx context.Context) error { _, err := d.NewTransaction(ctx, false); return err },
		"Txn.Get":        func(ctx context.Context) error { _, err := tx.Get(ctx, k); return err },
		"Txn.Has":        func(ctx context.Context) error { _, err := tx.Has(ctx, k); return err },
		"Txn.GetSize":    func(ctx context.Context) error { _, err := tx.GetSize(ctx, k); return err },
		"Txn.Query":      func(ctx context.Context) error { _, err := tx.Query(ctx, query.Query{}); return err },
		"Txn.Put":        func(ctx context.Context) error { return tx.Put(ctx, k, nil) },
		"Txn.Delete":     func(ctx context.Context) error { return tx.Delete(ctx, k) },
		"Txn.Commit":     func(ctx context.Context) error { return tx.Commit(ctx) },
		"Sync":           func(ctx context.Context) error { return d.Sync(ctx, k) },
		"CollectGarbage": func(ctx context.Context) error { return d.CollectGarbage(ctx) },
		"Check":          func(ctx context.Context) error { return d.Check(ctx) },
		"Scrub":          func(ctx context.Context) error { return d.Scrub(ctx) },
		"DiskUsage":      func(ctx context.Context) error { _, err := d.DiskUsage(ctx); return err },
	}
}

func firstError[T any](seq func(func(T, error) bool)) error {
	for _, err := range seq {
		return err
	}
	return nil
}

// D7: a context cancelled half way ends a query with its error and gives back
// what the query held, though nobody closes it.
func TestFaultCancelledInTheMidst(t *testing.T) {
	d := inMemory(t)
	fill(t, d, 2000, 10)
	for _, q := range []query.Query{{}, {KeysOnly: true}, {Orders: []query.Order{query.OrderByValue{}}}} {
		for _, after := range []int{0, 1, 15, 16, 17, 700} {
			ctx, cancel := context.WithCancel(t.Context())
			r, err := d.Query(ctx, q)
			if err != nil {
				t.Fatal(err)
			}
			for range after {
				if x, ok := r.NextSync(); !ok || x.Error != nil {
					t.Fatal(ok, x.Error)
				}
			}
			cancel()
			if x, ok := r.NextSync(); !ok || !errors.Is(x.Error, context.Canceled) {
				t.Errorf("%v after %d: %v %v", q, after, ok, x)
			}
			if x, ok := r.NextSync(); ok {
				t.Errorf("%v after %d and the error: %v", q, after, x)
			}
		}
	}
}

// D9: who cancels and forgets leaves nothing behind.
func TestFaultCancelledAndForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, err := engine.New(memkv.New(), nil)
		must(t, err)
		defer func() { must(t, e.Close()) }()
		b, err := e.Branch(t.Context(), "main")
		must(t, err)
		d := Wrap(b)
		fill(t, d, 100, 10)
		ctx, cancel := context.WithCancel(t.Context())
		for _, from := range []datastore.Read{d, must1(d.NewTransaction(ctx, true))} {
			r, err := from.Query(ctx, query.Query{})
			must(t, err)
			if x, ok := r.NextSync(); !ok || x.Error != nil {
				t.Fatal(x)
			}
		}
		cancel()
		synctest.Wait()
		if n := d.cursors.len(); n != 0 {
			t.Errorf("D9 violated: %d cursors left", n)
		}
	})
}

func must1[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// D2: a read that fails, at every position in turn, is reported as the last
// result, and what comes before it is right.
func TestFaultIteratorErrorDropped(t *testing.T) {
	for name, ttl := range map[string]time.Duration{"immortal": 0, "mortal": 1 << 60} {
		t.Run(name, func(t *testing.T) {
			disk := memkv.NewDisk(memkv.Options{})
			d, _ := reopened(t, disk)
			fill(t, d, 300, 300)
			fill(t, d, 3, 3000) // out of line
			for i := 0; i < 300 && ttl > 0; i++ {
				must(t, d.SetTTL(t.Context(), keyN(i), ttl))
			}
			_, err := d.Branch().Fold(t.Context())
			must(t, err)
			for _, q := range []query.Query{
				{},
				{KeysOnly: true, Prefix: "/k"},
				{Orders: []query.Order{query.OrderByKeyDescending{}}, Offset: 40, Limit: 90},
				{Orders: []query.Order{query.OrderByValue{}}},
				{Filters: []query.Filter{query.FilterValueCompare{Op: query.NotEqual}}},
			} {
				want := rest(t, d, q)
				must(t, d.Close())
				if faults := sweepFaults(t, disk, q, want); faults < 10 {
					t.Errorf("%v: only %d reads could fail", q, faults)
				}
				d, _ = reopened(t, disk)
			}
		})
	}
}

// sweepFaults runs a query with a fault at each read in turn, and returns how
// many reads there were.
func sweepFaults(t *testing.T, disk *memkv.Disk, q query.Query, want []query.Entry) (faults int) {
	t.Helper()
	for at := int64(1); ; at++ {
		d, s := reopened(t, disk)
		s.failFrom(at, at%2 == 0)
		got, err := restOrError(t, d, q)
		failed := s.failed.Load() > 0
		s.failFrom(0, false)
		if failed != errors.Is(err, errFault) || !failed && err != nil {
			t.Fatalf("D2 violated: %v, read %d failed: %v, answer: %v", q, at, failed, err)
		}
		if err == nil && len(got) != len(want) || len(got) > len(want) || !sameEntries(got, want[:len(got)]) {
			t.Fatalf("D2 violated: %v, read %d: %d results of %d, error %v", q, at, len(got), len(want), err)
		}
		must(t, d.Close())
		if !failed {
			return faults
		}
		faults++
	}
}

// D9: go-datastore's Rest does not close results after an error; nothing is
// left of them all the same, wherever the error stands in a batch.
func TestFaultLeakAfterError(t *testing.T) {
	disk := memkv.NewDisk(memkv.Options{})
	d, _ := reopened(t, disk)
	fill(t, d, 1000, 50)
	for at := int64(1); at < 12; at++ {
		must(t, d.Close())
		var s *watchedStore
		d, s = reopened(t, disk)
		s.failFrom(at, true)
		r, err := d.Query(t.Context(), query.Query{})
		must(t, err)
		if _, err := r.Rest(); !errors.Is(err, errFault) {
			t.Fatalf("read %d: %v", at, err)
		}
		if n := d.cursors.len(); n != 0 {
			t.Errorf("D9 violated: read %d: %d cursors left", at, n)
		}
	}
}

// restOrError reads results one by one and expects nothing after an error.
func restOrError(t *testing.T, d *Datastore, q query.Query) (es []query.Entry, err error) {
	t.Helper()
	r, err := d.Query(t.Context(), q)
	if err != nil {
		return nil, err
	}
	for {
		x, ok := r.NextSync()
		if !ok {
			return es, err
		}
		if err != nil {
			t.Fatalf("D2 violated: %v after error %v", x, err)
		}
		if err = x.Error; err == nil {
			es = append(es, x.Entry)
		}
	}
}

// D6: neither Has nor GetSize nor queries for keys read values that stand out
// of line.
func TestFaultHasReadsValue(t *testing.T) {
	d, s := watched(t)
	fill(t, d, 20, 100_000)
	check := func(what string, f func() error) {
		t.Helper()
		s.blobs.Store(0)
		if err := f(); err != nil {
			t.Fatal(err)
		}
		if n := s.blobs.Load(); n != 0 {
			t.Errorf("D6 violated: %s read %d blobs", what, n)
		}
	}
	for _, state := range []string{"folded", "staged"} {
		check(state+" Has", func() error {
			ok, err := d.Has(t.Context(), keyN(7))
			if !ok {
				t.Error("not there")
			}
			return err
		})
		check(state+" GetSize", func() error {
			n, err := d.GetSize(t.Context(), keyN(7))
			if n != 100_000 {
				t.Error("size", n)
			}
			return err
		})
		check(state+" Query", func() error {
			r, err := d.Query(t.Context(), query.Query{KeysOnly: true, ReturnsSizes: true})
			if err != nil {
				return err
			}
			es, err := r.Rest()
			if len(es) != 20 || es[7].Size != 100_000 {
				t.Error(len(es))
			}
			return err
		})
		check(state+" Keys", func() error {
			for _, err := range d.Keys(t.Context(), Range{}) {
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err := d.Put(t.Context(), keyN(7), valueN(8, 100_000)); err != nil {
			t.Fatal(err)
		}
	}
	s.blobs.Store(0)
	if _, err := d.Get(t.Context(), keyN(7)); err != nil || s.blobs.Load() == 0 {
		t.Errorf("Get read %d blobs: %v", s.blobs.Load(), err)
	}
}

// D8: closing a datastore leaves the engine that it was lent open.
func TestFaultClosesLentDB(t *testing.T) {
	e, err := engine.New(memkv.New(), nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := e.Branch(t.Context(), "lent")
	if err != nil {
		t.Fatal(err)
	}
	one, two := Wrap(b), Wrap(b)
	if err := one.Put(t.Context(), keyN(1), []byte("x")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := one.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := one.Get(t.Context(), keyN(1)); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if v, err := two.Get(t.Context(), keyN(1)); err != nil || string(v) != "x" {
		t.Errorf("the other one: %q %v", v, err)
	}
	if err := e.Close(); err != nil {
		t.Errorf("engine: %v", err)
	}
	if _, err := two.Get(t.Context(), keyN(1)); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("engine closed: %v", err)
	}
	if err := two.Close(); err != nil {
		t.Error(err)
	}
}

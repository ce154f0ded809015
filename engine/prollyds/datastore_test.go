package prollyds

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cid "github.com/ipfs/go-cid"
	datastore "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
	mh "github.com/multiformats/go-multihash"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Values of all lengths come back, from staging and from the tree.
func TestValues(t *testing.T) {
	ctx := t.Context()
	for name, d := range map[string]*Datastore{"memory": inMemory(t), "pebble": onPebble(t)} {
		values := [][]byte{nil, {}, {0}}
		for _, n := range []int{1270, 1280, 4000, 256 << 10, 1 << 20, 1<<20 + 1, 3 << 20} {
			values = append(values, valueN(n, n))
		}
		for _, fold := range []bool{false, true} {
			for i, v := range values {
				if !fold {
					must(t, d.Put(ctx, keyN(i), v))
				}
			}
			if fold {
				_, err := d.Branch().Fold(ctx)
				must(t, err)
			}
			es := rest(t, d, query.Query{})
			for i, v := range values {
				got, err := d.Get(ctx, keyN(i))
				if err != nil || got == nil || !bytes.Equal(got, v) {
					t.Errorf("%s: %d bytes: %d bytes, %v", name, len(v), len(got), err)
				}
				if n, err := d.GetSize(ctx, keyN(i)); n != len(v) || err != nil {
					t.Errorf("%s: size %d: %d %v", name, len(v), n, err)
				}
				if e := es[i]; e.Value == nil || !bytes.Equal(e.Value, v) || e.Size != len(v) {
					t.Errorf("%s: query of %d bytes: %d bytes", name, len(v), len(e.Value))
				}
			}
		}
	}
}

// Keys have 1 to MaxKey bytes; others are refused by everything that takes one.
func TestKeys(t *testing.T) {
	ctx := t.Context()
	d := inMemory(t)
	longest := datastore.RawKey("/" + strings.Repeat("k", MaxKey-1))
	for _, k := range []datastore.Key{datastore.RawKey("/"), longest} {
		must(t, d.PutWithTTL(ctx, k, []byte("v"), time.Hour))
		if v, err := d.Get(ctx, k); err != nil || string(v) != "v" {
			t.Errorf("%d bytes: %q %v", len(k.String()), v, err)
		}
	}
	if n := len(rest(t, d, query.Query{})); n != 2 {
		t.Errorf("%d entries", n)
	}
	tx, err := d.NewTransaction(ctx, false)
	must(t, err)
	defer tx.Discard(ctx)
	b, err := d.Batch(ctx)
	must(t, err)
	for _, c := range []struct {
		k   datastore.Key
		err error
	}{{datastore.Key{}, prolly.ErrKeyEmpty}, {datastore.RawKey("/" + longKey), prolly.ErrKeyTooLong}} {
		for name, err := range map[string]error{
			"Put": d.Put(ctx, c.k, nil), "Delete": d.Delete(ctx, c.k), "PutWithTTL": d.PutWithTTL(ctx, c.k, nil, 1), "SetTTL": d.SetTTL(ctx, c.k, 1),
			"Batch.Put": b.Put(ctx, c.k, nil), "Batch.Delete": b.Delete(ctx, c.k), "Txn.Put": tx.Put(ctx, c.k, nil), "Txn.Delete": tx.Delete(ctx, c.k),
			"Get": second(d.Get(ctx, c.k)), "Has": second(d.Has(ctx, c.k)), "GetSize": second(d.GetSize(ctx, c.k)), "GetExpiration": second(d.GetExpiration(ctx, c.k)),
			"Txn.Get": second(tx.Get(ctx, c.k)), "Txn.Has": second(tx.Has(ctx, c.k)), "Txn.GetSize": second(tx.GetSize(ctx, c.k)),
		} {
			if !errors.Is(err, c.err) {
				t.Errorf("%s of %d bytes: %v", name, len(c.k.String()), err)
			}
			if len(fmt.Sprint(err)) > 200 {
				t.Errorf("%s: an error of %d bytes", name, len(fmt.Sprint(err)))
			}
		}
	}
	must(t, b.Commit(ctx))
}

func second[T any](_ T, err error) error { return err }

// A batch is nothing until Commit, everything after it, and then done.
func TestBatch(t *testing.T) {
	ctx := t.Context()
	d := inMemory(t)
	fill(t, d, 3, 10)
	b, err := d.Batch(ctx)
	must(t, err)
	must(t, b.Delete(ctx, keyN(0)))
	must(t, b.Put(ctx, keyN(5), []byte("1")))
	must(t, b.Put(ctx, keyN(5), []byte("2")))
	must(t, b.Put(ctx, keyN(6), []byte("3")))
	must(t, b.Delete(ctx, keyN(6)))
	if n := len(rest(t, d, query.Query{})); n != 3 {
		t.Errorf("%d entries before Commit", n)
	}
	must(t, b.Commit(ctx))
	if got := keysOfEntries(rest(t, d, query.Query{})); got != "/k/000001 /k/000002 /k/000005" {
		t.Error(got)
	}
	if v, err := d.Get(ctx, keyN(5)); err != nil || string(v) != "2" {
		t.Errorf("%s %v", v, err)
	}
	for _, err := range []error{b.Put(ctx, keyN(1), nil), b.Delete(ctx, keyN(1)), b.Commit(ctx)} {
		if !errors.Is(err, ErrBatchDone) {
			t.Error(err)
		}
	}
}

// A batch larger than what is staged at most, with expiry times to look after
// and without.
func TestBatchLarge(t *testing.T) {
	ctx := t.Context()
	for _, mortal := range []bool{false, true} {
		d := inMemory(t)
		if mortal {
			must(t, d.PutWithTTL(ctx, keyN(7), nil, time.Hour))
		}
		b, err := d.Batch(ctx)
		must(t, err)
		const n = 40_000 // of a kilobyte: more than an update, and than StagingBytes
		for i := range n {
			must(t, b.Put(ctx, keyN(i), valueN(i, 1000)))
		}
		must(t, b.Commit(ctx))
		es := rest(t, d, query.Query{ReturnExpirations: true})
		if len(es) != n {
			t.Fatalf("%d entries", len(es))
		}
		for i, e := range es {
			if !bytes.Equal(e.Value, valueN(i, 1000)) || !e.Expiration.IsZero() {
				t.Fatalf("%s: %d bytes, expires %v", e.Key, len(e.Value), e.Expiration)
			}
		}
	}
}

// In a branch that was wrapped: keys that go-datastore cannot name do not show,
// links read as CIDs, and the datastore's writes are the branch's.
func TestWrap(t *testing.T) {
	ctx := t.Context()
	d := inMemory(t)
	hash, err := mh.Sum([]byte("x"), mh.SHA2_256, -1)
	must(t, err)
	link := cid.NewCidV1(cid.Raw, hash)
	must(t, d.Branch().Apply(ctx, []prolly.Edit{
		{Key: []byte("no slash"), Value: prolly.Value{Bytes: []byte("hidden")}},
		{Key: []byte{0xff}, Value: prolly.Value{Bytes: []byte("hidden")}},
		{Key: []byte("/link"), Value: prolly.Value{Link: link}},
	}))
	must(t, d.Put(ctx, datastore.NewKey("own"), []byte("v")))
	for range 2 {
		es := rest(t, d, query.Query{})
		if keysOfEntries(es) != "/link /own" || !bytes.Equal(es[0].Value, link.Bytes()) || es[0].Size != link.ByteLen() {
			t.Errorf("%v", es)
		}
		if v, err := d.Get(ctx, datastore.NewKey("link")); err != nil || !bytes.Equal(v, link.Bytes()) {
			t.Errorf("%x %v", v, err)
		}
		if n, err := d.GetSize(ctx, datastore.NewKey("link")); err != nil || n != link.ByteLen() {
			t.Error(n, err)
		}
		if v, err := d.Branch().Get(ctx, []byte("/own")); err != nil || string(v) != "v" {
			t.Errorf("%s %v", v, err)
		}
		_, err := d.Branch().Fold(ctx)
		must(t, err)
	}
}

// Without options a write waits for no disk, and Sync does; with
// engine.Sync each write does.
func TestDurability(t *testing.T) {
	ctx := t.Context()
	for _, c := range []struct {
		opts  []Option
		syncs int64
	}{{nil, 0}, {[]Option{WithDurability(engine.Sync)}, 1}} {
		d, s := watched(t, c.opts...)
		check := func(what string, want int64, f func() error) {
			t.Helper()
			before := s.syncs.Load()
			must(t, f())
			if n := s.syncs.Load() - before; n != want {
				t.Errorf("%s: %d syncs, want %d", what, n, want)
			}
		}
		check("Put", c.syncs, func() error { return d.Put(ctx, keyN(1), nil) })
		check("Delete", c.syncs, func() error { return d.Delete(ctx, keyN(2)) })
		check("PutWithTTL", c.syncs, func() error { return d.PutWithTTL(ctx, keyN(1), nil, time.Hour) })
		check("SetTTL", c.syncs, func() error { return d.SetTTL(ctx, keyN(1), time.Hour) })
		check("Put over a TTL", c.syncs, func() error { return d.Put(ctx, keyN(1), nil) })
		check("Batch", c.syncs, func() error {
			b, err := d.Batch(ctx)
			return errors.Join(err, b.Put(ctx, keyN(1), nil), b.Commit(ctx))
		})
		check("Txn", c.syncs, func() error {
			tx, err := d.NewTransaction(ctx, false)
			return errors.Join(err, tx.Put(ctx, keyN(1), nil), tx.Commit(ctx))
		})
		check("Sync", 1, func() error { return d.Sync(ctx, keyN(1)) })
	}
}

// Without WithHistory there is none; with it there is a commit for each Sync
// that has something to record.
func TestHistory(t *testing.T) {
	ctx, c := t.Context(), newClock()
	d := inMemory(t)
	must(t, d.Put(ctx, keyN(1), nil))
	must(t, d.Sync(ctx, keyN(1)))
	if _, err := d.Branch().Head(ctx); !errors.Is(err, engine.ErrNoCommit) {
		t.Errorf("history without being asked: %v", err)
	}
	d = inMemory(t, WithHistory(), WithClock(c.now))
	for i := range 3 {
		must(t, d.Put(ctx, keyN(i), valueN(i, 2000)))
		must(t, d.Sync(ctx, keyN(1)))
		must(t, d.Sync(ctx, keyN(1))) // nothing new
	}
	must(t, d.PutWithTTL(ctx, keyN(2), valueN(2, 2000), time.Hour))
	must(t, d.Sync(ctx, keyN(1))) // the same tree
	var entries []uint64
	for commit, err := range d.Branch().Log(ctx, engine.LogOptions{}) {
		must(t, err)
		s, err := d.Branch().Engine().Tree(ctx, commit.CID)
		must(t, err)
		entries = append(entries, s.Tree().Len())
		must(t, s.Close())
	}
	if fmt.Sprint(entries) != "[3 2 1]" {
		t.Errorf("commits with %v entries", entries)
	}
}

// What Sync made durable is there after reopening; the options of opening.
func TestReopen(t *testing.T) {
	ctx := t.Context()
	dir := filepath.Join(t.TempDir(), "store")
	if _, err := NewDatastore(dir, WithReadOnly()); !errors.Is(err, engine.ErrNoStore) {
		t.Errorf("read-only without a store: %v", err)
	}
	d, err := NewDatastore(dir, WithBranch("a"), WithCacheBytes(1<<20), WithStagingBytes(1<<20))
	must(t, err)
	must(t, d.Put(ctx, keyN(1), []byte("v")))
	must(t, d.Sync(ctx, keyN(1)))
	if _, err := NewDatastore(dir); !errors.Is(err, engine.ErrLocked) {
		t.Errorf("opened twice: %v", err)
	}
	must(t, d.Close())

	d, err = NewDatastore(dir, WithBranch("a"), WithReadOnly())
	must(t, err)
	if v, err := d.Get(ctx, keyN(1)); err != nil || string(v) != "v" {
		t.Errorf("%s %v", v, err)
	}
	for name, err := range map[string]error{
		"Put": d.Put(ctx, keyN(1), nil), "Delete": d.Delete(ctx, keyN(1)),
		"PutWithTTL": d.PutWithTTL(ctx, keyN(1), nil, 1), "SetTTL": d.SetTTL(ctx, keyN(1), 1),
		"CollectGarbage": d.CollectGarbage(ctx),
	} {
		if !errors.Is(err, engine.ErrReadOnly) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, d.Close())
	if _, err := NewDatastore(dir, WithBranch("b"), WithReadOnly()); !errors.Is(err, engine.ErrNoBranch) {
		t.Errorf("read-only without a branch: %v", err)
	}
	if _, err := NewDatastore(dir, WithBranch("-")); !errors.Is(err, engine.ErrBadName) {
		t.Errorf("bad name: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, []byte("no store"), 0o600))
	if _, err := NewDatastore(file); err == nil {
		t.Error("opened a file")
	}
}

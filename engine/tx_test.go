package engine

import (
	"errors"
	"fmt"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// TestTxConflicts: what a transaction did, what another did meanwhile, and
// whether it may commit (E7).
func TestTxConflicts(t *testing.T) {
	get := func(k string) func(*Tx) error {
		return func(tx *Tx) error {
			_, err := tx.Get(ctx, []byte(k))
			if errors.Is(err, ErrNotFound) {
				err = nil
			}
			return err
		}
	}
	scan := func(q prolly.Range, most int) func(*Tx) error {
		return func(tx *Tx) error {
			n := 0
			for _, err := range tx.Range(ctx, q) {
				if n++; err != nil || n == most {
					return err
				}
			}
			return nil
		}
	}
	from := func(k string, limit int, reverse bool) prolly.Range {
		return prolly.Range{From: []byte(k), To: []byte("y"), Limit: limit, Reverse: reverse}
	}
	put := func(k string) func(*Branch) error {
		return func(b *Branch) error { return b.Put(ctx, []byte(k), []byte("other")) }
	}
	for _, c := range []struct {
		name     string
		mine     func(*Tx) error
		others   func(*Branch) error
		conflict bool
	}{
		{"key read", get("b"), put("b"), true},
		{"key read, not there", get("bb"), put("bb"), true},
		{"key read, another written", get("b"), put("bb"), false},
		{"key read, deleted", get("b"), func(b *Branch) error { return b.Delete(ctx, []byte("b")) }, true},
		{"read nothing", func(*Tx) error { return nil }, put("b"), false},
		{"own write read", func(tx *Tx) error { return errors.Join(tx.Put(ctx, []byte("b"), nil), get("b")(tx)) }, put("b"), false},
		{"has", func(tx *Tx) error { return errorOf(tx.Has(ctx, []byte("b"))) }, put("b"), true},
		{"lookup", func(tx *Tx) error { return errorOf(tx.Lookup(ctx, []byte("b"))) }, put("b"), true},
		{"phantom", scan(from("c", 0, false), 0), put("cc"), true},
		{"first key of range", scan(from("c", 0, false), 0), put("c"), true},
		{"before range", scan(from("c", 0, false), 0), put("b"), false},
		{"end of range", scan(from("c", 0, false), 0), put("y"), false},
		{"last of range", scan(from("c", 0, false), 0), put("xzzz"), true},
		{"after the limit", scan(from("b", 2, false), 0), put("d"), false},
		{"at the limit", scan(from("b", 2, false), 0), put("c"), true},
		{"between limit and next", scan(from("b", 2, false), 0), put("cc"), false},
		{"broken off", scan(from("b", 0, false), 1), put("c"), false},
		{"broken off at", scan(from("b", 0, false), 1), put("b"), true},
		{"reverse, passed over", scan(from("a", 2, true), 0), put("x"), true},
		{"reverse, not passed over", scan(from("a", 1, true), 0), put("b"), false},
		{"prefix", scan(prolly.Range{Prefix: []byte("b")}, 0), put("bzz"), true},
		{"beside prefix", scan(prolly.Range{Prefix: []byte("b")}, 0), put("c"), false},
		{"empty range", scan(prolly.Range{From: []byte("z"), To: []byte("a")}, 0), put("m"), false},
		{"side written", get("b"), func(b *Branch) error {
			return b.Update(ctx, func(u *Update) error { return u.Side().Put(ctx, []byte("b"), nil) })
		}, false},
		{"loaded", get("b"), func(b *Branch) error {
			return errorOf(b.Load(ctx, func(yield func(prolly.Entry, error) bool) { yield(prolly.Entry{Key: []byte("zz")}, nil) }))
		}, true},
		{"loaded, read nothing", func(*Tx) error { return nil }, func(b *Branch) error {
			return errorOf(b.Load(ctx, func(yield func(prolly.Entry, error) bool) { yield(prolly.Entry{Key: []byte("zz")}, nil) }))
		}, false},
		{"only folded", get("b"), func(b *Branch) error { return errorOf(b.Fold(ctx)) }, false},
	} {
		for _, folds := range []int{0, 1, 3} {
			t.Run(fmt.Sprintf("%s, %d folds", c.name, folds), func(t *testing.T) {
				e := startTest(t, memory(), nil)
				b := must(e.Branch(ctx, "main"))(t)
				for _, k := range []string{"b", "c", "d", "x"} {
					do(t, b.Put(ctx, []byte(k), []byte("first")))
				}
				tx := must(b.Begin(ctx))(t)
				do(t, c.mine(tx))
				do(t, tx.Put(ctx, []byte("mine"), nil))
				do(t, c.others(b))
				for i := range folds {
					must(b.Fold(ctx))(t)
					do(t, b.Put(ctx, fmt.Appendf(nil, "zzz %d", i), nil))
				}
				err := tx.Commit(ctx)
				if conflict := errors.Is(err, ErrConflict); conflict != c.conflict || err != nil && !conflict {
					t.Errorf("commit: %v", err)
				}
				if has := must(b.Has(ctx, []byte("mine")))(t); has == c.conflict {
					t.Errorf("written: %v", has)
				}
				want(t, tx.Commit(ctx), ErrTxDone)
				if n := e.pins.len(); n != 0 {
					t.Errorf("%d pins left", n)
				}
			})
		}
	}
}

// TestTxLongValues: a transaction sees its own long values, and they are
// stored when it commits and not before.
func TestTxLongValues(t *testing.T) {
	e := startTest(t, memory(), nil)
	b := must(e.Branch(ctx, "main"))(t)
	tx := must(b.Begin(ctx))(t)
	long := make([]byte, 2<<20)
	do(t, tx.Put(ctx, []byte("long"), long))
	if v := must(tx.Get(ctx, []byte("long")))(t); len(v) != len(long) {
		t.Errorf("%d bytes", len(v))
	}
	if n := e.Stats().BlobWrites; n != 0 {
		t.Errorf("%d blobs written", n)
	}
	do(t, tx.Commit(ctx))
	if v := must(b.Get(ctx, []byte("long")))(t); len(v) != len(long) {
		t.Errorf("%d bytes", len(v))
	}
}

// TestUpdate: an update that fails, or panics, does nothing and lets others
// write; what it hands out is of no use afterwards.
func TestUpdate(t *testing.T) {
	e := startTest(t, memory(), nil)
	b := must(e.Branch(ctx, "main"))(t)
	var left *Root
	func() {
		defer func() { _ = recover() }()
		_ = b.Update(ctx, func(u *Update) error {
			left = u.Tree()
			do(t, u.Tree().Put(ctx, []byte("a"), nil))
			panic("out")
		})
	}()
	if ok := must(b.Has(ctx, []byte("a")))(t); ok {
		t.Error("a panic wrote")
	}
	want(t, left.Put(ctx, []byte("a"), nil), ErrTxDone)
	_, err := left.Get(ctx, []byte("a"))
	want(t, err, ErrTxDone)
	do(t, b.Put(ctx, []byte("b"), nil))
	must(e.GC(ctx, GCOptions{}))(t)
}

// TestTxLeftBehind: a transaction does not keep all in memory that is written
// while it is open; in the end it conflicts, unless it has read nothing.
func TestTxLeftBehind(t *testing.T) {
	e := startTest(t, memory(), &Options{StagingBytes: 4 << 10})
	b := must(e.Branch(ctx, "main"))(t)
	reader, blind := must(b.Begin(ctx))(t), must(b.Begin(ctx))(t)
	must(reader.Has(ctx, []byte("a")))(t)
	for _, tx := range []*Tx{reader, blind} {
		do(t, tx.Put(ctx, []byte("b"), nil))
	}
	for i := 0; reader.begin.Load() != nil; i++ {
		do(t, b.Put(ctx, fmt.Appendf(nil, "other %d", i), make([]byte, 500), NoSync))
		if total := b.step.Load().before; total > 3*txBehind*4<<10 {
			t.Fatalf("%d bytes staged, and all in memory", total)
		}
	}
	want(t, reader.Commit(ctx), ErrConflict)
	do(t, blind.Commit(ctx))
}

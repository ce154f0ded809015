package engine

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/kv/memkv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

func memoryBranch(t *testing.T) *Branch {
	t.Helper()
	e, err := New(memkv.New(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	b, err := e.Branch(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// putBoth sets key in both trees in one step.
func putBoth(t *testing.T, b *Branch, key, value string) {
	t.Helper()
	err := b.Update(t.Context(), func(u *Update) error {
		return errors.Join(
			u.Tree().Put(t.Context(), []byte(key), []byte(value)),
			u.Side().Put(t.Context(), []byte(key), []byte(value)))
	}, NoSync)
	if err != nil {
		t.Fatal(err)
	}
}

type ranger interface {
	Range(context.Context, prolly.Range) iter.Seq2[prolly.Entry, error]
}

func contentOf(t *testing.T, v ranger) (s string) {
	t.Helper()
	for e, err := range v.Range(t.Context(), prolly.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		s += fmt.Sprintf("%s=%s ", e.Key, e.Value.Bytes)
	}
	return s
}

// A moment stays as it was, in both trees, whatever is written and folded.
func TestMomentStays(t *testing.T) {
	b := memoryBranch(t)
	putBoth(t, b, "a", "1")
	if _, err := b.Fold(t.Context()); err != nil {
		t.Fatal(err)
	}
	putBoth(t, b, "b", "1")
	m, err := b.Moment(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := m.Tree().Folded(); ok {
		t.Error("folded, with an edit staged")
	}
	putBoth(t, b, "a", "2")
	putBoth(t, b, "c", "1")
	if _, err := b.Fold(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, v := range []View{m.Tree(), m.Side()} {
		if got := contentOf(t, v); got != "a=1 b=1 " {
			t.Errorf("root %d: %s", v.root, got)
		}
	}
	m.Close()
	m.Close()
	if _, err := m.Tree().Get(t.Context(), []byte("a")); !errors.Is(err, ErrClosed) {
		t.Errorf("read after Close: %v", err)
	}
	if n := b.e.pins.len(); n != 0 {
		t.Errorf("%d pins left", n)
	}
}

// Folded gives the tree once nothing is staged over it.
func TestMomentFolded(t *testing.T) {
	b := memoryBranch(t)
	putBoth(t, b, "a", "1")
	root, err := b.Fold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m, err := b.Moment(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if tree, ok := m.Tree().Folded(); !ok || tree.Root() != root {
		t.Errorf("folded: %v %v", ok, tree.Root())
	}
}

// Side.Empty sees what is staged, what is folded, and that both are gone.
func TestSideEmpty(t *testing.T) {
	b := memoryBranch(t)
	want := func(empty bool) {
		t.Helper()
		if got := b.Side().Empty(); got != empty {
			t.Errorf("empty: %v, want %v", got, empty)
		}
	}
	fold := func() {
		if _, err := b.Fold(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	want(true)
	if err := b.Put(t.Context(), []byte("a"), nil); err != nil {
		t.Fatal(err)
	}
	want(true)
	putBoth(t, b, "a", "1")
	want(false)
	fold()
	want(false)
	err := b.Update(t.Context(), func(u *Update) error { return u.Side().Delete(t.Context(), []byte("a")) })
	if err != nil {
		t.Fatal(err)
	}
	fold()
	want(true)
}

// A transaction's edits of both trees are one step, and what it read of either
// makes a conflict when it changes.
func TestTxSide(t *testing.T) {
	b := memoryBranch(t)
	putBoth(t, b, "a", "1")
	begin := func() *Tx {
		tx, err := b.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return tx
	}
	tx := begin()
	if err := tx.Put(t.Context(), []byte("b"), []byte("tree")); err != nil {
		t.Fatal(err)
	}
	if err := tx.Side().Put(t.Context(), []byte("b"), []byte("side")); err != nil {
		t.Fatal(err)
	}
	if got := contentOf(t, tx.Side()); got != "a=1 b=side " {
		t.Errorf("the transaction sees %s", got)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if tree, side := contentOf(t, b), contentOf(t, b.Side()); tree != "a=1 b=tree " || side != "a=1 b=side " {
		t.Errorf("tree %s, side %s", tree, side)
	}
	for _, read := range []func(*Tx) error{
		func(tx *Tx) error { _, err := tx.Side().Has(t.Context(), []byte("b")); return err },
		func(tx *Tx) error { contentOf(t, tx.Side()); return nil },
	} {
		tx := begin()
		if err := read(tx); err != nil {
			t.Fatal(err)
		}
		if err := tx.Put(t.Context(), []byte("x"), nil); err != nil {
			t.Fatal(err)
		}
		err := b.Update(t.Context(), func(u *Update) error { return u.Side().Delete(t.Context(), []byte("b")) })
		if err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(t.Context()); !errors.Is(err, ErrConflict) {
			t.Errorf("commit over a changed side tree: %v", err)
		}
		putBoth(t, b, "b", "again")
	}
}

package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// withStore opens the store alone, and gives it to f.
func withStore(t *testing.T, open opener, f func(kv.Store)) {
	t.Helper()
	s := must(open())(t)
	f(s)
	do(t, s.Close())
}

func commitBatch(t *testing.T, s kv.Store, fill func(kv.Batch) error) {
	t.Helper()
	batch := s.NewBatch()
	do(t, fill(batch))
	do(t, batch.Commit(ctx))
}

// TestRecovery: what is staged is there after opening again, folded or not,
// records left over from before a fold included (E2).
func TestRecovery(t *testing.T) {
	over(t, func(t *testing.T, open opener) {
		e := start(t, open, nil)
		b := must(e.Branch(ctx, "main"))(t)
		long := bytes.Repeat([]byte("long"), 1000)
		do(t, b.Put(ctx, []byte("a"), []byte("1")))
		do(t, b.Put(ctx, []byte("b"), long, NoSync))
		must(b.Fold(ctx))(t)
		do(t, b.Delete(ctx, []byte("a"), NoSync))
		do(t, b.Apply(ctx, []prolly.Edit{
			{Key: []byte("c"), Value: prolly.Value{Link: codec.RawCID([]byte("linked"))}},
			{Key: []byte("d"), Value: prolly.Value{Bytes: long}},
		}, NoSync))
		do(t, e.Close())

		e = start(t, open, nil)
		b = must(e.Branch(ctx, "main"))(t)
		if n := b.Staged(); n != 3 {
			t.Errorf("%d staged, want 3", n)
		}
		_, err := b.Get(ctx, []byte("a"))
		want(t, err, ErrNotFound)
		_, err = b.Get(ctx, []byte("c"))
		want(t, err, prolly.ErrIsLink)
		for _, k := range []string{"b", "d"} {
			if v := must(b.Get(ctx, []byte(k)))(t); !bytes.Equal(v, long) {
				t.Errorf("%s is %d bytes", k, len(v))
			}
		}
		do(t, e.Close())
	})
}

// TestTrimIsNotNeeded: records that a fold left behind are not taken for new
// ones (E2).
func TestTrimIsNotNeeded(t *testing.T) {
	open := memory()
	e := start(t, open, nil)
	b := must(e.Branch(ctx, "main"))(t)
	do(t, b.Put(ctx, []byte("a"), []byte("old")))
	do(t, b.Put(ctx, []byte("a"), []byte("new")))
	must(b.Fold(ctx))(t)
	do(t, e.Close())
	withStore(t, open, func(s kv.Store) {
		commitBatch(t, s, func(w kv.Batch) error {
			return w.AppendLog("b/main", 1, encodeRecord(1, []op{{kind: opInline, key: []byte("a"), data: []byte("old")}}))
		})
	})
	e = startTest(t, open, nil)
	b = must(e.Branch(ctx, "main"))(t)
	if v := must(b.Get(ctx, []byte("a")))(t); string(v) != "new" || b.Staged() != 0 {
		t.Errorf("read %q, %d staged", v, b.Staged())
	}
	do(t, b.Put(ctx, []byte("a"), []byte("newer")))
}

// TestCorruptStaging: a staging record that is damaged or missing closes its
// branch, and no other; it is reported, keeps garbage from being collected, and
// the branch can be deleted.
func TestCorruptStaging(t *testing.T) {
	good := encodeRecord(3, []op{{kind: opInline, key: []byte("x"), data: []byte("y")}})
	for what, next := range map[string]struct {
		seq  uint64
		data []byte
	}{
		"damaged": {3, append(bytes.Clone(good[:len(good)-1]), good[len(good)-1]^1)},
		"missing": {4, encodeRecord(4, []op{{kind: opDelete, key: []byte("x")}})},
		"moved":   {3, encodeRecord(4, []op{{kind: opDelete, key: []byte("x")}})},
		"empty":   {3, nil},
	} {
		t.Run(what, func(t *testing.T) {
			open := memory()
			e := start(t, open, nil)
			for _, name := range []string{"main", "other"} {
				b := must(e.Branch(ctx, name))(t)
				do(t, b.Put(ctx, []byte("a"), []byte("1")))
				do(t, b.Put(ctx, []byte("b"), []byte("2")))
			}
			do(t, e.Close())
			withStore(t, open, func(s kv.Store) {
				commitBatch(t, s, func(w kv.Batch) error { return w.AppendLog("b/main", next.seq, next.data) })
			})
			e = startTest(t, open, nil)
			_, err := e.Branch(ctx, "main")
			want(t, err, ErrCorrupt)
			if !strings.Contains(err.Error(), `"main"`) {
				t.Errorf("the error does not name the branch: %v", err)
			}
			must(must(e.Branch(ctx, "other"))(t).Get(ctx, []byte("a")))(t)
			_, err = e.GC(ctx, GCOptions{})
			if what != "missing" { // a gap hides nothing that is still here
				want(t, err, ErrCorrupt)
			}
			if p := problems(t, e); len(p) != 1 || p[0].Kind != ProblemStaging || p[0].Branch != "main" {
				t.Errorf("problems: %v", p)
			}
			do(t, e.DeleteBranch(ctx, "main"))
			if p := problems(t, e); len(p) != 0 {
				t.Errorf("problems: %v", p)
			}
			must(e.GC(ctx, GCOptions{}))(t)
		})
	}
}

// problems are what Check finds.
func problems(t *testing.T, e *Engine) (list []Problem) {
	t.Helper()
	do(t, e.Check(ctx, func(p Problem) { list = append(list, p) }))
	return list
}

// TestBadEdits: each is refused with the tree's own error, and nothing of the
// call is staged.
func TestBadEdits(t *testing.T) {
	e := startTest(t, memory(), nil)
	b := must(e.Branch(ctx, "main"))(t)
	longKey := make([]byte, codec.MaxKey+1)
	for _, c := range []struct {
		err  error
		edit prolly.Edit
	}{
		{prolly.ErrKeyEmpty, prolly.Edit{}},
		{prolly.ErrKeyTooLong, prolly.Edit{Key: longKey}},
		{prolly.ErrKeyTooLong, prolly.Edit{Key: longKey, Delete: true}},
		{prolly.ErrLinkTooLong, prolly.Edit{Key: []byte("k"), Value: prolly.Value{Link: longLink(t)}}},
		{prolly.ErrBadValue, prolly.Edit{Key: []byte("k"), Value: prolly.Value{Size: 3}}},
		{ErrMissing, prolly.Edit{Key: []byte("k"), Value: prolly.OutOfLine(codec.RawCID([]byte("?")), 5000)}},
	} {
		fine := prolly.Edit{Key: []byte("fine")}
		want(t, b.Apply(ctx, []prolly.Edit{fine, c.edit}), c.err)
		want(t, b.Update(ctx, func(u *Update) error { return u.Side().Apply(ctx, []prolly.Edit{fine, c.edit}) }), c.err)
		if !c.edit.Delete {
			_, err := b.Load(ctx, func(yield func(prolly.Entry, error) bool) {
				_ = yield(prolly.Entry{Key: []byte("fine")}, nil) && yield(prolly.Entry{Key: c.edit.Key, Value: c.edit.Value}, nil)
			})
			want(t, err, c.err)
		}
	}
	want(t, b.Put(ctx, nil, nil), prolly.ErrKeyEmpty)
	want(t, b.Put(ctx, longKey, nil), prolly.ErrKeyTooLong)
	want(t, b.Delete(ctx, nil), prolly.ErrKeyEmpty)
	if ok := must(b.Has(ctx, []byte("fine")))(t); ok || b.Staged() != 0 {
		t.Errorf("%v, %d staged", ok, b.Staged())
	}
}

// TestBackPressure: writers wait at twice the cap, give up when their context
// ends, and learn why the branch cannot be folded.
func TestBackPressure(t *testing.T) {
	e := startTest(t, memory(), &Options{StagingBytes: 4 << 10})
	b := must(e.Branch(ctx, "main"))(t)
	fill := func(ctx context.Context) (err error) {
		for i := 0; err == nil && i < 1000; i++ {
			err = b.Put(ctx, fmt.Appendf(nil, "%d", i), make([]byte, 100), NoSync)
		}
		return err
	}
	do(t, fill(ctx)) // 200 KB pass through
	do(t, b.fold.lock(ctx))
	ended, cancel := context.WithCancel(ctx)
	failed := make(chan error, 1)
	go func() { failed <- fill(ended) }()
	for b.staged.Load() < 2*b.e.o.StagingBytes {
		must(b.Has(ctx, []byte("1")))(t)
	}
	cancel()
	want(t, <-failed, context.Canceled)
	b.fold.unlock()
	do(t, fill(ctx))
}

// TestFailedFoldStopsWriters: when folds fail, writers hear of it rather than
// fill the memory; and all goes on when they work again (E9).
func TestFailedFoldStopsWriters(t *testing.T) {
	x := &tampered{}
	e := startTest(t, x.opener(memory()), &Options{StagingBytes: 4 << 10})
	b := must(e.Branch(ctx, "main"))(t)
	x.failNodes.Store(true)
	var err error
	n := 0
	for ; err == nil && n < 10_000; n++ {
		err = b.Put(ctx, fmt.Appendf(nil, "%d", n), make([]byte, 100), NoSync)
	}
	want(t, err, errInjected)
	if s := e.Stats(); s.StagedBytes > 3*4<<10 || s.FoldFailures == 0 {
		t.Errorf("%d bytes staged, %d failures", s.StagedBytes, s.FoldFailures)
	}
	x.failNodes.Store(false)
	must(b.Fold(ctx))(t)
	for i := range n - 1 {
		must(b.Get(ctx, fmt.Appendf(nil, "%d", i)))(t)
	}
	if b.Staged() != 0 || b.staged.Load() != 0 {
		t.Errorf("%d edits, %d bytes staged", b.Staged(), b.staged.Load())
	}
}

// TestDurability: only a write that asks for it waits for a sync; and a
// collection always, before it removes anything (E5).
func TestDurability(t *testing.T) {
	x := &tampered{}
	e := startTest(t, x.opener(memory()), nil)
	b := must(e.Branch(ctx, "main"))(t)
	for _, c := range []struct {
		name  string
		write func(d ...Durability) error
	}{
		{"Put", func(d ...Durability) error { return b.Put(ctx, []byte("k"), nil, d...) }},
		{"Put long", func(d ...Durability) error { return b.Put(ctx, []byte("k"), make([]byte, 5000), d...) }},
		{"Delete", func(d ...Durability) error { return b.Delete(ctx, []byte("k"), d...) }},
		{"Apply", func(d ...Durability) error { return b.Apply(ctx, []prolly.Edit{{Key: []byte("k")}}, d...) }},
		{"Update", func(d ...Durability) error {
			return b.Update(ctx, func(u *Update) error { return u.Side().Put(ctx, []byte("k"), nil) }, d...)
		}},
		{"Tx", func(d ...Durability) error {
			tx, err := b.Begin(ctx)
			return errors.Join(err, tx.Put(ctx, []byte("k"), nil), tx.Commit(ctx, d...))
		}},
		{"Commit", func(d ...Durability) error {
			_, err := b.Commit(ctx, CommitOptions{Durability: append(d, Sync)[0]})
			return err
		}},
	} {
		for _, d := range [][]Durability{{}, {Sync}, {NoSync}} {
			before := x.syncs.Load()
			do(t, c.write(d...))
			if synced := x.syncs.Load() > before; synced != durable(d) {
				t.Errorf("%s %v: synced %v", c.name, d, synced)
			}
		}
	}
	before := x.syncs.Load()
	must(e.GC(ctx, GCOptions{}))(t)
	if x.syncs.Load() == before {
		t.Error("garbage is collected that a crash may still need")
	}
}

// TestLearn: a branch finds out what its keys begin with, and nobody notices.
func TestLearn(t *testing.T) {
	open := memory()
	e := start(t, open, nil)
	b := must(e.Branch(ctx, "main"))(t)
	tx := must(b.Begin(ctx))(t)
	must(tx.Has(ctx, []byte("common/1999")))(t)
	do(t, tx.Put(ctx, []byte("mine"), nil))
	c := content{}
	put := func() {
		for i := range 2000 {
			k, v := fmt.Sprintf("common/%d", i), fmt.Sprint(i)
			do(t, b.Put(ctx, []byte(k), []byte(v), NoSync))
			c[k] = v
		}
	}
	put()
	if got := b.state.Load().layers[0].over[theTree].common; string(got) != "common/" {
		t.Errorf("learned %q", got)
	}
	if n := b.Staged(); n != 2000 {
		t.Errorf("%d staged", n)
	}
	compareRange(t, b.Range(ctx, prolly.Range{Reverse: true}), c, prolly.Range{Reverse: true})
	want(t, tx.Commit(ctx), ErrConflict)
	put()
	do(t, e.Close())
	e = startTest(t, open, nil)
	b = must(e.Branch(ctx, "main"))(t)
	compareRange(t, b.Range(ctx, prolly.Range{}), c, prolly.Range{})
	if root := must(b.Fold(ctx))(t); root != c.root(t) {
		t.Errorf("root %v", root)
	}
}

package kvtest

import (
	"context"
	"fmt"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

func testBatchRules(t *testing.T, p *place) {
	h, block := testNode(1)
	c, blob := testBlob(1)
	t.Run("one ref", func(t *testing.T) {
		b := p.NewBatch()
		must(t, b.SwapRef("a", nil, []byte("1")))
		wantIs(t, "SwapRef of a second ref", b.SwapRef("b", nil, []byte("1")), kv.ErrBatch)
		wantIs(t, "AppendLog of a second ref", b.AppendLog("b", 1, nil), kv.ErrBatch)
		wantIs(t, "TrimLog of a second ref", b.TrimLog("b", 1), kv.ErrBatch)
		wantIs(t, "a second swap", b.SwapRef("a", []byte("1"), []byte("2")), kv.ErrBatch)
		must(t, b.AppendLog("a", 1, logData(1)))
		must(t, b.Commit(bg))
		wantRef(t, p, "a", []byte("1"))
		wantRef(t, p, "b", nil)
		wantLog(t, p, "a", 0, 1)
		wantLog(t, p, "b", 0)
	})
	t.Run("a refused call touches nothing", func(t *testing.T) {
		b := p.NewBatch()
		wantIs(t, "number 0", b.AppendLog("x", 0, nil), kv.ErrSequence)
		must(t, b.SwapRef("y", nil, []byte("1")))
		must(t, b.Commit(bg))
		wantRef(t, p, "y", []byte("1"))
	})
	t.Run("empty", func(t *testing.T) {
		b := p.NewBatch()
		if b.Size() > 1024 {
			t.Errorf("an empty batch has size %d", b.Size())
		}
		must(t, b.Commit(bg))
		must(t, b.Close())
	})
	t.Run("size", func(t *testing.T) {
		b := p.NewBatch()
		before := b.Size()
		mustPut(t, b, h, make([]byte, 5000), nil)
		if grown := b.Size() - before; grown < 5000 || grown > 6000 {
			t.Errorf("a node of 5000 bytes added %d to the size", grown)
		}
		must(t, b.Close())
	})
	t.Run("dropped", func(t *testing.T) {
		b := p.NewBatch()
		mustPut(t, b, h, block, nil)
		must(t, b.PutBlob(c, blob))
		must(t, b.SwapRef("dropped", nil, []byte("1")))
		must(t, b.Close())
		must(t, b.Close())
		wantSpent(t, b)
		_, err := p.ReadNode(bg, h, kv.Hint{})
		wantIs(t, "ReadNode of a dropped node", err, kv.ErrNotFound)
		wantBlob(t, p, c, nil)
		wantRef(t, p, "dropped", nil)
	})
	t.Run("committed", func(t *testing.T) {
		b := p.NewBatch()
		mustPut(t, b, h, block, nil)
		must(t, b.Commit(bg))
		wantSpent(t, b)
		must(t, b.Close())
		wantNode(t, p, h, kv.Hint{}, block, nil)
	})
	t.Run("conflicted", func(t *testing.T) {
		b := p.NewBatch()
		must(t, b.SwapRef("a", nil, []byte("2")))
		wantIs(t, "Commit", b.Commit(bg), kv.ErrConflict)
		wantSpent(t, b)
		must(t, b.Close())
	})
}

// testRenew: a batch that was committed, dropped or refused is as new when it is
// renewed, if it can be.
func testRenew(t *testing.T, p *place) {
	b := p.NewBatch()
	r, ok := b.(kv.Renewable)
	if !ok {
		must(t, b.Close())
		return
	}
	appendTo(t, "a", 1)(b)
	r.Renew() // does nothing yet
	must(t, b.Commit(bg))
	wantSpent(t, b)
	r.Renew()
	h, block := testNode(1)
	mustPut(t, b, h, block, nil)
	must(t, b.SwapRef("dropped", nil, []byte("1")))
	must(t, b.Close())
	wantSpent(t, b)
	r.Renew()
	appendTo(t, "b", 1, 3)(b)
	must(t, b.Commit(bg))
	r.Renew()
	appendTo(t, "b", 2)(b)
	wantIs(t, "Commit", b.Commit(bg), kv.ErrSequence)
	wantSpent(t, b)
	r.Renew()
	appendTo(t, "a", 2)(b)
	must(t, b.Commit(bg))
	r.Renew()
	must(t, b.Commit(bg)) // of nothing
	wantLog(t, p, "a", 0, 1, 2)
	wantLog(t, p, "b", 0, 1, 3)
	wantRef(t, p, "dropped", nil)
	_, err := p.ReadNode(bg, h, kv.Hint{})
	wantIs(t, "ReadNode of a dropped node", err, kv.ErrNotFound)
}

// wantSpent fails the test unless every method of b says that it is spent.
func wantSpent(t testing.TB, b kv.Batch) {
	t.Helper()
	h, block := testNode(1)
	c, blob := testBlob(1)
	_, err := b.PutNode(h, block, nil)
	wantIs(t, "PutNode of a spent batch", err, kv.ErrBatch)
	wantIs(t, "PutBlob of a spent batch", b.PutBlob(c, blob), kv.ErrBatch)
	wantIs(t, "SwapRef of a spent batch", b.SwapRef("a", nil, nil), kv.ErrBatch)
	wantIs(t, "AppendLog of a spent batch", b.AppendLog("a", 99, nil), kv.ErrBatch)
	wantIs(t, "TrimLog of a spent batch", b.TrimLog("a", 99), kv.ErrBatch)
	wantIs(t, "Commit of a spent batch", b.Commit(bg), kv.ErrBatch)
	b.Size()
}

// testBatchOrder: a batch takes effect in the order of its calls.
func testBatchOrder(t *testing.T, p *place) {
	p.write(func(b kv.Batch) {
		must(t, b.SwapRef("a", nil, []byte("1")))
		appendTo(t, "a", 1, 2)(b)
	})
	p.write(func(b kv.Batch) { // removed, then a new log
		appendTo(t, "a", 3)(b)
		must(t, b.SwapRef("a", []byte("1"), nil))
		appendTo(t, "a", 1)(b)
	})
	wantRef(t, p, "a", nil)
	wantLog(t, p, "a", 0, 1)
	p.write(func(b kv.Batch) { // appended and trimmed away
		appendTo(t, "a", 2, 3, 4)(b)
		must(t, b.TrimLog("a", 3))
	})
	wantLog(t, p, "a", 0, 4)
	h, block := testNode(1)
	p.write(func(b kv.Batch) {
		mustPut(t, b, h, block, make([]kv.Hint, 3))
		mustPut(t, b, h, block, make([]kv.Hint, 2))
	})
	wantNode(t, p, h, kv.Hint{}, block, make([]kv.Hint, 2))
}

// testAtomic: a batch whose swap or log is refused writes nothing (K1).
func testAtomic(t *testing.T, p *place) {
	p.write(func(b kv.Batch) {
		must(t, b.SwapRef("main", nil, []byte("1")))
		appendTo(t, "main", 5)(b)
	})
	refused := map[string]func(kv.Batch){
		"swap": func(b kv.Batch) {
			appendTo(t, "main", 6)(b)
			must(t, b.SwapRef("main", []byte("0"), []byte("2")))
		},
		"log": func(b kv.Batch) {
			must(t, b.SwapRef("main", []byte("1"), []byte("2")))
			appendTo(t, "main", 5)(b)
		},
		"context": func(b kv.Batch) { must(t, b.SwapRef("main", []byte("1"), []byte("2"))) },
	}
	h, block := testNode(1)
	c, blob := testBlob(1)
	for name, fill := range refused {
		t.Run(name, func(t *testing.T) {
			b := p.NewBatch()
			at := mustPut(t, b, h, block, nil)
			must(t, b.PutBlob(c, blob))
			fill(b)
			ctx, cancel := context.WithCancel(bg)
			if name == "context" {
				cancel()
			}
			if err := b.Commit(ctx); err == nil {
				t.Error("the batch was committed")
			}
			cancel()
			for _, hint := range []kv.Hint{{}, at} {
				_, err := p.ReadNode(bg, h, hint)
				wantIs(t, "ReadNode", err, kv.ErrNotFound)
			}
			wantBlob(t, p, c, nil)
			wantRef(t, p, "main", []byte("1"))
			wantLog(t, p, "main", 0, 5)
		})
	}
}

// testOwnership: bytes given are copied, bytes taken are the caller's (K9).
func testOwnership(t *testing.T, p *place) {
	h, block := testNode(1)
	c, blob := testBlob(1)
	given := [][]byte{append([]byte{}, block...), append([]byte{}, blob...), []byte("value"), logData(1)}
	children := []kv.Hint{{1}, {2}}
	b := p.NewBatch()
	mustPut(t, b, h, given[0], children)
	must(t, b.PutBlob(c, given[1]))
	must(t, b.SwapRef("main", nil, given[2]))
	must(t, b.AppendLog("main", 1, given[3]))
	scribble(given...)
	children[0] = kv.Hint{9}
	must(t, b.Commit(bg))

	read := func() {
		t.Helper()
		n, err := p.ReadNode(bg, h, kv.Hint{})
		must(t, err)
		if len(n.Children) == 2 && n.Children[0] == (kv.Hint{9}) {
			t.Error("the store kept the caller's hints (K9)")
		}
		wantNode(t, p, h, kv.Hint{}, block, make([]kv.Hint, 2))
		wantBlob(t, p, c, blob)
		wantRef(t, p, "main", []byte("value"))
		wantLog(t, p, "main", 0, 1)
		taken, err := p.ReadBlob(bg, c)
		must(t, err)
		value, err := p.ReadRef(bg, "main")
		must(t, err)
		records, err := all(p.ReadLog(bg, "main", 0))
		must(t, err)
		refs, err := all(p.ListRefs(bg, ""))
		must(t, err)
		if len(records) != 1 || len(refs) != 1 {
			t.Fatalf("%d records and %d refs, want 1 and 1", len(records), len(refs))
		}
		scribble(n.Block, taken, value, records[0].Data, refs[0].Value)
	}
	read()
	read()

	old := []byte("value")
	b = p.NewBatch()
	must(t, b.SwapRef("main", old, []byte("next")))
	scribble(old)
	if err := b.Commit(bg); err != nil {
		t.Errorf("the batch kept the caller's old value (K9): %v", err)
	}
}

func scribble(slices ...[]byte) {
	for _, s := range slices {
		for i := range s {
			s[i] ^= 0x5a
		}
	}
}

// testContext: a context that has ended is answered with its error.
func testContext(t *testing.T, p *place) {
	h, block := testNode(1)
	c, blob := testBlob(1)
	p.write(func(b kv.Batch) {
		mustPut(t, b, h, block, nil)
		must(t, b.PutBlob(c, blob))
		must(t, b.SwapRef("main", nil, []byte("1")))
		appendTo(t, "main", 1)(b)
	})
	why := fmt.Errorf("no more time")
	ctx, cancel := context.WithCancelCause(bg)
	cancel(why)
	for what, err := range everyCall(ctx, p.Store) {
		wantIs(t, what+" with an ended context", err, context.Canceled)
	}
	wantRef(t, p, "main", []byte("1"))
}

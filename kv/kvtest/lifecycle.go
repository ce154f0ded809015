package kvtest

import (
	"context"
	"errors"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// everyCall makes each call of a store, and of its abilities, that takes a
// context, and returns their errors by name.
func everyCall(ctx context.Context, s kv.Store) map[string]error {
	h, block := testNode(1)
	c, _ := testBlob(1)
	errs := map[string]error{}
	_, errs["ReadNode"] = s.ReadNode(ctx, h, kv.Hint{})
	_, errs["ReadNode by hint"] = s.ReadNode(ctx, h, kv.Hint{1})
	_, errs["ReadBlob"] = s.ReadBlob(ctx, c)
	_, errs["HasBlob"] = s.HasBlob(ctx, c)
	_, errs["ReadRef"] = s.ReadRef(ctx, "main")
	_, errs["ListRefs"] = all(s.ListRefs(ctx, ""))
	_, errs["ReadLog"] = all(s.ReadLog(ctx, "main", 0))
	errs["Sync"] = s.Sync(ctx)
	b := s.NewBatch()
	if _, err := b.PutNode(h, block, nil); err == nil {
		errs["Commit"] = b.Commit(ctx)
	}
	if w, ok := s.(kv.Sweeper); ok {
		_, errs["Sweep"] = w.Sweep(ctx, kv.Keep{})
	}
	if sc, ok := s.(kv.Scanner); ok {
		_, errs["ScanNodes"] = all(sc.ScanNodes(ctx))
		_, errs["ScanBlobs"] = all(sc.ScanBlobs(ctx))
	}
	if z, ok := s.(kv.Sizer); ok {
		_, errs["DiskUsage"] = z.DiskUsage(ctx)
	}
	if ch, ok := s.(kv.Checker); ok {
		errs["CheckStore"] = ch.CheckStore(ctx, func(error) {})
	}
	return errs
}

// testClosed: after Close every call answers ErrClosed (K8).
func testClosed(t *testing.T, p *place) {
	p.write(func(b kv.Batch) { must(t, b.SwapRef("main", nil, []byte("1"))) })
	before := p.NewBatch()
	must(t, before.SwapRef("main", []byte("1"), []byte("2")))
	unused := p.NewBatch()
	must(t, p.Close())
	for what, err := range everyCall(bg, p.Store) {
		wantIs(t, what+" after Close (K8)", err, kv.ErrClosed)
	}
	wantIs(t, "a second Close (K8)", p.Close(), kv.ErrClosed)
	wantIs(t, "Commit of a batch begun before Close (K8)", before.Commit(bg), kv.ErrClosed)
	must(t, unused.Close())
	after := p.NewBatch()
	if err := after.AppendLog("main", 1, logData(1)); err == nil {
		wantIs(t, "Commit of a batch begun after Close (K8)", after.Commit(bg), kv.ErrClosed)
	}
	must(t, after.Close())
	p.open()
	wantRef(t, p, "main", []byte("1"))
	wantLog(t, p, "main", 0)
}

// testReopen: what was committed is there after Close, and one handle at a
// time holds the store.
func testReopen(t *testing.T, p *place) {
	for round := range 4 {
		for i := range 20 {
			n := round*20 + i
			h, block := testNode(n)
			c, blob := testBlob(n)
			p.write(func(b kv.Batch) {
				mustPut(t, b, h, block, make([]kv.Hint, i%3))
				must(t, b.PutBlob(c, blob))
				appendTo(t, "main", uint64(n+1))(b)
			})
		}
		if s, err := p.opener(); err == nil {
			t.Error("a second handle opened while the first was in use")
			must(t, s.Close())
		} else {
			wantIs(t, "a second open", err, kv.ErrLocked)
		}
		p.reopen()
		for n := range round*20 + 20 {
			h, block := testNode(n)
			c, blob := testBlob(n)
			wantNode(t, p, h, kv.Hint{}, block, make([]kv.Hint, n%20%3))
			wantBlob(t, p, c, blob)
		}
		got, err := all(p.ReadLog(bg, "main", 0))
		must(t, err)
		if len(got) != round*20+20 {
			t.Errorf("%d log records, want %d", len(got), round*20+20)
		}
	}
}

// testReentrant: the body of an iteration may use the store, and may stop.
func testReentrant(t *testing.T, p *place) {
	p.write(appendTo(t, "main", 1, 2, 3))
	for _, name := range []string{"a", "b", "c"} {
		p.write(func(b kv.Batch) { must(t, b.SwapRef(name, nil, []byte("1"))) })
	}
	var names []string
	for r, err := range p.ListRefs(bg, "") {
		must(t, err)
		names = append(names, r.Name)
		wantRef(t, p, r.Name, []byte("1"))
		p.write(func(b kv.Batch) { must(t, b.SwapRef(r.Name, []byte("1"), []byte("2"))) })
		p.write(func(b kv.Batch) { must(t, b.SwapRef("z"+r.Name, nil, []byte("2"))) })
	}
	if len(names) != 3 {
		t.Errorf("ListRefs yielded %q: not as they stood at one moment", names)
	}
	next := uint64(4)
	var seqs []uint64
	for r, err := range p.ReadLog(bg, "main", 0) {
		must(t, err)
		seqs = append(seqs, r.Seq)
		p.write(appendTo(t, "main", next))
		must(t, p.Sync(bg))
		next++
	}
	if len(seqs) != 3 {
		t.Errorf("ReadLog yielded %v: not as they stood at one moment", seqs)
	}
	for range p.ListRefs(bg, "") {
		break
	}
	for range p.ReadLog(bg, "main", 0) {
		break
	}
	t.Run("cancelled within", func(t *testing.T) {
		ctx, cancel := context.WithCancel(bg)
		defer cancel()
		n := 0
		var last error
		for _, err := range p.ReadLog(ctx, "main", 0) {
			n, last = n+1, err
			cancel()
		}
		if n != 2 || !errors.Is(last, context.Canceled) {
			t.Errorf("cancelled at the first record, it took %d steps and ended with %v", n, last)
		}
	})
}

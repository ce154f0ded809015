package engine

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/kv/memkv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

var errInjected = errors.New("injected fault")

// faulty is a store one of whose operations fails: before it is done, or,
// with late set, when it is done.
type faulty struct {
	*memkv.Store
	n    *atomic.Int64 // operations so far
	at   int64         // the one that fails
	late bool
}

// fault does an operation, or not.
func (f *faulty) fault(do func() error) error {
	if f.n.Add(1) != f.at {
		return do()
	}
	if f.late {
		return errors.Join(do(), errInjected)
	}
	return errInjected
}

func (f *faulty) ReadNode(ctx context.Context, h codec.Hash, at kv.Hint) (n kv.Node, err error) {
	err = f.fault(func() (err error) { n, err = f.Store.ReadNode(ctx, h, at); return err })
	return n, err
}

func (f *faulty) ReadBlob(ctx context.Context, c cid.Cid) (b []byte, err error) {
	err = f.fault(func() (err error) { b, err = f.Store.ReadBlob(ctx, c); return err })
	return b, err
}

func (f *faulty) HasBlob(ctx context.Context, c cid.Cid) (ok bool, err error) {
	err = f.fault(func() (err error) { ok, err = f.Store.HasBlob(ctx, c); return err })
	return ok, err
}

func (f *faulty) ReadRef(ctx context.Context, name string) (b []byte, err error) {
	err = f.fault(func() (err error) { b, err = f.Store.ReadRef(ctx, name); return err })
	return b, err
}

func (f *faulty) Sync(ctx context.Context) error {
	return f.fault(func() error { return f.Store.Sync(ctx) })
}

func (f *faulty) Sweep(ctx context.Context, keep kv.Keep) (s kv.Swept, err error) {
	err = f.fault(func() (err error) { s, err = f.Store.Sweep(ctx, keep); return err })
	return s, err
}

func (f *faulty) ReadLog(ctx context.Context, ref string, after uint64) iter.Seq2[kv.Record, error] {
	return faultySeq(f, f.Store.ReadLog(ctx, ref, after))
}

func (f *faulty) ListRefs(ctx context.Context, prefix string) iter.Seq2[kv.Ref, error] {
	return faultySeq(f, f.Store.ListRefs(ctx, prefix))
}

func faultySeq[V any](f *faulty, seq iter.Seq2[V, error]) iter.Seq2[V, error] {
	return func(yield func(V, error) bool) {
		for v, err := range seq {
			if err := f.fault(func() error { return err }); err != nil {
				yield(v, err)
				return
			}
			if !yield(v, nil) {
				return
			}
		}
	}
}

func (f *faulty) NewBatch() kv.Batch { return &faultyBatch{f.Store.NewBatch(), f} }

type faultyBatch struct {
	kv.Batch
	f *faulty
}

func (b *faultyBatch) PutNode(h codec.Hash, block []byte, children []kv.Hint) (at kv.Hint, err error) {
	err = b.f.fault(func() (err error) { at, err = b.Batch.PutNode(h, block, children); return err })
	return at, err
}

func (b *faultyBatch) PutBlob(c cid.Cid, block []byte) error {
	return b.f.fault(func() error { return b.Batch.PutBlob(c, block) })
}

func (b *faultyBatch) Commit(ctx context.Context) error {
	return b.f.fault(func() error { return b.Batch.Commit(ctx) })
}

// TestFaults lets each operation of a store fail once, in turn. The step that
// meets the fault answers the error, or does without; either all of the step
// is there or nothing of it; and all goes on afterwards (E6, E9).
func TestFaults(t *testing.T) {
	for _, late := range []bool{false, true} {
		total := runFaulty(t, 0, late)
		if total < 250 {
			t.Fatalf("only %d operations", total)
		}
		stride := int64(1)
		if testing.Short() {
			stride = 5
		}
		for at := int64(1); at <= total; at += stride {
			runFaulty(t, at, late)
		}
		t.Logf("%d faults, late %v", total/stride, late)
	}
}

// runFaulty does a fixed voyage with a fault and returns how many operations it
// took.
func runFaulty(t *testing.T, at int64, late bool) int64 {
	f := &faultRun{t: t, n: &atomic.Int64{}, at: at, late: late, disk: memkv.NewDisk(memkv.Options{MovingHints: true})}
	f.s = shore{tree: content{}, side: content{}}
	f.start()
	r := rand.New(rand.NewPCG(1, 1))
	for i := range 5 {
		f.step(stepApply(Sync, voyageEdits(r, 8)))
		f.step(stepUpdate(NoSync, voyageEdits(r, 3)))
		if i%2 == 0 {
			f.step(stepFold())
		}
		f.step(stepCommit(Sync))
		f.step(stepLoad(loaded(voyageEdits(r, 20))))
		f.step(stepTx(voyageEdits(r, 2)))
		f.step(stepGC())
		f.step(still(false, f.reads))
		if i%3 == 1 {
			f.restart()
		}
	}
	total := f.n.Load()
	f.n.Store(1 << 40) // no more faults
	f.restart()
	f.compare("in the end")
	do(t, f.e.Check(ctx, func(p Problem) { f.fatalf("%v", p) }))
	do(t, f.e.Close())
	return total
}

// stepTx does edits in a transaction, after reads.
func stepTx(edits []prolly.Edit) voyageStep {
	return voyageStep{false,
		func(_ *Engine, b *Branch) error {
			tx, err := b.Begin(ctx)
			if err != nil {
				return err
			}
			defer tx.Discard()
			for _, e := range edits {
				if _, err := tx.Get(ctx, e.Key); err != nil && !errors.Is(err, ErrNotFound) {
					return err
				}
				if e.Delete {
					err = tx.Delete(ctx, e.Key)
				} else {
					err = tx.Put(ctx, e.Key, e.Value.Bytes)
				}
				if err != nil {
					return err
				}
			}
			return tx.Commit(ctx)
		},
		func(s *shore) { s.tree.apply(edits) }}
}

// faultRun is one voyage with one fault.
type faultRun struct {
	t    *testing.T
	n    *atomic.Int64
	at   int64
	late bool
	disk *memkv.Disk
	e    *Engine
	b    *Branch
	s    shore
}

func (f *faultRun) fatalf(format string, args ...any) {
	f.t.Helper()
	f.t.Fatalf("fault at operation %d, late %v: %s", f.at, f.late, fmt.Sprintf(format, args...))
}

// start opens the engine, and again when the fault comes in between.
func (f *faultRun) start() {
	for {
		s, err := f.disk.Open()
		do(f.t, err)
		f.e, err = New(&faulty{s, f.n, f.at, f.late}, &Options{CacheBytes: 1})
		do(f.t, err)
		if f.b, err = f.e.Branch(ctx, "main"); err == nil {
			return
		}
		if !errors.Is(err, errInjected) {
			f.fatalf("open: %v", err)
		}
		do(f.t, f.e.Close())
	}
}

func (f *faultRun) restart() {
	do(f.t, f.e.Close())
	f.start()
}

// step does a step, and finds out whether it took place when it fails.
func (f *faultRun) step(s voyageStep) {
	f.t.Helper()
	next := f.s.clone()
	s.model(&next)
	err := s.do(f.e, f.b)
	if err != nil && !errors.Is(err, errInjected) {
		f.fatalf("another error: %v", err)
	}
	if err != nil {
		if is, err := next.is(f.b); err != nil || !is {
			f.compare("after a step that failed")
			return
		}
	}
	f.s = next
}

func (f *faultRun) compare(when string) {
	f.t.Helper()
	is, err := f.s.is(f.b)
	if err != nil || !is {
		f.fatalf("%s: content as before: %v, %v", when, is, err)
	}
}

// reads reads everything in several ways: completely, or with an error.
func (f *faultRun) reads(e *Engine, b *Branch) error {
	tree, err := contentIn(b, b.Get)
	if err != nil {
		return err
	}
	for k, v := range f.s.tree {
		if tree[k] != v {
			f.fatalf("%q is %d bytes, want %d", k, len(tree[k]), len(v))
		}
	}
	s, err := b.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	n := 0
	for _, err := range s.Tree().Range(ctx, prolly.Range{Reverse: true}) {
		if err != nil {
			return err
		}
		n++
	}
	if n != len(f.s.tree) {
		f.fatalf("%d entries, want %d", n, len(f.s.tree))
	}
	for _, err := range b.Log(ctx, LogOptions{}) {
		if err != nil {
			return err
		}
		n++
	}
	if uint64(n-len(f.s.tree)) != f.s.commits {
		f.fatalf("%d commits, want %d", n-len(f.s.tree), f.s.commits)
	}
	if _, err := e.Branches(ctx); err != nil {
		return err
	}
	return e.Check(ctx, func(p Problem) { err = errors.Join(err, p.Err) })
}

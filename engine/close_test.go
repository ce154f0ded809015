package engine

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// calls are uses of everything that an engine hands out: by type and method,
// so that a method without a call is noticed.
type calls map[string]func() error

// lastError is the error that a sequence ends with.
func lastError[V any](seq iter.Seq2[V, error]) (err error) {
	for _, e := range seq {
		err = e
	}
	return err
}

func errorOf[V any](_ V, err error) error { return err }

func engineCalls(e *Engine) calls {
	root, none := codec.EmptyRoot.CID(), func(Problem) {}
	block := []byte("block")
	return calls{
		"Branch":       func() error { return errorOf(e.Branch(ctx, "main")) },
		"Lookup":       func() error { return errorOf(e.Lookup(ctx, "main")) },
		"BranchNames":  func() error { return errorOf(e.BranchNames(ctx)) },
		"Branches":     func() error { return errorOf(e.Branches(ctx)) },
		"CreateBranch": func() error { return errorOf(e.CreateBranch(ctx, "new", root)) },
		"DeleteBranch": func() error { return e.DeleteBranch(ctx, "main") },
		"Tag":          func() error { return e.Tag(ctx, "tag", root) },
		"Tags":         func() error { return errorOf(e.Tags(ctx)) },
		"DeleteTag":    func() error { return e.DeleteTag(ctx, "tag") },
		"ReadCommit":   func() error { return errorOf(e.ReadCommit(ctx, root)) },
		"Tree":         func() error { return errorOf(e.Tree(ctx, root)) },
		"Resolve":      func() error { return errorOf(e.Resolve(ctx, "main")) },
		"Nodes": func() error {
			_, _, err := e.Nodes().ReadNode(ctx, prolly.Addr{Hash: codec.EmptyRoot})
			return err
		},
		"ReadBlock": func() error { return errorOf(e.ReadBlock(ctx, root)) },
		"PutBlock":  func() error { return e.PutBlock(ctx, codec.RawCID(block), block) },
		"Shallow":   func() error { return errorOf(e.Shallow(ctx)) },
		"HasBlock":  func() error { return errorOf(e.HasBlock(ctx, root)) },
		"Prove": func() error {
			return errorOf(e.Prove(ctx, "main", codec.Question{Ask: codec.AskKeys, Keys: [][]byte{[]byte("k")}}))
		},
		"Check":        func() error { return e.Check(ctx, none) },
		"CheckWith":    func() error { _, err := e.CheckWith(ctx, CheckOptions{}); return err },
		"GC":           func() error { return errorOf(e.GC(ctx, GCOptions{})) },
		"Stats":        nil,
		"RenameBranch": func() error { return errorOf(e.RenameBranch(ctx, "main", "new")) },
		"MergeBases":   func() error { return errorOf(e.MergeBases(ctx, root, root)) },
		"Retain":       func() error { return errorOf(e.Retain(ctx, Retention{})) },
		"MarkShallow":  func() error { return e.MarkShallow(ctx, root) },
		"IsShallow":    func() error { return errorOf(e.IsShallow(ctx, root)) },
		"Parents": func() error {
			return errorOf(e.Parents(ctx, Commit{Commit: codec.Commit{Parents: []cid.Cid{root}}}))
		},
		"Sync":      func() error { return e.Sync(ctx) },
		"DiskUsage": func() error { return errorOf(e.DiskUsage(ctx)) },
		"Close":     func() error { return e.Close() },
	}
}

func branchCalls(b *Branch) calls {
	key, root := []byte("k"), codec.EmptyRoot.CID().String()
	entries := func(yield func(prolly.Entry, error) bool) { yield(prolly.Entry{Key: key}, nil) }
	return calls{
		"Name": nil, "Staged": nil, "Side": nil, "Engine": nil,
		"Get":       func() error { return errorOf(b.Get(ctx, key)) },
		"Has":       func() error { return errorOf(b.Has(ctx, key)) },
		"View":      func() error { return b.View(ctx, key, func([]byte) error { return nil }) },
		"Lookup":    func() error { return errorOf(b.Lookup(ctx, key)) },
		"Size":      func() error { return errorOf(b.Size(ctx, key)) },
		"Open":      func() error { return errorOf(b.Open(ctx, key)) },
		"Range":     func() error { return lastError(b.Range(ctx, prolly.Range{})) },
		"Put":       func() error { return b.Put(ctx, key, nil) },
		"PutReader": func() error { return errorOf(b.PutReader(ctx, key, strings.NewReader("v"))) },
		"Delete":    func() error { return b.Delete(ctx, key) },
		"Apply":     func() error { return b.Apply(ctx, nil) },
		"Load":      func() error { return errorOf(b.Load(ctx, entries)) },
		"LoadBatches": func() error {
			return errorOf(b.LoadBatches(ctx, func(yield func([]prolly.Entry, error) bool) { yield([]prolly.Entry{{Key: key}}, nil) }))
		},
		"Adopt": func() error { return b.Adopt(ctx, func(*Adoption) error { return nil }) },
		"Prove": func() error {
			return errorOf(b.Prove(ctx, codec.Question{Ask: codec.AskKeys, Keys: [][]byte{[]byte("k")}}))
		},
		"Sync":     func() error { return b.Sync(ctx) },
		"Fold":     func() error { return errorOf(b.Fold(ctx)) },
		"Commit":   func() error { return errorOf(b.Commit(ctx, CommitOptions{})) },
		"Head":     func() error { return errorOf(b.Head(ctx)) },
		"Root":     func() error { return errorOf(b.Root(ctx)) },
		"Begin":    func() error { return errorOf(b.Begin(ctx)) },
		"Moment":   func() error { return errorOf(b.Moment(ctx)) },
		"Update":   func() error { return b.Update(ctx, func(*Update) error { return nil }) },
		"Snapshot": func() error { return errorOf(b.Snapshot(ctx)) },
		"Log":      func() error { return lastError(b.Log(ctx, LogOptions{})) },
		"Blame":    func() error { return errorOf(b.Blame(ctx, key, BlameOptions{})) },
		"Merge":    func() error { return errorOf(b.Merge(ctx, root, MergeOptions{})) },
		"Reset":    func() error { return errorOf(b.Reset(ctx, root, ResetOptions{})) },
		"Revert":   func() error { _, _, err := b.Revert(ctx, root, RevertOptions{}); return err },
	}
}

// reads is what all readers of a tree have in common.
type reads interface {
	ranger
	Get(context.Context, []byte) ([]byte, error)
	Has(context.Context, []byte) (bool, error)
	Lookup(context.Context, []byte) (prolly.Entry, error)
}

func readCalls(r reads) calls {
	key := []byte("k")
	return calls{
		"Get":    func() error { return errorOf(r.Get(ctx, key)) },
		"Has":    func() error { return errorOf(r.Has(ctx, key)) },
		"Lookup": func() error { return errorOf(r.Lookup(ctx, key)) },
		"Range":  func() error { return lastError(r.Range(ctx, prolly.Range{})) },
		"Empty":  nil,
		"Folded": nil,
	}
}

func txCalls(tx *Tx) calls {
	c := readCalls(tx)
	maps.Copy(c, calls{
		"Side": nil, "Discard": nil,
		"Put":    func() error { return tx.Put(ctx, []byte("k"), nil) },
		"Delete": func() error { return tx.Delete(ctx, []byte("k")) },
		"Commit": func() error { return tx.Commit(ctx) },
	})
	return c
}

func snapshotCalls(s *Snapshot) calls {
	return calls{
		"Root":  nil,
		"Tree":  func() error { return errorOf(s.Tree().Get(ctx, []byte("k"))) },
		"Side":  func() error { return lastError(s.Side().Range(ctx, prolly.Range{})) },
		"Close": nil,
	}
}

// each calls f with every method of v that calls has.
func (c calls) each(t *testing.T, v any, f func(name string, call func() error)) {
	t.Helper()
	typ := reflect.TypeOf(v)
	for i := range typ.NumMethod() {
		name := typ.Method(i).Name
		call, ok := c[name]
		if !ok {
			t.Errorf("no call of %v.%s", typ, name)
		} else if call != nil {
			f(fmt.Sprintf("%v.%s", typ, name), call)
		}
	}
}

// everything is one of each thing that an engine hands out.
type everything struct {
	e    *Engine
	b    *Branch
	tx   *Tx
	snap *Snapshot
	m    *Moment
}

func handOut(t *testing.T, e *Engine) everything {
	b := must(e.Branch(ctx, "main"))(t)
	do(t, b.Put(ctx, []byte("k"), []byte("v")))
	return everything{e, b, must(b.Begin(ctx))(t), must(b.Snapshot(ctx))(t), must(b.Moment(ctx))(t)}
}

func (x everything) each(t *testing.T, f func(name string, call func() error)) {
	t.Helper()
	branchCalls(x.b).each(t, x.b, f)
	readCalls(x.b.Side()).each(t, x.b.Side(), f)
	txCalls(x.tx).each(t, x.tx, f)
	snapshotCalls(x.snap).each(t, x.snap, f)
	readCalls(x.m.Tree()).each(t, x.m.Tree(), f)
	engineCalls(x.e).each(t, x.e, f)
}

// TestUseAfterClose: every method answers ErrClosed (E10).
func TestUseAfterClose(t *testing.T) {
	over(t, func(t *testing.T, open opener) {
		x := handOut(t, start(t, open, nil))
		do(t, x.e.Close())
		x.each(t, func(name string, call func() error) {
			if err := call(); !errors.Is(err, ErrClosed) {
				t.Errorf("%s after Close: %v", name, err)
			}
		})
		x.e.Stats()
		x.tx.Discard()
		do(t, x.snap.Close())
		x.m.Close()
	})
}

// TestUseAfterDelete: a deleted branch answers ErrNoBranch, and another of its
// name has nothing to do with it.
func TestUseAfterDelete(t *testing.T) {
	e := startTest(t, memory(), nil)
	x := handOut(t, e)
	defer x.snap.Close()
	defer x.m.Close()
	defer x.tx.Discard()
	do(t, e.DeleteBranch(ctx, "main"))
	want(t, e.DeleteBranch(ctx, "main"), ErrNoBranch)
	branchCalls(x.b).each(t, x.b, func(name string, call func() error) {
		if err := call(); !errors.Is(err, ErrNoBranch) && name != "*engine.Branch.Sync" {
			t.Errorf("%s of a deleted branch: %v", name, err)
		}
	})
	do(t, x.tx.Put(ctx, []byte("k"), nil))
	want(t, x.tx.Commit(ctx), ErrNoBranch)
	again := must(e.Branch(ctx, "main"))(t)
	_, err := again.Get(ctx, []byte("k"))
	want(t, err, ErrNotFound)
	if v := must(x.snap.Tree().Get(ctx, []byte("k")))(t); string(v) != "v" {
		t.Errorf("the snapshot has %q", v)
	}
}

// TestReadOnly: writes answer ErrReadOnly and nothing is written, not even by
// a snapshot of what is staged.
func TestReadOnly(t *testing.T) {
	over(t, func(t *testing.T, open opener) {
		e := start(t, open, nil)
		b := must(e.Branch(ctx, "main"))(t)
		do(t, b.Put(ctx, []byte("a"), []byte("folded")))
		root := must(b.Fold(ctx))(t)
		do(t, b.Put(ctx, []byte("k"), []byte("staged")))
		do(t, e.Close())

		x := handOutReadOnly(t, startTest(t, open, &Options{ReadOnly: true}))
		defer x.snap.Close()
		defer x.m.Close()
		defer x.tx.Discard()
		writes := []string{"Put", "Delete", "Load", "LoadBatches", "Fold", "Commit", "Update", "CreateBranch", "DeleteBranch", "Tag", "DeleteTag", "PutBlock", "GC",
			"PutReader", "Merge", "Reset", "Revert", "Adopt", "RenameBranch", "Retain", "MarkShallow"}
		x.each(t, func(name string, call func() error) {
			_, method, _ := cutLast(name)
			if method == "Close" || name == "*engine.Tx.Commit" || method == "Apply" {
				return
			}
			err := call()
			if write := slices.Contains(writes, method); write != errors.Is(err, ErrReadOnly) {
				t.Errorf("%s of a read-only engine: %v", name, err)
			}
		})
		want(t, x.b.Apply(ctx, []prolly.Edit{{Key: []byte("x")}}), ErrReadOnly)
		_, err := x.e.Branch(ctx, "missing")
		want(t, err, ErrNoBranch)
		if v := must(x.snap.Tree().Get(ctx, []byte("k")))(t); string(v) != "staged" {
			t.Errorf("the snapshot has %q", v)
		}
		if got := must(x.b.Root(ctx))(t); got != root || x.b.Staged() != 1 {
			t.Errorf("root %v and %d staged, want %v and 1", got, x.b.Staged(), root)
		}
		must(x.e.GC(ctx, GCOptions{DryRun: true}))(t)
	})
}

func cutLast(s string) (before, after string, ok bool) {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == '.' {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

func handOutReadOnly(t *testing.T, e *Engine) everything {
	b := must(e.Branch(ctx, "main"))(t)
	return everything{e, b, must(b.Begin(ctx))(t), must(b.Snapshot(ctx))(t), must(b.Moment(ctx))(t)}
}

// TestCloseWhileBusy closes an engine under load: calls end well or with
// ErrClosed, what was acknowledged is there afterwards, and nothing is left
// running (goleak, in TestMain) (E10).
func TestCloseWhileBusy(t *testing.T) {
	over(t, func(t *testing.T, open opener) {
		for round := range 5 {
			closeWhileBusy(t, open, round)
		}
	})
}

func closeWhileBusy(t *testing.T, open opener, round int) {
	e := start(t, open, &Options{StagingBytes: 2 << 10})
	x := handOut(t, e)
	defer x.snap.Close()
	defer x.m.Close()
	defer x.tx.Discard()
	var busy, acknowledged atomic.Int64
	var wg sync.WaitGroup
	until := func(f func() error) {
		wg.Go(func() {
			for {
				err := f()
				if busy.Add(1); errors.Is(err, ErrClosed) {
					return
				}
				if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrConflict) {
					t.Errorf("round %d: %v", round, err)
					return
				}
			}
		})
	}
	until(func() error {
		n := acknowledged.Load() + 1
		err := x.b.Put(ctx, fmt.Appendf(nil, "%d/%d", round, n), []byte("v"), Durability(n%2))
		if err == nil {
			acknowledged.Store(n)
		}
		return err
	})
	until(func() error { return errorOf(x.b.Get(ctx, []byte("k"))) })
	until(func() error { return lastError(x.b.Range(ctx, prolly.Range{})) })
	until(func() error { return errorOf(x.b.Commit(ctx, CommitOptions{Durability: NoSync})) })
	until(func() error { return lastError(x.snap.Tree().Range(ctx, prolly.Range{Reverse: true})) })
	until(func() error { return errorOf(e.GC(ctx, GCOptions{})) })
	until(func() error { return errorOf(x.b.Load(ctx, endless(e))) })
	for busy.Load() < 100 {
		must(x.m.Tree().Has(ctx, []byte("k")))(t)
	}
	do(t, e.Close())
	wg.Wait()

	e = start(t, open, nil)
	b := must(e.Branch(ctx, "main"))(t)
	for n := int64(1); n <= acknowledged.Load(); n++ {
		must(b.Get(ctx, fmt.Appendf(nil, "%d/%d", round, n)))(t)
	}
	do(t, e.Close())
}

// endless yields entries until the engine is closed.
func endless(e *Engine) iter.Seq2[prolly.Entry, error] {
	return func(yield func(prolly.Entry, error) bool) {
		for i := 0; i < 3000 || e.closed.Load(); i++ {
			if !yield(prolly.Entry{Key: fmt.Appendf(nil, "load/%d", i)}, nil) {
				return
			}
		}
	}
}

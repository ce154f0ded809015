package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/kv/pebblekv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// holdsFew is an engine that holds few branches.
func holdsFew(t *testing.T, dir string, o Options) *Engine {
	t.Helper()
	e, err := Open(dir, &o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// allOf reads all of a branch.
func allOf(ctx context.Context, t *testing.T, b *Branch) map[string]string {
	t.Helper()
	m := map[string]string{}
	for e, err := range b.Range(ctx, prolly.Range{}) {
		do(t, err)
		m[string(e.Key)] = string(e.Value.Bytes)
	}
	return m
}

// TestBranchesAreLetGo: many branches, few of them held, random writes, commits,
// folds, snapshots, removals and reopening, against maps. A branch that is asked
// for again is what it was (E15).
func TestBranchesAreLetGo(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	ctx, dir := t.Context(), t.TempDir()
	const branches, limit = 40, 4
	o := Options{OpenBranches: limit}
	e := holdsFew(t, dir, o)
	want := map[string]map[string]string{}
	type past struct {
		s *Snapshot
		m map[string]string
	}
	var snapshots []past
	dropSnapshots := func() {
		for _, p := range snapshots {
			for entry, err := range p.s.Tree().Range(ctx, prolly.Range{}) {
				do(t, err)
				if p.m[string(entry.Key)] != string(entry.Value.Bytes) {
					t.Fatalf("a snapshot has %q for %q", entry.Value.Bytes, entry.Key)
				}
			}
			p.s.Close()
		}
		snapshots = nil
	}
	for i := range 800 {
		name := fmt.Sprintf("b%02d", r.IntN(branches))
		b := must(e.Branch(ctx, name))(t)
		if want[name] == nil {
			want[name] = map[string]string{}
		}
		switch n := r.IntN(100); {
		case n < 60:
			k, v := fmt.Sprint("k", r.IntN(50)), fmt.Sprint("v", i)
			do(t, b.Put(ctx, []byte(k), []byte(v), NoSync))
			want[name][k] = v
		case n < 75:
			must(b.Commit(ctx, CommitOptions{Durability: NoSync}))(t)
		case n < 80:
			must(b.Fold(ctx))(t)
		case n < 85:
			snapshots = append(snapshots, past{must(b.Snapshot(ctx))(t), maps.Clone(want[name])})
		case n < 90:
			dropSnapshots()
		case n < 93:
			do(t, e.DeleteBranch(ctx, name))
			delete(want, name)
			if _, err := b.Head(ctx); !errors.Is(err, ErrNoBranch) {
				t.Fatalf("a handle of a deleted branch answers %v", err)
			}
		case n < 94:
			must(e.GC(ctx, GCOptions{}))(t)
		case n < 98:
			runtime.GC() // what was let go goes
		default:
			dropSnapshots()
			do(t, e.Close())
			e = holdsFew(t, dir, o)
		}
		if w := want[name]; w != nil {
			if got := allOf(ctx, t, must(e.Branch(ctx, name))(t)); !maps.Equal(got, w) {
				t.Fatalf("E15 violated: step %d: %s has %v, not %v", i, name, got, w)
			}
		}
		if n := e.held(); n > limit {
			t.Fatalf("%d branches are held", n)
		}
	}
	dropSnapshots()
	for name, w := range want {
		if got := allOf(ctx, t, must(e.Branch(ctx, name))(t)); !maps.Equal(got, w) {
			t.Errorf("%s has %v, not %v", name, got, w)
		}
	}
	do(t, e.Check(ctx, func(p Problem) { t.Error(p) }))
	do(t, e.Close())
	read := holdsFew(t, dir, Options{OpenBranches: limit, ReadOnly: true})
	for name, w := range want {
		if got := allOf(ctx, t, must(read.Lookup(ctx, name))(t)); !maps.Equal(got, w) {
			t.Errorf("read-only: %s has %v, not %v", name, got, w)
		}
	}
	if n := read.held(); n > limit {
		t.Errorf("%d branches are held for reading", n)
	}
	do(t, read.Close())
}

// TestLetGoBranchIsOne: whoever holds a branch that was let go shares it with
// those who ask for it anew (E15).
func TestLetGoBranchIsOne(t *testing.T) {
	ctx := t.Context()
	e := holdsFew(t, t.TempDir(), Options{OpenBranches: 2})
	defer func() { do(t, e.Close()) }()
	held := must(e.Branch(ctx, "held"))(t)
	for i := range 20 {
		must(e.Branch(ctx, fmt.Sprint("other", i)))(t)
	}
	do(t, e.letGo(ctx, 2))
	runtime.GC()
	if e.held() != 0 {
		t.Fatalf("%d branches are held", e.held())
	}
	do(t, held.Put(ctx, []byte("k"), []byte("v"), NoSync))
	if again := must(e.Lookup(ctx, "held"))(t); again != held {
		t.Fatal("E15 violated: there are two branches of one name")
	}
	if e.Stats().Branches > 2 {
		t.Errorf("%d branches in memory", e.Stats().Branches)
	}
}

// TestLetGoTogether: many goroutines share few places; no write is lost.
func TestLetGoTogether(t *testing.T) {
	ctx := t.Context()
	e := holdsFew(t, t.TempDir(), Options{OpenBranches: 3})
	defer func() { do(t, e.Close()) }()
	const workers, branches, rounds = 8, 24, 60
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(7, uint64(w)))
			for i := range rounds {
				b, err := e.Branch(ctx, fmt.Sprint("b", r.IntN(branches)))
				if err == nil {
					err = b.Put(ctx, fmt.Appendf(nil, "%d/%d", w, i), []byte("v"), NoSync)
				}
				if err == nil && i%3 == 0 {
					_, err = b.Commit(ctx, CommitOptions{Durability: NoSync})
				}
				if err != nil {
					t.Error(err)
					return
				}
				if i%20 == 0 {
					runtime.GC()
				}
			}
		})
	}
	wg.Wait()
	n := 0
	for i := range branches {
		n += len(allOf(ctx, t, must(e.Branch(ctx, fmt.Sprint("b", i)))(t)))
	}
	if n != workers*rounds {
		t.Errorf("%d entries of %d", n, workers*rounds)
	}
	do(t, e.Check(ctx, func(p Problem) { t.Error(p) }))
}

// TestLetGoNodesAreDurable: a branch that was let go needs no log: none of its
// nodes is made again when it is opened.
func TestLetGoNodesAreDurable(t *testing.T) {
	ctx := t.Context()
	s, err := pebblekv.Open(t.TempDir(), nil)
	do(t, err)
	e, err := New(s, nil)
	do(t, err)
	defer func() { do(t, e.Close()) }()
	func() {
		b := must(e.Branch(ctx, "b"))(t)
		for i := range 300 {
			do(t, b.Put(ctx, fmt.Appendf(nil, "%04d", i), make([]byte, 100), NoSync))
		}
		must(b.Commit(ctx, CommitOptions{}))(t)
		do(t, b.Put(ctx, []byte("staged"), nil, NoSync))
	}()
	do(t, e.letGo(ctx, 10))
	raw := must(e.readRef(ctx, branchPrefix+"b"))(t)
	if ref := must(parseBranchRef(raw))(t); ref.behind != nil {
		t.Error("nodes of a branch that was let go are not durable")
	}
	for rec, err := range s.ReadLog(ctx, branchPrefix+"b", 0) {
		do(t, err)
		t.Errorf("record %d is left in its log", rec.Seq)
	}
}

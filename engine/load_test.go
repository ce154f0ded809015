package engine

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

var loadEntries = flag.Int("load.entries", 200_000, "entries that TestLoadMemory loads")

func entriesOf(edits []prolly.Edit, err error) iter.Seq2[prolly.Entry, error] {
	return func(yield func(prolly.Entry, error) bool) {
		var key, value []byte // used again, as a source may
		for _, e := range edits {
			key, value = append(key[:0], e.Key...), append(value[:0], e.Value.Bytes...)
			if !yield(prolly.Entry{Key: key, Value: prolly.Value{Bytes: value}}, nil) {
				return
			}
		}
		if err != nil {
			yield(prolly.Entry{}, err)
		}
	}
}

// batchesOf yields entries in batches of any length, whose memory is used again.
func batchesOf(r *rand.Rand, edits []prolly.Edit, err error) iter.Seq2[[]prolly.Entry, error] {
	return func(yield func([]prolly.Entry, error) bool) {
		var batch []prolly.Entry
		for len(edits) > 0 {
			for i := range batch {
				clear(batch[i].Key)
				clear(batch[i].Value.Bytes)
			}
			batch = batch[:0]
			n := min(r.IntN(3*touched), len(edits))
			for _, e := range edits[:n] {
				e.Value = e.Value.Clone()
				batch = append(batch, prolly.Entry{Key: bytes.Clone(e.Key), Value: e.Value})
			}
			edits = edits[n:]
			if !yield(batch, nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// TestLoad: in any order, over what is there, in runs and built, the tree is
// that of the content; on an error there is nothing of it.
func TestLoad(t *testing.T) {
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 11))
		e := startTest(t, memory(), nil)
		b := must(e.Branch(ctx, "main"))(t)
		c := content{}
		for range 3 {
			edits := loaded(voyageEdits(r, r.IntN(2000)))
			if r.IntN(2) == 0 { // ascending to begin with
				for i := range edits[:len(edits)/2] {
					edits[i].Key = fmt.Appendf(nil, "asc/%06d", i)
				}
			}
			before := must(b.Root(ctx))(t)
			fail := errors.New("the source failed")
			load := func(err error) (uint64, error) { return b.Load(ctx, entriesOf(edits, err)) }
			if r.IntN(2) == 0 {
				load = func(err error) (uint64, error) { return b.LoadBatches(ctx, batchesOf(r, edits, err)) }
			}
			n, err := load(fail)
			want(t, err, fail)
			if n != uint64(len(edits)) {
				t.Fatalf("seed %d: took %d of %d", seed, n, len(edits))
			}
			if root := must(b.Root(ctx))(t); root != before {
				t.Fatalf("seed %d: a load that failed moved the root", seed)
			}
			must(load(nil))(t)
			c.apply(edits)
			if root := must(b.Root(ctx))(t); root != c.root(t) {
				t.Fatalf("seed %d: root %v, want %v", seed, root, c.root(t))
			}
		}
	}
}

// TestLoadBesideWrites: what is staged before a load lies below it, what is
// staged meanwhile above, and nothing of the load is seen before its end.
func TestLoadBesideWrites(t *testing.T) {
	open := memory()
	e := start(t, open, nil)
	b := must(e.Branch(ctx, "main"))(t)
	for _, k := range []string{"x", "y"} {
		do(t, b.Put(ctx, []byte(k), []byte("before")))
	}
	_, err := b.Load(ctx, func(yield func(prolly.Entry, error) bool) {
		_ = yield(prolly.Entry{Key: []byte("x"), Value: prolly.Value{Bytes: []byte("loaded")}}, nil) &&
			yield(prolly.Entry{Key: []byte("y"), Value: prolly.Value{Bytes: []byte("loaded")}}, nil)
		do(t, b.Put(ctx, []byte("y"), []byte("after")))
		if v := must(b.Get(ctx, []byte("x")))(t); string(v) != "before" {
			t.Errorf("x is %q before the end", v)
		}
	})
	do(t, err)
	do(t, e.Close()) // what was staged during a fold survives the fold's trimming
	e = startTest(t, open, nil)
	b = must(e.Branch(ctx, "main"))(t)
	for range 2 {
		x, y := must(b.Get(ctx, []byte("x")))(t), must(b.Get(ctx, []byte("y")))(t)
		if string(x) != "loaded" || string(y) != "after" {
			t.Errorf("x %q, y %q", x, y)
		}
		must(b.Fold(ctx))(t)
	}
	if _, err := b.Head(ctx); !errors.Is(err, ErrNoCommit) {
		t.Errorf("head: %v", err)
	}
}

// TestApplyAtOnce: edits beyond what may be staged are one step all the same,
// and survive.
func TestApplyAtOnce(t *testing.T) {
	over(t, func(t *testing.T, open opener) {
		e := start(t, open, &Options{StagingBytes: 8 << 10})
		b := must(e.Branch(ctx, "main"))(t)
		r := rand.New(rand.NewPCG(1, 12))
		c := content{}
		for range 5 {
			edits := voyageEdits(r, 400)
			do(t, b.Put(ctx, edits[0].Key, []byte("below")))
			do(t, b.Apply(ctx, edits))
			c.apply(edits)
		}
		do(t, e.Close())
		e = startTest(t, open, nil)
		b = must(e.Branch(ctx, "main"))(t)
		compareRange(t, b.Range(ctx, prolly.Range{}), c, prolly.Range{})
	})
}

// TestLoadMemory: a load of any length takes bounded memory. With
// -load.entries 5000000 it is the size that the project promises.
func TestLoadMemory(t *testing.T) {
	if testing.Short() {
		t.SkipNow()
	}
	for order, sorted := range map[string]bool{"ascending": true, "random": false} {
		t.Run(order, func(t *testing.T) { loadMemory(t, sorted) })
	}
}

func loadMemory(t *testing.T, sorted bool) {
	dir := t.TempDir()
	e := must(Open(dir, nil))(t)
	b := must(e.Branch(ctx, "main"))(t)
	var peak uint64
	value := bytes.Repeat([]byte("v"), 100)
	n, err := b.Load(ctx, func(yield func(prolly.Entry, error) bool) {
		var key []byte
		for i := range uint64(*loadEntries) {
			x := i
			if !sorted {
				x = i * 0x9e3779b97f4a7c15
			}
			key = fmt.Appendf(key[:0], "%032x", x)
			if !yield(prolly.Entry{Key: key, Value: prolly.Value{Bytes: value}}, nil) {
				return
			}
			if i%10_000 == 0 {
				peak = max(peak, inUse())
			}
		}
	})
	do(t, err)
	if n != uint64(*loadEntries) || must(b.Snapshot(ctx))(t).Tree().Len() != n {
		t.Errorf("loaded %d", n)
	}
	t.Logf("at most %d MiB in use", peak>>20)
	if peak > 512<<20 {
		t.Errorf("%d MiB in use", peak>>20)
	}
	do(t, e.Close())
}

// inUse is what the process has of the system, as far as Go knows.
func inUse() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Sys - m.HeapReleased
}

// TestLoadPanic: a source that panics leaves the branch as it was, and usable.
func TestLoadPanic(t *testing.T) {
	e := startTest(t, memory(), nil)
	b := must(e.Branch(ctx, "main"))(t)
	func() {
		defer func() { _ = recover() }()
		_, _ = b.Load(ctx, func(yield func(prolly.Entry, error) bool) {
			yield(prolly.Entry{Key: []byte("k")}, nil)
			panic("source")
		})
	}()
	do(t, b.Put(ctx, []byte("a"), nil))
	must(b.Fold(ctx))(t)
	must(e.GC(ctx, GCOptions{}))(t)
	if ok := must(b.Has(ctx, []byte("k")))(t); ok {
		t.Error("half a load is there")
	}
}

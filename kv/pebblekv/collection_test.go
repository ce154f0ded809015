package pebblekv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// TestBitmap: marks are what they were set to, however few pages fit into
// memory.
func TestBitmap(t *testing.T) {
	defer func(n int) { bitPages = n }(bitPages)
	bitPages = 3
	const seed = 7
	r := rand.New(rand.NewPCG(seed, 1))
	m := bitmap{pages: map[uint64]*bitPage{}, starts: []generationStart{{2, 0, 100_000}, {5, 100_000, 1 << 40}}}
	defer func() {
		if err := m.close(); err != nil {
			t.Error(err)
		}
	}()
	want := map[id]kv.Mark{}
	for range 20_000 {
		i := makeID(2, r.Uint64N(100_000))
		if r.IntN(2) == 0 {
			i = makeID(5, r.Uint64N(300_000))
		}
		if got, err := m.get(i); err != nil || got != want[i] {
			t.Fatalf("seed %d: %x is %d, want %d: %v", seed, i, got, want[i], err)
		}
		if r.IntN(3) > 0 {
			to := kv.Mark(1 + r.IntN(3))
			if err := m.raise(i, to); err != nil {
				t.Fatal(err)
			}
			want[i] = max(want[i], to)
		}
	}
	for i, mark := range want {
		if got, err := m.get(i); err != nil || got != mark {
			t.Fatalf("seed %d: %x is %d, want %d: %v", seed, i, got, mark, err)
		}
	}
	for _, i := range []id{makeID(3, 1), makeID(2, 100_000), makeID(9, 0)} {
		if _, err := m.get(i); !errors.Is(err, kv.ErrCorrupt) {
			t.Errorf("%x: %v", i, err)
		}
	}
}

// TestNames: a set that does not fit into memory says what is in it.
func TestNames(t *testing.T) {
	defer func(n int) { namesBytes = n }(namesBytes)
	for _, namesBytes = range []int{1 << 20, 500} {
		r := rand.New(rand.NewPCG(3, 3))
		var s names
		in := map[string]bool{}
		for range 2000 {
			name := fmt.Appendf(nil, "%d", r.IntN(3000))
			if err := s.add(name); err != nil {
				t.Fatal(err)
			}
			in[string(name)] = true
		}
		c, err := s.ascending()
		if err != nil {
			t.Fatal(err)
		}
		var asked []string
		for i := range 3000 {
			asked = append(asked, fmt.Sprint(i))
		}
		slices.Sort(asked)
		for _, name := range asked {
			if has, err := c.has([]byte(name)); err != nil || has != in[name] {
				t.Fatalf("%s: %v, want %v: %v", name, has, in[name], err)
			}
		}
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCollectBesideWriters: what is put and marked while a sweep is at work is
// there afterwards, although it was there, as garbage, before (P9).
func TestCollectBesideWriters(t *testing.T) {
	s, err := Open("store", &Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	const blocks = 6000
	block := func(i int) []byte { return bytes.Repeat(fmt.Appendf(nil, "block %d ", i), 20) }
	put := func(nodes kv.Batch, is ...int) error {
		for _, i := range is {
			if _, err := nodes.PutNode(codec.Sum(block(i)), block(i), nil); err != nil {
				return err
			}
			if err := nodes.PutBlob(codec.RawCID(block(i)), block(i)); err != nil {
				return err
			}
		}
		return nodes.Commit(ctx)
	}
	all := make([]int, blocks)
	for i := range all {
		all[i] = i
	}
	if err := put(s.NewBatch(), all...); err != nil {
		t.Fatal(err)
	}
	c, err := s.Collect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Collect(ctx); !errors.Is(err, kv.ErrBusy) {
		t.Errorf("a second collection: %v", err)
	}
	var wg sync.WaitGroup
	kept := make([][]int, 4)
	for w := range kept {
		r := rand.New(rand.NewPCG(uint64(w), 6))
		wg.Go(func() {
			for range 400 {
				i := r.IntN(blocks)
				var err error
				switch w {
				case 0:
					err = put(s.NewBatch(), i)
				case 1:
					err = put(s.NewBehind(), i)
				default: // brought back, if it is still there
					err = c.Mark(ctx, codec.Sum(block(i)), kv.Kept)
					if errors.Is(err, kv.ErrNotFound) {
						continue
					}
					if err == nil {
						err = c.MarkBlob(ctx, codec.RawCID(block(i)).Hash())
					}
					if has, e := s.HasBlob(ctx, codec.RawCID(block(i))); err == nil && !has {
						if err = e; err == nil {
							continue
						}
					}
				}
				if err != nil {
					t.Error(err)
					return
				}
				kept[w] = append(kept[w], i)
			}
		})
	}
	w, err := c.Sweep(ctx, kv.SweepOptions{})
	if err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if w.Nodes == 0 || w.Blobs == 0 {
		t.Errorf("removed %+v", w.Swept)
	}
	for by, list := range kept {
		for _, i := range list {
			if n, err := s.ReadNode(ctx, codec.Sum(block(i)), kv.Hint{}); err != nil || !bytes.Equal(n.Block, block(i)) {
				t.Fatalf("node %d, kept by %d: %v", i, by, err)
			}
			if b, err := s.ReadBlob(ctx, codec.RawCID(block(i))); err != nil || !bytes.Equal(b, block(i)) {
				t.Fatalf("blob %d, kept by %d: %v", i, by, err)
			}
		}
	}
	if err := s.WriteNodes(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.CheckStore(ctx, func(err error) { t.Error(err) }); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

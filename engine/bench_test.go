package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// benchEngine is an engine in Pebble in a directory.
func benchEngine(b *testing.B, o *Options) *Branch {
	b.Helper()
	e, err := Open(b.TempDir(), o)
	do(b, err)
	b.Cleanup(func() { do(b, e.Close()) })
	return must(e.Branch(ctx, "main"))(b)
}

func benchKey(dst []byte, i uint64) []byte {
	i *= 0x9e3779b97f4a7c15
	return fmt.Appendf(dst, "/blob/%016x%016x%016x%08x", i, i>>3^i, i*i, uint32(i))
}

var benchValue = make([]byte, 100)

// filled loads n entries of 62 + 100 bytes.
func filled(b *testing.B, br *Branch, n uint64) {
	b.Helper()
	_, err := br.Load(ctx, func(yield func(prolly.Entry, error) bool) {
		for i := range n {
			if !yield(prolly.Entry{Key: benchKey(nil, i), Value: prolly.Value{Bytes: benchValue}}, nil) {
				return
			}
		}
	})
	do(b, err)
}

func BenchmarkStagedPut(b *testing.B) {
	br := benchEngine(b, &Options{StagingBytes: 512 << 20})
	var key []byte
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		key = benchKey(key[:0], uint64(i))
		if err := br.Put(ctx, key, benchValue, NoSync); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLogAppend is what the store alone takes for BenchmarkStagedPut.
func BenchmarkLogAppend(b *testing.B) {
	br := benchEngine(b, nil)
	var key []byte
	rec := encodeRecord(1, []op{{kind: opInline, key: benchKey(nil, 1), data: benchValue}})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		key = benchKey(key[:0], uint64(i))
		batch := br.e.store.NewBatch()
		if err := errors.Join(batch.AppendLog("x", uint64(i+1), rec), batch.Commit(ctx)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOverlayAdd(b *testing.B) {
	o := newOverlay(nil, new(arena[byte]))
	var key []byte
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if o.used > 32<<20 {
			o = newOverlay(o.beginning(), new(arena[byte]))
		}
		key = benchKey(key[:0], uint64(i))
		if err := o.add(key, uint64(i), opInline, benchValue); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBenchKey(b *testing.B) {
	var key []byte
	for i := 0; b.Loop(); i++ {
		key = benchKey(key[:0], uint64(i))
	}
}

func BenchmarkGetWarm(b *testing.B) {
	const n = 100_000
	br := benchEngine(b, &Options{CacheBytes: 256 << 20})
	filled(b, br, n)
	keys := make([][]byte, n)
	for i := range keys {
		keys[i] = benchKey(nil, uint64(i))
		if _, err := br.Get(ctx, keys[i]); err != nil {
			b.Fatal(err)
		}
	}
	r := rand.New(rand.NewPCG(1, 1))
	b.Run("get", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := br.Get(ctx, keys[r.IntN(n)]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("view", func(b *testing.B) {
		b.ReportAllocs()
		f := func([]byte) error { return nil }
		for b.Loop() {
			if err := br.View(ctx, keys[r.IntN(n)], f); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("scan", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for _, err := range br.Range(ctx, prolly.Range{}) {
				if err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mentries/s")
	})
}

func BenchmarkCommit(b *testing.B) {
	for _, edits := range []int{1, 1000} {
		for _, d := range []Durability{NoSync, Sync} {
			b.Run(fmt.Sprintf("edits=%d/durability=%d", edits, d), func(b *testing.B) {
				const n = 1_000_000
				br := benchEngine(b, &Options{CacheBytes: 256 << 20})
				filled(b, br, n)
				do(b, lastError(br.Range(ctx, prolly.Range{}))) // warms the cache
				r := rand.New(rand.NewPCG(1, 1))
				b.ReportAllocs()
				for b.Loop() {
					for range edits {
						do(b, br.Put(ctx, benchKey(nil, r.Uint64N(n)), benchValue[:50+r.IntN(50)], NoSync))
					}
					_, err := br.Commit(ctx, CommitOptions{Durability: d})
					do(b, err)
				}
			})
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	const n = 1_000_000
	for range b.N {
		br := benchEngine(b, nil)
		taken, err := br.Load(context.Background(), func(yield func(prolly.Entry, error) bool) {
			var key []byte
			for i := range uint64(n) {
				key = fmt.Appendf(key[:0], "/blob/%056d", i)
				if !yield(prolly.Entry{Key: key, Value: prolly.Value{Bytes: benchValue}}, nil) {
					return
				}
			}
		})
		do(b, err)
		b.ReportMetric(float64(taken)*float64(b.N)/b.Elapsed().Seconds()/1e3, "kentries/s")
	}
}

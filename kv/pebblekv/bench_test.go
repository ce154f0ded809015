package pebblekv

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// benchNodeBytes is what a node of random 62-byte keys and 100-byte values has.
const benchNodeBytes = 2200

// benchNodes makes nodes that do not compress, as those of random keys do not.
type benchNodes struct {
	rng   *rand.ChaCha8
	block []byte
}

var benchSeed atomic.Uint64

func newBenchNodes() *benchNodes {
	var seed [32]byte
	binary.BigEndian.PutUint64(seed[:], benchSeed.Add(1))
	return &benchNodes{rng: rand.NewChaCha8(seed), block: make([]byte, benchNodeBytes)}
}

// next makes another node in the same memory. Its hash is no hash of it: what
// hashing takes is not measured here.
func (n *benchNodes) next() (h codec.Hash, block []byte) {
	_, _ = n.rng.Read(n.block) // never fails
	_, _ = n.rng.Read(h[:])
	return h, n.block
}

func openBench(b *testing.B, o *Options) *Store {
	b.Helper()
	s, err := Open(b.TempDir(), o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

// fillBench writes n nodes and returns where they lie.
func fillBench(b *testing.B, s *Store, n int) (hashes []codec.Hash, hints []kv.Hint) {
	b.Helper()
	nodes := newBenchNodes()
	for len(hints) < n {
		batch := s.NewBatch()
		for range min(2000, n-len(hints)) {
			h, block := nodes.next()
			at, err := batch.PutNode(h, block, nil)
			if err != nil {
				b.Fatal(err)
			}
			hashes, hints = append(hashes, h), append(hints, at)
		}
		if err := batch.Commit(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := s.settle(); err != nil {
		b.Fatal(err)
	}
	return hashes, hints
}

// BenchmarkReadNode reads random nodes out of 50,000 in tables, by hint and by
// hash; warm: all blocks are in the cache.
func BenchmarkReadNode(b *testing.B) {
	for _, cache := range []struct {
		name  string
		bytes int64
	}{{"warm", 512 << 20}, {"files", 1 << 20}} {
		s := openBench(b, &Options{CacheBytes: cache.bytes})
		hashes, hints := fillBench(b, s, 50_000)
		for _, way := range []string{"hint", "hash"} {
			b.Run(cache.name+"/"+way, func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					j := i * 7919 % len(hashes)
					at := hints[j]
					if way == "hash" {
						at = kv.Hint{}
					}
					n, err := s.ReadNode(context.Background(), hashes[j], at)
					if err != nil || len(n.Block) != benchNodeBytes {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkCommitNodes commits batches of 2,000 nodes, as one commit of 1,000
// updates writes, not synced. dedup: with a lookup of each hash first.
func BenchmarkCommitNodes(b *testing.B) {
	for _, dedup := range []bool{false, true} {
		b.Run(fmt.Sprintf("dedup=%v", dedup), func(b *testing.B) {
			s := openBench(b, nil)
			nodes := newBenchNodes()
			fillBench(b, s, 50_000)
			before := s.Metrics()
			b.SetBytes(2000 * benchNodeBytes)
			b.ReportAllocs()
			for b.Loop() {
				if err := commitBench(s, nodes, dedup); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			if _, err := s.settle(); err != nil {
				b.Fatal(err)
			}
			after := s.Metrics()
			b.ReportMetric(float64(after.LogBytes+after.TableBytes-before.LogBytes-before.TableBytes)/
				float64(after.WrittenBytes-before.WrittenBytes), "write-amp")
		})
	}
}

func commitBench(s *Store, nodes *benchNodes, dedup bool) error {
	batch := s.NewBatch()
	var key [hashKeyLen]byte
	for range 2000 {
		h, block := nodes.next()
		if dedup {
			putHashKey(key[:], &h)
			if has, err := s.hasKey(key[:]); err != nil || has {
				return fmt.Errorf("has %v, %w", has, err)
			}
		}
		if _, err := batch.PutNode(h, block, nil); err != nil {
			return err
		}
	}
	return batch.Commit(context.Background())
}

// BenchmarkAppendLog appends one record of 100 bytes to a log.
func BenchmarkAppendLog(b *testing.B) {
	for _, sync := range []bool{false, true} {
		b.Run(fmt.Sprintf("sync=%v", sync), func(b *testing.B) {
			s := openBench(b, nil)
			data := make([]byte, 100)
			b.ReportAllocs()
			for seq := uint64(1); b.Loop(); seq++ {
				binary.BigEndian.PutUint64(data, seq)
				batch := s.NewBatch()
				err := batch.AppendLog("main", seq, data)
				if err == nil {
					err = batch.Commit(context.Background())
				}
				if err == nil && sync {
					err = s.Sync(context.Background())
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSyncTogether is a durable append by one of 16 goroutines that do
// the same to logs of their own.
func BenchmarkSyncTogether(b *testing.B) {
	s := openBench(b, nil)
	b.SetParallelism(8)
	names := make(chan string, 64)
	for i := range cap(names) {
		names <- fmt.Sprintf("log%d", i)
	}
	b.RunParallel(func(pb *testing.PB) {
		name := <-names
		for seq := uint64(1); pb.Next(); seq++ {
			batch := s.NewBatch()
			err := batch.AppendLog(name, s.committed.Load()*100+seq, make([]byte, 100))
			if err == nil {
				err = batch.Commit(context.Background())
			}
			if err == nil {
				err = s.Sync(context.Background())
			}
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkOpen opens a store that was closed, and one that was not.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	s, err := Open(dir, nil)
	if err != nil {
		b.Fatal(err)
	}
	fillBench(b, s, 20_000)
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	for _, readOnly := range []bool{false, true} {
		b.Run(fmt.Sprintf("readOnly=%v", readOnly), func(b *testing.B) {
			for b.Loop() {
				s, err := Open(dir, &Options{ReadOnly: readOnly})
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}

// BenchmarkHasBlob asks for blobs that are there and that are not.
func BenchmarkHasBlob(b *testing.B) {
	s := openBench(b, &Options{CacheBytes: 256 << 20})
	block := make([]byte, 5000)
	for i := range 20 {
		batch := s.NewBatch()
		for j := range 1000 {
			binary.BigEndian.PutUint64(block, uint64(i*1000+j))
			if err := batch.PutBlob(codec.RawCID(block), block); err != nil {
				b.Fatal(err)
			}
		}
		if err := batch.Commit(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := s.settle(); err != nil {
		b.Fatal(err)
	}
	for _, there := range []bool{true, false} {
		b.Run(fmt.Sprintf("there=%v", there), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				n := uint64(i * 7919 % 20_000)
				if !there {
					n += 1 << 40
				}
				binary.BigEndian.PutUint64(block, n)
				has, err := s.HasBlob(context.Background(), codec.RawCID(block))
				if err != nil || has != there {
					b.Fatal(has, err)
				}
			}
		})
	}
}

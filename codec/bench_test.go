package codec

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func BenchmarkParse(b *testing.B) {
	for _, n := range []int{14, 24} {
		b.Run(fmt.Sprintf("leaf%d", n), func(b *testing.B) { benchParse(b, AppendLeaf(nil, inlineLeaf(n))) })
	}
	b.Run("mixed", func(b *testing.B) { benchParse(b, AppendLeaf(nil, mixedLeaf())) })
	b.Run("inner30", func(b *testing.B) { benchParse(b, AppendInner(nil, 1, innerEntries(30))) })
}

func benchParse(b *testing.B, block []byte) {
	b.ReportAllocs()
	b.SetBytes(int64(len(block)))
	for b.Loop() {
		if _, err := ParseNode(block); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFind(b *testing.B) {
	for _, n := range []int{14, 30} {
		entries := inlineLeaf(n)[:n]
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			node := mustNode(b, AppendLeaf(nil, entries))
			keys := make([][]byte, 4096)
			rng := rand.New(rand.NewPCG(1, 2))
			for i := range keys {
				keys[i] = entries[rng.IntN(n)].Key
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				at, found := node.Find(keys[i&4095])
				if !found {
					b.Fatal(at)
				}
				i++
			}
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	dst := make([]byte, 0, MaxNode)
	b.Run("leaf24", func(b *testing.B) {
		entries := inlineLeaf(24)
		b.ReportAllocs()
		b.SetBytes(int64(len(AppendLeaf(nil, entries))))
		for b.Loop() {
			AppendLeaf(dst, entries)
		}
	})
	b.Run("mixed", func(b *testing.B) {
		entries := mixedLeaf()
		b.ReportAllocs()
		b.SetBytes(int64(len(AppendLeaf(nil, entries))))
		for b.Loop() {
			AppendLeaf(dst, entries)
		}
	})
	b.Run("inner30", func(b *testing.B) {
		entries := innerEntries(30)
		b.ReportAllocs()
		b.SetBytes(int64(len(AppendInner(nil, 1, entries))))
		for b.Loop() {
			AppendInner(dst, 1, entries)
		}
	})
}

package prolly

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// benchKey makes the i-th key of the standard data set: "/blob/" and 56 random
// characters, and 100 bytes of value.
func benchEntry(i int) (key, value []byte) {
	const digits = "abcdefghijklmnopqrstuvwxyz234567"
	r := rand.New(rand.NewPCG(uint64(i), 7))
	key = append(make([]byte, 0, 62), "/blob/"...)
	for range 56 {
		key = append(key, digits[r.IntN(len(digits))])
	}
	value = make([]byte, 100)
	for j := range value {
		value[j] = byte(r.Uint32())
	}
	return key, value
}

func benchEdits(n, from int) []Edit {
	edits := make([]Edit, n)
	for i := range edits {
		k, v := benchEntry(from + i)
		edits[i] = Edit{Key: k, Value: Value{Bytes: v}}
	}
	return edits
}

var benchTrees = map[int]Tree{}

func benchTree(b *testing.B, n int) Tree {
	if t, ok := benchTrees[n]; ok {
		return t
	}
	t, err := Empty(NewMemStore()).Apply(ctx, benchEdits(n, 0))
	if err != nil {
		b.Fatal(err)
	}
	benchTrees[n] = t
	return t
}

const benchSize = 1_000_000

func BenchmarkBuild(b *testing.B) {
	t := benchTree(b, benchSize)
	var all []Entry
	for e, err := range t.Range(ctx, Range{}) {
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, e.Clone())
	}
	b.ResetTimer()
	for b.Loop() {
		_, err := Build(ctx, discard{}, func(yield func(Entry, error) bool) {
			for _, e := range all {
				if !yield(e, nil) {
					return
				}
			}
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(all))*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mentries/s")
}

func BenchmarkGet(b *testing.B) {
	t := benchTree(b, benchSize)
	keys := benchEdits(10_000, 0)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, err := t.Get(ctx, keys[i%len(keys)].Key); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

func BenchmarkScan(b *testing.B) {
	t := benchTree(b, benchSize)
	n := 0
	for b.Loop() {
		for _, err := range t.Range(ctx, Range{}) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds()/1e6, "Mentries/s")
}

func BenchmarkApply(b *testing.B) {
	t := benchTree(b, benchSize)
	for _, kind := range []string{"update", "insert"} {
		for _, n := range []int{1, 1000, 10_000} {
			b.Run(fmt.Sprintf("%s-%d", kind, n), func(b *testing.B) {
				base := 0
				if kind == "insert" {
					base = benchSize
				}
				edits := benchEdits(n, base)
				for i := range edits {
					edits[i].Value.Bytes[0]++
				}
				over := t.In(overlay{t.ns.(*memStore)})
				b.ReportAllocs()
				b.ResetTimer()
				for b.Loop() {
					if _, err := over.Apply(ctx, edits); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(b.Elapsed().Seconds()*1e6/float64(n)/float64(b.N), "µs/edit")
			})
		}
	}
}

func BenchmarkDiff(b *testing.B) {
	t := benchTree(b, benchSize)
	for _, n := range []int{1, 100, 10_000} {
		edits := benchEdits(n, 0)
		for i := range edits {
			edits[i].Value.Bytes[0]++
		}
		u, err := t.Apply(ctx, edits)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				got := 0
				for _, err := range Diff(ctx, t, u, Range{}) {
					if err != nil {
						b.Fatal(err)
					}
					got++
				}
				if got != n {
					b.Fatal(got)
				}
			}
		})
	}
}

func BenchmarkRank(b *testing.B) {
	t := benchTree(b, benchSize)
	k, _ := benchEntry(77)
	for b.Loop() {
		if _, err := t.Rank(ctx, k); err != nil {
			b.Fatal(err)
		}
	}
}

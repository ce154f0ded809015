package prolly

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// chunkAll runs the chunker over a whole level and returns where nodes begin.
func chunkAll(p1 []uint64, weights []int) []int {
	var c chunker
	var begins []int
	base := 0
	gap := func(n int) {
		lo := 0
		for _, hi := range c.split(n) {
			begins = append(begins, base+lo)
			lo = hi
		}
		base += n
		c.drop(n)
	}
	for i := range p1 {
		c.push(p1[i], weights[i])
		for n := c.cut(); n > 0; n = c.cut() {
			gap(n)
		}
	}
	gap(c.len())
	return begins
}

// levelGen draws a level: random, few distinct or monotone priorities, and
// light, heavy or mixed weights.
func levelGen(t *rapid.T) (p1 []uint64, weights []int) {
	n := rapid.IntRange(1, 300).Draw(t, "n")
	shape := rapid.IntRange(0, 3).Draw(t, "priorities")
	lo := rapid.SampledFrom([]int{5, 40, 600, 1279, 1280}).Draw(t, "lightest")
	hi := rapid.IntRange(lo, codec.MaxItem).Draw(t, "heaviest")
	for i := range n {
		p := rapid.Uint64().Draw(t, "p")
		switch shape {
		case 1:
			p %= 3
		case 2:
			p = uint64(n - i)
		case 3:
			p = uint64(i)
		}
		p1 = append(p1, p)
		weights = append(weights, rapid.IntRange(lo, hi).Draw(t, "w"))
	}
	return p1, weights
}

func TestChunkerIsTheDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p1, weights := levelGen(t)
		got, want := chunkAll(p1, weights), oracleCuts(p1, weights)
		if !slices.Equal(got, want) {
			t.Fatalf("nodes begin at %v, by definition at %v", got, want)
		}
		// F1: every node of a level with more than one weighs between W and M.
		for k, a := range got {
			b := len(weights)
			if k+1 < len(got) {
				b = got[k+1]
			}
			sum := 0
			for _, w := range weights[a:b] {
				sum += w
			}
			if sum > maxWeight || len(got) > 1 && sum < minWeight {
				t.Fatalf("F1 violated: node [%d,%d) weighs %d", a, b, sum)
			}
		}
	})
}

// TestSplitLongGap drives stage 2 through its segment tree.
func TestSplitLongGap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(scanBelow, 3*scanBelow).Draw(t, "n")
		seed := rapid.Uint64().Draw(t, "seed")
		p1 := make([]uint64, n)
		weights := make([]int, n)
		for i := range n {
			p1[i] = uint64(n-i)<<32 | uint64(i)*seed>>40 // falling: one stage-1 gap
			weights[i] = 30 + int((uint64(i)*seed)>>33%200)
		}
		if got, want := chunkAll(p1, weights), oracleCuts(p1, weights); !slices.Equal(got, want) {
			t.Fatalf("nodes begin at %v, by definition at %v", got, want)
		}
	})
}

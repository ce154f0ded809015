package prolly

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/zeebo/xxh3"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// The definition of FORMAT.md, section 3, word for word: quadratic, obvious,
// and sharing nothing with the code it judges but the limits.

func oracleSeed(level int) uint64 {
	h := sha256.Sum256(fmt.Appendf(nil, "prolly/lmc2/%d", level))
	return binary.LittleEndian.Uint64(h[:])
}

func oracleP2(p1 uint64) uint64 {
	z := p1 ^ 0x9e3779b97f4a7c15
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}

// oracleCuts returns where the nodes of a level begin.
func oracleCuts(p1 []uint64, weights []int) []int {
	const W, M = codec.MinWeight, codec.MaxWeight
	n := len(weights)
	off := make([]int, n+1)
	for i, w := range weights {
		off[i+1] = off[i] + w
	}
	end := off[n]
	if end <= M {
		return []int{0}
	}
	less := func(p func(uint64) uint64, i, j int) bool {
		return p(p1[i]) < p(p1[j]) || p(p1[i]) == p(p1[j]) && i < j
	}
	one := func(p uint64) uint64 { return p }
	cuts := []int{0}
	for i := 1; i < n; i++ {
		cut := off[i] >= W && end-off[i] >= W
		for j := 0; j < n && cut; j++ {
			if d := off[i] - off[j]; j != i && max(d, -d) < W && !less(one, i, j) {
				cut = false
			}
		}
		if cut {
			cuts = append(cuts, i)
		}
	}
	var all []int
	var split func(a, b int)
	split = func(a, b int) {
		if off[b]-off[a] <= M {
			all = append(all, a)
			return
		}
		best := -1
		for i := a; i < b; i++ {
			if off[i]-off[a] >= W && off[b]-off[i] >= W && (best < 0 || less(oracleP2, i, best)) {
				best = i
			}
		}
		split(a, best)
		split(best, b)
	}
	for k, a := range cuts {
		b := n
		if k+1 < len(cuts) {
			b = cuts[k+1]
		}
		split(a, b)
	}
	return all
}

// oracleRoot builds a tree level by level from all its entries at once.
func oracleRoot(entries []codec.LeafEntry) codec.Hash {
	if len(entries) == 0 {
		return codec.EmptyRoot
	}
	p1 := make([]uint64, len(entries))
	weights := make([]int, len(entries))
	for i, e := range entries {
		p1[i] = xxh3.HashSeed(e.Key, oracleSeed(0))
		if e.Kind == codec.Inline {
			weights[i] = 4 + len(e.Key) + len(e.Value)
		} else {
			weights[i] = 4 + len(e.Key) + 5 + len(e.Link)
		}
	}
	var children []codec.InnerEntry
	cuts := append(oracleCuts(p1, weights), len(entries))
	for k, a := range cuts[:len(cuts)-1] {
		c := codec.InnerEntry{Key: entries[a].Key, Child: codec.Sum(codec.AppendLeaf(nil, entries[a:cuts[k+1]]))}
		for _, e := range entries[a:cuts[k+1]] {
			c.Count++
			switch e.Kind {
			case codec.Inline:
				c.Bytes += uint64(len(e.Key) + len(e.Value))
			case codec.Blob:
				c.Bytes += uint64(len(e.Key)) + e.Size
			case codec.Link:
				c.Bytes += uint64(len(e.Key) + len(e.Link))
			}
		}
		children = append(children, c)
	}
	for level := 1; len(children) > 1; level++ {
		children = oracleLevel(level, children)
	}
	return children[0].Child
}

func oracleLevel(level int, items []codec.InnerEntry) []codec.InnerEntry {
	p1 := make([]uint64, len(items))
	weights := make([]int, len(items))
	for i, e := range items {
		p1[i] = xxh3.HashSeed(e.Key, oracleSeed(level))
		weights[i] = 45 + len(e.Key)
	}
	var parents []codec.InnerEntry
	cuts := append(oracleCuts(p1, weights), len(items))
	for k, a := range cuts[:len(cuts)-1] {
		run := items[a:cuts[k+1]]
		p := codec.InnerEntry{Key: run[0].Key, Child: codec.Sum(codec.AppendInner(nil, level, run))}
		for _, e := range run {
			p.Count += e.Count
			p.Bytes += e.Bytes
		}
		parents = append(parents, p)
	}
	return parents
}

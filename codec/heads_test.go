package codec

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
)

// TestFindByHeads: Find is what comparing with every key gives, whatever the
// number of keys and however many of them begin alike.
func TestFindByHeads(t *testing.T) {
	for seed := range uint64(400) {
		rng := rand.New(rand.NewPCG(seed, 1))
		letters := []byte{0, 1, 'a', 255}[:1+rng.IntN(4)]
		word := func(most int) []byte {
			b := make([]byte, rng.IntN(most+1))
			for i := range b {
				b[i] = letters[rng.IntN(len(letters))]
			}
			return b
		}
		common := word(2 * maxPrefixHead)
		var keys [][]byte
		for range 1 + rng.IntN(min(4*maxHeads, MaxWeight/LeafWeight(len(common)+8, Inline, 0))) {
			keys = append(keys, slices.Concat(common, word(7), []byte{byte(rng.Uint32())}))
		}
		slices.SortFunc(keys, bytes.Compare)
		keys = slices.CompactFunc(keys, bytes.Equal)
		entries := make([]LeafEntry, len(keys))
		for i := range keys {
			entries[i].Key = keys[i]
		}
		node := mustNode(t, AppendLeaf(nil, entries))
		check := func(key []byte) {
			want := sort.Search(len(keys), func(i int) bool { return bytes.Compare(keys[i], key) >= 0 })
			is := want < len(keys) && bytes.Equal(keys[want], key)
			if at, found := node.Find(key); at != want || found != is {
				t.Fatalf("seed %d: Find(%x) = %d, %v, want %d, %v, among %x", seed, key, at, found, want, is, keys)
			}
		}
		for _, k := range keys {
			check(k)
			check(append(bytes.Clone(k), 0))
			check(k[:rng.IntN(len(k))])
			check(slices.Concat(common, word(9)))
			check(word(20))
		}
	}
}

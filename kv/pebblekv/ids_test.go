package pebblekv

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestIDs: ids are given once (P1), those of inner nodes apart from those of
// leaves, and all that come after a floor are above it.
func TestIDs(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	s := ids{generation: 7}
	seen := map[id]bool{}
	kinds := map[uint64]bool{} // by stretch: inner
	floor, most := id{}, id{}
	for range 3_000_000 {
		if r.IntN(100_000) == 0 {
			floor = s.floor()
			if bytes.Compare(floor[:], most[:]) < 0 {
				t.Fatalf("seed %d: floor %x is below %x", seed, floor, most)
			}
		}
		inner := r.IntN(20) == 0
		i := s.take(inner)
		if i == (id{}) || seen[i] || bytes.Compare(i[:], floor[:]) <= 0 {
			t.Fatalf("seed %d: id %x, floor %x, given before: %v", seed, i, floor, seen[i])
		}
		seen[i] = true
		if was, ok := kinds[i.stretch()]; ok && was != inner {
			t.Fatalf("seed %d: stretch %d has nodes of both kinds", seed, i.stretch())
		}
		kinds[i.stretch()] = inner
		if bytes.Compare(i[:], most[:]) > 0 {
			most = i
		}
	}
}

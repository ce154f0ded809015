package prollyds

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestKeyRoom: keys that share allocations stay what they were, and one keeps no
// more than keyRoomBytes, or itself.
func TestKeyRoom(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	var room keyRoom
	var keys []string
	var want [][]byte
	key := make([]byte, 2*keyRoomBytes)
	for range 2000 {
		n := 1 + r.IntN(80)
		if r.IntN(50) == 0 {
			n = r.IntN(len(key))
		}
		for i := range key[:n] {
			key[i] = byte(r.Uint32())
		}
		want = append(want, bytes.Clone(key[:n]))
		keys = append(keys, room.copy(key[:n]))
		if c := cap(room.free); c > keyRoomBytes && len(room.free) != n {
			t.Fatalf("seed %d: keys share %d bytes", seed, c)
		}
	}
	for i := range keys {
		if keys[i] != string(want[i]) {
			t.Fatalf("seed %d: key %d is %q, and was %q", seed, i, keys[i], want[i])
		}
	}
}

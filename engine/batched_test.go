package engine

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestStagedBatches: writes of many ops, in any order and with keys that repeat,
// leave in a layer what their ops say one after the other; and their records
// read back as the ops.
func TestStagedBatches(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 31))
		var common [roots][]byte
		common[r.IntN(int(roots))] = []byte("common/pre")[:10*r.IntN(2)]
		l, h := newLayer(0, common), [roots]history{{}, {}}
		var s staging
		for seq := uint64(1); seq < 2+uint64(r.IntN(60)); seq++ {
			ops := randomOps(r, 1+r.IntN(60))
			if r.IntN(4) == 0 { // one that the store did not take
				at, _, err := s.encode(l, seq, randomOps(r, 5))
				do(t, err)
				l.bytes.takeBack(at)
			}
			_, rec, err := s.encode(l, seq, ops)
			do(t, err)
			if len(rec) != cap(rec) {
				t.Fatalf("seed %d: a record of %d bytes in %d", seed, len(rec), cap(rec))
			}
			do(t, s.add(l, seq, ops))
			at := 0
			do(t, readRecord(seq, rec, func(o op) error {
				if x := ops[at]; o.root != x.root || o.kind != x.kind || !bytes.Equal(o.key, x.key) || !bytes.Equal(o.data, x.data) {
					t.Fatalf("seed %d: op %d reads back as %v, was %v", seed, at, o, x)
				}
				at++
				return nil
			}))
			for _, o := range ops {
				h[o.root][string(o.key)] = append(h[o.root][string(o.key)], version{seq, o.kind, o.data})
			}
		}
		for range 100 {
			for root, o := range l.over {
				compareOverlay(t, r, seed, o, h[root])
			}
		}
	}
}

func randomOps(r *rand.Rand, n int) []op {
	ops := make([]op, n)
	for i := range ops {
		ops[i] = op{root: rootID(r.IntN(int(roots))), key: randomKey(r)}
		if r.IntN(3) > 0 {
			ops[i].kind, ops[i].data = opInline, bytes.Repeat([]byte{byte(i)}, r.IntN(300))
		}
	}
	return ops
}

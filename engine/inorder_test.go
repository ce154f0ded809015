package engine

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestLayerInOrder adds batches of ops, which are sorted for it, with keys that
// occur several times: the last op of a key is what readers find (E3).
func TestLayerInOrder(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 3))
		var common [roots][]byte
		common[theTree] = []byte("common/pre")[:10*r.IntN(2)]
		b, l := &Branch{}, newLayer(0, common)
		var want [roots]history
		for i := range want {
			want[i] = history{}
		}
		for seq := uint64(1); seq < 60; seq++ {
			ops := make([]op, inOrderFrom+r.IntN(100)) // from where on they are sorted
			for i := range ops {
				ops[i] = op{
					root: rootID(r.IntN(int(roots))), kind: opKind(r.IntN(opKinds)),
					key: randomKey(r), data: bytes.Repeat([]byte{byte(i)}, r.IntN(40)),
				}
				v := version{seq, ops[i].kind, ops[i].data}
				h := want[ops[i].root]
				h[string(ops[i].key)] = append(h[string(ops[i].key)], v)
			}
			do(t, b.addAll(l, seq, ops))
		}
		if b.staged.Load() != l.size() || b.edits.Load() != int64(l.edits()) {
			t.Fatalf("seed %d: counted %d bytes of %d, %d edits of %d",
				seed, b.staged.Load(), l.size(), b.edits.Load(), l.edits())
		}
		for i, o := range l.over {
			if o.entries != len(want[i]) {
				t.Fatalf("seed %d: %d entries, want %d", seed, o.entries, len(want[i]))
			}
			for range 200 {
				compareOverlay(t, r, seed, o, want[i])
			}
		}
	}
}

package bench

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// proofs is how many proofs are made, of as many keys: every other one is not
// there.
const proofs = 20_000

func isMemory(x store) bool { _, ok := x.(*memory); return ok }

// asked returns the keys that proofs are about.
func asked(c setup) [][]byte {
	keys := make([][]byte, min(proofs, 2*c.n))
	for i, k := range c.Pick(len(keys)/2, c.n, 7) {
		keys[2*i], keys[2*i+1] = c.Key(k), c.Key(c.n+i)
	}
	return keys
}

// prove makes a proof of one key.
func prove(b *testing.B, s subject, c setup) {
	t, err := fixture(b, s, c).(treed).tree()
	must(b, err)
	keys := asked(c)
	i := 0
	for b.Loop() {
		_, err := t.Prove(ctx, keys[i%len(keys)])
		must(b, err)
		i++
	}
}

// verify checks a proof of one key.
func verify(b *testing.B, s subject, c setup) {
	t, err := fixture(b, s, c).(treed).tree()
	must(b, err)
	verifyAll(b, t, asked(c))
}

// verifyAll makes proofs of one key each and verifies one after the other. It
// reports how large they are.
func verifyAll(b *testing.B, t prolly.Tree, keys [][]byte) {
	list := make([]prolly.Proof, len(keys))
	sizes := make([]int, len(keys))
	for i, k := range keys {
		p, err := t.Prove(ctx, k)
		must(b, err)
		list[i], sizes[i] = p, len(p)
	}
	slices.Sort(sizes)
	root := t.Root()
	i := 0
	b.ResetTimer()
	for b.Loop() {
		f, err := prolly.Verify(root, list[i])
		must(b, err)
		for k := range f.Keys() {
			if k.Present != (i%2 == 0) || !bytes.Equal(k.Key, keys[i]) {
				must(b, errors.New("the proof speaks of something else"))
			}
		}
		i = (i + 1) % len(list)
	}
	b.ReportMetric(float64(sizes[len(sizes)/2]), "p50-B")
	b.ReportMetric(float64(sizes[len(sizes)*99/100]), "p99-B")
	b.ReportMetric(float64(sizes[len(sizes)-1]), "max-B")
}

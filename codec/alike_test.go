package codec

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestSameFrom: two leaves of the same keys differ where their entries do; others
// are not compared.
func TestSameFrom(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 31))
		n := 1 + r.IntN(40)
		entries := make([]LeafEntry, n)
		for i := range entries {
			value := make([]byte, r.IntN(90))
			entries[i] = LeafEntry{Key: fmt.Appendf(nil, "key/%04d", 2*i), Value: value}
		}
		a := ViewNode(AppendLeaf(nil, entries))
		changed := make([]bool, n)
		for range r.IntN(4) {
			i := r.IntN(n)
			if v := bytes.Clone(entries[i].Value); len(v) > 0 {
				v[r.IntN(len(v))]++
				entries[i].Value = v
			}
		}
		b := ViewNode(AppendLeaf(nil, entries))
		for i := range entries {
			changed[i] = !bytes.Equal(a.Inline(i), b.Inline(i))
		}
		for i := range n {
			want := i
			for want < n && !changed[want] {
				want++
			}
			if got, ok := a.SameFrom(i, &b); got != want || !ok {
				t.Fatalf("seed %d: from %d of %d: %d, %v, want %d", seed, i, n, got, ok, want)
			}
		}

		i := r.IntN(n)
		other := fmt.Appendf(nil, "key/%04d", 2*i+1)
		for name, e := range map[string]LeafEntry{
			"another key":    {Key: other, Value: entries[i].Value},
			"another length": {Key: entries[i].Key, Value: append(bytes.Clone(entries[i].Value), 1)},
		} {
			changed := append([]LeafEntry{}, entries...)
			changed[i] = e
			c := ViewNode(AppendLeaf(nil, changed))
			if _, ok := b.SameFrom(0, &c); ok {
				t.Fatalf("seed %d: leaves with %s are compared", seed, name)
			}
		}
	}
}

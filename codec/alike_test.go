package codec

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSameChildren: inner nodes have as many children in common, from any on, as
// their hashes say, whatever keys there are.
func TestSameChildren(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 32))
		make := func(n int) []InnerEntry {
			entries := make([]InnerEntry, n)
			for i := range entries {
				entries[i] = InnerEntry{Key: fmt.Appendf(nil, "key/%0*d", 4+r.IntN(9), i), Child: Hash{byte(i)}, Count: 1, Bytes: 10}
				if r.IntN(12) == 0 {
					entries[i].Child[r.IntN(HashSize)]++
				}
			}
			slices.SortFunc(entries, func(a, b InnerEntry) int { return bytes.Compare(a.Key, b.Key) })
			return entries
		}
		a := ViewNode(AppendInner(nil, 1, make(2+r.IntN(60))))
		b := ViewNode(AppendInner(nil, 1, make(2+r.IntN(60))))
		for range 200 {
			i, j := r.IntN(a.Len()), r.IntN(b.Len())
			want := 0
			for i+want < a.Len() && j+want < b.Len() && a.Child(i+want) == b.Child(j+want) {
				want++
			}
			if got := a.SameChildren(i, &b, j); got != want {
				t.Fatalf("seed %d: from %d and %d: %d, want %d", seed, i, j, got, want)
			}
		}
	}
}

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

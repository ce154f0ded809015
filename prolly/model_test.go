package prolly

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	cid "github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

var ctx = context.Background()

// model is the obvious map that trees are compared with.
type model map[string]Value

func (m model) keys() []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// sorted yields the model in key order.
func (m model) sorted() iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for _, k := range m.keys() {
			if !yield(Entry{[]byte(k), m[k]}, nil) {
				return
			}
		}
	}
}

func (m model) apply(edits []Edit) {
	for _, e := range edits {
		if e.Delete {
			delete(m, string(e.Key))
		} else {
			m[string(e.Key)] = e.Value.Clone()
		}
	}
}

// leaves returns the model as leaf entries; out-of-line blocks go to ns.
func (m model) leaves(t testing.TB, ns NodeStore) []codec.LeafEntry {
	var out []codec.LeafEntry
	for _, k := range m.keys() {
		e, err := storedEntry(ctx, ns, []byte(k), m[k])
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// source draws keys and values. It prints its seed when the test fails.
type source struct {
	*rand.Rand
}

func newSource(t testing.TB, seed uint64) source {
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	return source{newRand(seed)}
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x70726f6c6c79)) }

func (s source) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(s.Uint32())
	}
	return b
}

// key draws from a space of n keys of a shape.
func (s source) key(shape string, n int) []byte { return keyAt(shape, s.IntN(n)) }

// keyAt is the i-th key of a shape.
func keyAt(shape string, i int) []byte {
	switch shape {
	case "sequential":
		return fmt.Appendf(nil, "%08d", i)
	case "path":
		return fmt.Appendf(nil, "/dir%d/sub%d/file-%d", i%7, i%31, i)
	case "monotone":
		return slices.Clone(monotoneKeys()[i%len(monotoneKeys())])
	case "long":
		return append(bytes.Repeat([]byte("x"), 1000), fmt.Appendf(nil, "%06d", i)...)
	}
	r := rand.New(rand.NewPCG(uint64(i), 1))
	b := make([]byte, 1+r.IntN(40))
	for j := range b {
		b[j] = byte(r.Uint32())
	}
	return b
}

// monotoneKeys is what most tests take of fallingKeys.
var monotoneKeys = sync.OnceValue(func() [][]byte { return fallingKeys(600) })

// fallingKeys rise while their priorities fall, so that stage 1 finds no cut
// among them: keys made against the hash.
func fallingKeys(n int) [][]byte {
	keys := make([][]byte, n)
	band := math.MaxUint64 / uint64(n)
	for i := range keys {
		hi := band * uint64(n-i)
		for nonce := 0; ; nonce++ {
			k := fmt.Appendf(nil, "%04d-%x", i, nonce)
			if p := priority1(0, k); p <= hi && p > hi-band {
				keys[i] = k
				break
			}
		}
	}
	return keys
}

// value draws any kind of value: mostly short, some at the limits.
func (s source) value() Value {
	switch p := s.IntN(1000); {
	case p < 10:
		return Value{Bytes: s.bytes(codec.MaxItem + s.IntN(4000))}
	case p < 30:
		sum, err := mh.Sum(s.bytes(8), mh.SHA2_256, -1)
		if err != nil {
			panic(err)
		}
		if p < 20 {
			return Value{Link: cid.NewCidV0(sum)}
		}
		return Value{Link: cid.NewCidV1(cid.Raw, sum)}
	case p < 60:
		return Value{Bytes: s.bytes(s.IntN(codec.MaxItem))}
	}
	return Value{Bytes: s.bytes(s.IntN(120))}
}

// checkTree compares everything a tree can say with the model.
func checkTree(t testing.TB, tree Tree, m model) {
	t.Helper()
	if got, want := tree.Root(), oracleRoot(m.leaves(t, tree.ns)).CID(); got != want {
		t.Fatalf("root %v, by definition %v", got, want)
	}
	if tree.Len() != uint64(len(m)) {
		t.Fatalf("Len %d, want %d", tree.Len(), len(m))
	}
}

func sameValue(t testing.TB, tree Tree, got, want Value) bool {
	t.Helper()
	if got.Kind() == codec.Blob {
		b, err := ReadBlob(ctx, tree.ns, got.blob, got.Size)
		if err != nil {
			t.Fatal(err)
		}
		got = Value{Bytes: b}
	}
	return bytes.Equal(got.Bytes, want.Bytes) && got.Link == want.Link
}

package engine

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// TestHashAhead applies batches with large values among others, in all places,
// on one core and several, and reads back what was put (E3). Some batches are
// refused in the middle, and leave nothing behind.
func TestHashAhead(t *testing.T) {
	const seed = 5
	r := rand.New(rand.NewPCG(seed, 1))
	for _, cores := range []int{1, 4} {
		was := runtime.GOMAXPROCS(cores)
		e := startTest(t, memory(), nil)
		b := must(e.Branch(ctx, "main"))(t)
		want := map[string][]byte{}
		for round := range 60 {
			edits := make([]prolly.Edit, 1+r.IntN(12))
			for i := range edits {
				size := []int{0, 100, 5000, hashAheadMin - 1, hashAheadMin, 3 * hashAheadMin, codec.MaxBlob + 1}[r.IntN(7)]
				key, value := []byte{byte(r.IntN(40))}, bytes.Repeat([]byte{byte(r.Uint32())}, size)
				edits[i] = prolly.Edit{Key: key, Value: prolly.Value{Bytes: value}, Delete: r.IntN(8) == 0}
			}
			refused := r.IntN(4) == 0
			if refused {
				edits[r.IntN(len(edits))].Key = nil
			}
			if err := b.Apply(ctx, edits); (err != nil) != refused {
				t.Fatalf("seed %d, round %d: %v", seed, round, err)
			}
			for _, x := range edits {
				switch {
				case refused:
				case x.Delete:
					delete(want, string(x.Key))
				default:
					want[string(x.Key)] = x.Value.Bytes
				}
			}
		}
		n := 0
		for x, err := range b.Range(ctx, prolly.Range{}) {
			do(t, err)
			if got := must(b.Get(ctx, x.Key))(t); !bytes.Equal(got, want[string(x.Key)]) {
				t.Fatalf("seed %d: %x: another value", seed, x.Key)
			}
			n++
		}
		if n != len(want) {
			t.Fatalf("seed %d: %d entries, want %d", seed, n, len(want))
		}
		runtime.GOMAXPROCS(was)
	}
}

package engine

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// TestBucketOrder: a bucket sorts as its keys do, whatever orders were left in it
// by whom, while the writer adds to it and several read.
func TestBucketOrder(t *testing.T) {
	for round := range 200 {
		seed := rand.Uint64()
		r := rand.New(rand.NewPCG(seed, uint64(round)))
		common := []string{"", "/blob/", "/blob/0000000"}[r.IntN(3)]
		var b arena[byte]
		o := newOverlay([]byte(common), &b)
		keys := map[string]bool{}
		var wg sync.WaitGroup
		var done atomic.Bool
		for range 3 {
			wg.Go(func() {
				for end := false; !end; {
					end = done.Load()
					if err := sortedAsKeys(o); err != nil {
						t.Errorf("seed %d: %v", seed, err)
						return
					}
				}
			})
		}
		for i := range bucketLen {
			key := fmt.Sprintf("/blob/%0*d", 4+r.IntN(12), r.IntN(1000))
			keys[key] = true
			if err := o.add([]byte(key), uint64(i+1), opInline, nil); err != nil {
				t.Fatal(err)
			}
			if r.IntN(4) == 0 {
				if err := sortedAsKeys(o); err != nil {
					t.Errorf("seed %d: %v", seed, err)
				}
			}
		}
		done.Store(true)
		wg.Wait()
		if n := int(o.words.from(o.words.from(o.head)[nodeBucket])[0]); n != len(keys) {
			t.Fatalf("seed %d: %d entries in the bucket, want %d", seed, n, len(keys))
		}
	}
}

// sortedAsKeys sorts the first bucket as a reader does, and tells what is wrong with that.
func sortedAsKeys(o *overlay) error {
	b := atomic.LoadUint32(&o.words.from(o.head)[nodeBucket])
	var room [bucketLen]ordered
	n := o.sort(b, &room)
	seen := map[uint32]bool{}
	for i, x := range room[:n] {
		seen[x.entry] = true
		if i > 0 && bytes.Compare(o.key(room[i-1].entry), o.key(x.entry)) >= 0 {
			return fmt.Errorf("%q stands in front of %q", o.key(room[i-1].entry), o.key(x.entry))
		}
	}
	if n > 0 {
		for _, e := range o.words.from(b)[bucketEntry : bucketEntry+n] {
			if !seen[e] {
				return fmt.Errorf("one of the first %d entries is missing: %v", n, slices.Collect(o.all(e)))
			}
		}
	}
	return nil
}

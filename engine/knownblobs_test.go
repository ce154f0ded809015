package engine

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// TestKnownBlobs: whatever was read before, and whatever shares its place, only
// the blob of a hash passes.
func TestKnownBlobs(t *testing.T) {
	const seed = 11
	r := rand.New(rand.NewPCG(seed, 1))
	var known knownBlobs
	blobs := make([][]byte, 50)
	for i := range blobs {
		blobs[i] = make([]byte, knownMin-20+r.IntN(40))
		for j := range blobs[i] {
			blobs[i][j] = byte(r.Uint32())
		}
	}
	for range 2000 {
		i, j := r.IntN(len(blobs)), r.IntN(len(blobs))
		h, block := codec.Sum(blobs[i]), bytes.Clone(blobs[j])
		right := i == j
		if right && r.IntN(2) == 0 {
			block[r.IntN(len(block))] ^= 1 << r.IntN(8)
			right = false
		}
		if got := known.verify(h, block); got != right {
			t.Fatalf("seed %d: blob %d for %d: %v", seed, j, i, got)
		}
		// As if all had one place.
		known.slot(h).Store(known.slot(codec.Sum(blobs[j])).Load())
	}
}

// TestKnownBlobDamaged: a blob that was read, and so is known, and then comes
// back as another one of its size or with a flipped bit, is damaged to every
// reader and to Check (E6).
func TestKnownBlobDamaged(t *testing.T) {
	x := &tampered{}
	e := startTest(t, x.opener(memory()), nil)
	b := must(e.Branch(ctx, "main"))(t)
	a, z := bytes.Repeat([]byte("a"), 4*knownMin), bytes.Repeat([]byte("z"), 4*knownMin)
	do(t, b.Put(ctx, []byte("a"), a))
	do(t, b.Put(ctx, []byte("z"), z))
	damages := map[string]func(cid.Cid, []byte) ([]byte, error){
		"misled": func(_ cid.Cid, block []byte) ([]byte, error) {
			if block[0] == 'a' {
				return z, nil
			}
			return a, nil
		},
		"flipped": func(_ cid.Cid, block []byte) ([]byte, error) {
			block = bytes.Clone(block)
			block[len(block)/2] ^= 4
			return block, nil
		},
	}
	for _, staged := range []bool{true, false} {
		if !staged {
			must(b.Fold(ctx))(t)
		}
		for name, damage := range damages {
			x.blob = nil
			for range 3 {
				if !bytes.Equal(must(b.Get(ctx, []byte("a")))(t), a) || !bytes.Equal(must(b.Get(ctx, []byte("z")))(t), z) {
					t.Fatal("another value")
				}
			}
			x.blob = damage
			for _, key := range []string{"a", "z"} {
				if _, err := b.Get(ctx, []byte(key)); !errors.Is(err, ErrCorrupt) {
					t.Errorf("staged %v, %s: Get answers %v", staged, name, err)
				}
			}
			if found := problems(t, e); len(found) < 2 {
				t.Errorf("staged %v, %s: Check finds %v", staged, name, found)
			}
		}
	}
}

package space

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// TestKeysAgainstHash: keys that rise while their hashes fall leave a level
// without cuts (codec/FORMAT.md, section 3). The service takes none of that, and
// goes on.
func TestKeysAgainstHash(t *testing.T) {
	w := newWorld(t)
	d := w.device(newKey(t))
	d.fill("/user/", 100, 'a')
	d.sync()
	before := d.root()
	h := sha256.Sum256([]byte("prolly/lmc2/0"))
	seed := binary.LittleEndian.Uint64(h[:8])
	var edits []prolly.Edit
	const n = 500
	for i := range n {
		hi := uint64(math.MaxUint64) / n * uint64(n-i)
		for nonce := 0; len(edits) == i; nonce++ {
			k := fmt.Appendf(nil, "/user/x%04d-%x", i, nonce)
			if p := xxh3.HashSeed(k, seed); p <= hi && p > hi-math.MaxUint64/n {
				edits = append(edits, prolly.Edit{Key: k, Value: prolly.Value{Bytes: make([]byte, 1000)}})
			}
		}
	}
	w.must(d.Branch().Apply(w.ctx, edits, engine.NoSync))
	if _, err := d.Sync(w.ctx, d.c); !errors.Is(err, ErrTooLarge) {
		t.Fatal(err)
	}
	b, err := w.e.Lookup(w.ctx, BranchName(d.DID()))
	w.must(err)
	if root, err := b.Root(w.ctx); err != nil || !root.Equals(before) {
		t.Errorf("the service has %v, had %v; %v", root, before, err)
	}
	for i := range edits {
		edits[i].Delete = true
	}
	w.must(d.Branch().Apply(w.ctx, edits, engine.NoSync))
	if r := d.sync(); !r.Root.Equals(before) {
		t.Errorf("afterwards: %+v", r)
	}
}

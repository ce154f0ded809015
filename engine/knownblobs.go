package engine

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/zeebo/xxh3"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// knownBlobs remembers blobs that had the hash they are named by: a checksum of
// their bytes, under a seed that nobody outside the process knows. One that is
// read again is compared with the checksum, over all its bytes, which takes an
// eighth of the time; see docs/decisions/0010-known-blobs.md. It may forget any
// blob at any time. All methods may be called by several goroutines at once.
type knownBlobs struct {
	once  sync.Once
	seed  uint64
	slots []atomic.Pointer[knownBlob] // by the hash's first bits; none before the first blob
}

const (
	// knownSlots is how many blobs are remembered, in 48 bytes each.
	knownSlots = 1 << 15

	// knownMin is from which size on it is worth it, in bytes.
	knownMin = 8 << 10
)

type knownBlob struct {
	hash codec.Hash
	sum  uint64
}

func (p *knownBlobs) slot(h codec.Hash) *atomic.Pointer[knownBlob] {
	p.once.Do(func() {
		p.seed = rand.Uint64()
		p.slots = make([]atomic.Pointer[knownBlob], knownSlots)
	})
	return &p.slots[(uint(h[0])|uint(h[1])<<8)%knownSlots]
}

// verify tells whether block is the blob of that hash.
func (p *knownBlobs) verify(h codec.Hash, block []byte) bool {
	if len(block) < knownMin {
		return codec.Sum(block) == h
	}
	slot := p.slot(h)
	known, sum := slot.Load(), xxh3.HashSeed(block, p.seed)
	if known != nil && known.hash == h && known.sum == sum {
		return true
	}
	if codec.Sum(block) != h {
		return false
	}
	slot.Store(&knownBlob{h, sum})
	return true
}

package pebblekv

import (
	"sync/atomic"

	"github.com/zeebo/xxh3"
)

// recent remembers the names of what was put since a collection began, in 8 MiB
// whatever their number: two bits each, in a table. It may take a name for one
// that was put, and then a dead block stays until the next collection, which
// has another seed; it never forgets one. It may be used by several goroutines
// at once.
type recent struct {
	seed  uint64
	words []atomic.Uint32
}

const (
	recentBits  = 26
	recentWords = 1 << recentBits / 32
)

func newRecent(seed uint64) *recent { return &recent{seed, make([]atomic.Uint32, recentWords)} }

func (r *recent) add(name []byte) {
	h := xxh3.HashSeed(name, r.seed)
	r.set(uint32(h))
	r.set(uint32(h >> 32))
}

func (r *recent) has(name []byte) bool {
	h := xxh3.HashSeed(name, r.seed)
	return r.is(uint32(h)) && r.is(uint32(h>>32))
}

func (r *recent) set(h uint32) {
	h >>= 32 - recentBits
	r.words[h/32].Or(1 << (h % 32))
}

func (r *recent) is(h uint32) bool {
	h >>= 32 - recentBits
	return r.words[h/32].Load()&(1<<(h%32)) != 0
}

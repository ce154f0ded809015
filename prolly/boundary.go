package prolly

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"

	"github.com/zeebo/xxh3"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// Boundaries between nodes follow LMC-2, two-stage local-minimum chunking:
// FORMAT.md, section 3. All of it is integer arithmetic on keys and weights.
const (
	minWeight = codec.MinWeight // W
	maxWeight = codec.MaxWeight // M
)

// seeds holds the hash seed of each level.
var seeds = func() (s [codec.MaxLevel + 2]uint64) {
	for l := range s {
		h := sha256.Sum256([]byte("prolly/lmc2/" + strconv.Itoa(l)))
		s[l] = binary.LittleEndian.Uint64(h[:8])
	}
	return s
}()

// priority1 decides stage 1: the smallest in its window starts a node.
func priority1(level int, key []byte) uint64 { return xxh3.HashSeed(key, seeds[level]) }

// priority2 decides stage 2, within a gap that stage 1 left too heavy.
func priority2(p1 uint64) uint64 {
	z := p1 ^ 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

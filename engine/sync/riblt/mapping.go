package riblt

import (
	"math"
	"math/bits"
)

// mix is a bijection that spreads a number over all bits (splitmix64).
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// check is what tells an id that is alone in a symbol from a sum of several.
func check(id uint64) uint32 { return uint32(mix(id^0xa0761d6478bd642f) >> 32) }

// mapping walks the indices of the symbols that an id is added to.
//
// Index j follows index i as the next one with probability rho(j) times that of
// being in none between, rho(j) = 1/(1+j/2) = 2/(j+2). Being in none of i+1 … t
// has the probability (i+1)(i+2) / ((t+1)(t+2)): the product telescopes. With r
// uniform in 1 … 2^32, the next index is the smallest t > i at which that is less
// than r/2^32.
type mapping struct {
	id    uint64
	steps uint64
	index uint64
}

// MaxSymbols is how many coded symbols there can be of a set.
const MaxSymbols = 1 << 28

// newMapping stands at index 0, which every id has.
func newMapping(id uint64) mapping { return mapping{id: id} }

// next moves on. The result is above MaxSymbols when there is no index below.
func (m *mapping) next() uint64 {
	if m.index > MaxSymbols {
		return m.index
	}
	m.steps++
	r := mix(m.id^mix(m.steps))>>32 + 1
	m.index = after(m.index, r)
	return m.index
}

// after is the smallest t > i with (t+1)(t+2)r > (i+1)(i+2)2^32. The float is a
// guess; integers decide, so that every machine finds the same.
func after(i, r uint64) uint64 {
	span := (i + 1) * (i + 2)
	guess := math.Sqrt(float64(span)*(1<<32)/float64(r)) - 1.5
	if guess > MaxSymbols {
		return MaxSymbols + 1
	}
	t := max(i+1, uint64(max(guess, 0)))
	for t > i+1 && passes(t-1, r, span) {
		t--
	}
	for !passes(t, r, span) {
		t++
	}
	return t
}

// passes tells whether (t+1)(t+2)r > span * 2^32.
func passes(t, r, span uint64) bool {
	hi, lo := bits.Mul64((t+1)*(t+2), r)
	limitHi, limitLo := span>>32, span<<32
	return hi > limitHi || hi == limitHi && lo > limitLo
}

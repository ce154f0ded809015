package dataset

import (
	"iter"
	"math/rand/v2"
)

// passLen is about how many entries a pass of Ordered holds.
const passLen = 1 << 17

// Ordered yields the first n entries by key, as Sorted returns them, and holds
// about 130,000 of them at a time: it goes through the numbers again for each
// part of the key space, which costs some 10 ns a number. They are valid until
// the next pass. Sets of other key shapes are held whole.
func (s Set) Ordered(n int) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		if s.Keys != Blobs {
			for _, e := range s.Sorted(n) {
				if !yield(e) {
					return
				}
			}
			return
		}
		passes := min(max(n/passLen, 1), parts)
		for p := range passes {
			part := s.Updates(s.within(n, p*parts/passes, (p+1)*parts/passes), 0)
			Sort(part)
			for _, e := range part {
				if !yield(e) {
					return
				}
			}
		}
	}
}

// parts is the number of parts of the key space that two characters choose.
const parts = len(digits) * len(digits)

// within lists the numbers of entries whose keys lie in the parts from up to,
// without, to.
func (s Set) within(n, from, to int) (numbers []int) {
	for i := range n {
		var r rand.PCG
		r.Seed(s.Seed^keyStream, uint64(i))
		w := r.Uint64()
		if p := rank(w)*len(digits) + rank(w>>5); from <= p && p < to {
			numbers = append(numbers, i)
		}
	}
	return numbers
}

// rank is the place of a digit among all in byte order, in which "2" to "7" come
// first.
func rank(w uint64) int { return int(w+6) & 31 }

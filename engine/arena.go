package engine

import "math/bits"

// arena hands out runs of T by number, in segments of which each is twice as
// long as the one before: nothing moves when it grows, and the garbage
// collector has nothing to follow in it. One goroutine allocates; others may
// read what was published to them with its number, by an atomic store after
// the run was filled.
type arena[T any] struct {
	segments [arenaSegments][]T
	next     uint32 // number of the next free item
}

const (
	arenaFirst    = 1 << 8 // items in the first segment
	arenaSegments = 23     // 2^31 items in all
)

// arenaPlace splits a number into its segment and the position there: segment
// k holds the numbers from arenaFirst*(2^k-1).
func arenaPlace(n uint32) (segment int, at uint32) {
	v := n + arenaFirst
	segment = bits.Len32(v/arenaFirst) - 1
	return segment, v - arenaFirst<<segment
}

// alloc returns n adjacent items, zeroed, and the number of the first. The
// number is 0, which is never given out, when the arena is full.
func (a *arena[T]) alloc(n int) (uint32, []T) {
	if a.next == 0 {
		a.next = 1
	}
	k, at := arenaPlace(a.next)
	for k < arenaSegments && int(at)+n > arenaFirst<<k { // does not fit: the next segment
		k, at = k+1, 0
	}
	if k >= arenaSegments {
		return 0, nil
	}
	if a.segments[k] == nil {
		a.segments[k] = make([]T, arenaFirst<<k)
	}
	first := arenaFirst*(1<<k-1) + at
	a.next = first + uint32(n)
	return first, a.segments[k][at : int(at)+n : int(at)+n]
}

// from returns the items of number n and those after it in its segment.
func (a *arena[T]) from(n uint32) []T {
	k, at := arenaPlace(n)
	return a.segments[k][at:]
}

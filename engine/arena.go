package engine

import "math/bits"

// arena hands out runs of T by number, in segments of which each is twice as
// long as the one before, up to arenaLarge: nothing moves when it grows, and the
// garbage collector has nothing to follow in it. One goroutine allocates; others
// may read what was published to them with its number, by an atomic store after
// the run was filled.
type arena[T any] struct {
	small [arenaDoublings][]T
	large *[arenaSegments][]T // nil until it is needed
	next  uint32              // number of the next free item
}

const (
	arenaFirst     = 1 << 8  // items in the first segment
	arenaLarge     = 1 << 22 // items in each of the large ones
	arenaDoublings = 14      // segments below arenaLarge
	arenaSegments  = 1<<31/arenaLarge - 1
	arenaSmall     = arenaLarge - arenaFirst // items in the small ones together
)

// arenaPlace splits a number below arenaSmall into its segment and the position
// there: segment k holds the numbers from arenaFirst*(2^k-1).
func arenaPlace(n uint32) (segment int, at uint32) {
	v := n + arenaFirst
	segment = bits.Len32(v/arenaFirst) - 1
	return segment, v - arenaFirst<<segment
}

// alloc returns n adjacent items, zeroed unless they were taken back, and the
// number of the first. The number is 0, which is never given out, when the
// arena is full.
func (a *arena[T]) alloc(n int) (uint32, []T) {
	if a.next == 0 {
		a.next = 1
	}
	if a.next >= arenaSmall {
		return a.allocLarge(n)
	}
	k, at := arenaPlace(a.next)
	for k < arenaDoublings && int(at)+n > arenaFirst<<k { // does not fit: the next segment
		k, at = k+1, 0
	}
	if k == arenaDoublings {
		return a.allocLarge(n)
	}
	if a.small[k] == nil {
		a.small[k] = make([]T, arenaFirst<<k)
	}
	first := arenaFirst*(1<<k-1) + at
	a.next = first + uint32(n)
	return first, a.small[k][at : int(at)+n : int(at)+n]
}

// allocLarge is alloc from the large segments. A run longer than one takes
// several that lie side by side.
func (a *arena[T]) allocLarge(n int) (uint32, []T) {
	if a.large == nil {
		a.large = new([arenaSegments][]T)
	}
	v := max(a.next, arenaSmall) - arenaSmall
	k, at := int(v/arenaLarge), int(v%arenaLarge)
	for k < arenaSegments && a.large[k] != nil && at+n > len(a.large[k]) {
		k, at = k+len(a.large[k])/arenaLarge, 0
	}
	take := max(1, (n+arenaLarge-1)/arenaLarge)
	if k+take > arenaSegments {
		return 0, nil
	}
	if a.large[k] == nil {
		s := make([]T, take*arenaLarge)
		for i := range take {
			a.large[k+i] = s[i*arenaLarge:]
		}
	}
	first := arenaSmall + uint32(k*arenaLarge+at)
	a.next = first + uint32(n)
	return first, a.large[k][at : at+n : at+n]
}

// takeBack makes the arena give out the numbers from n on again. Nobody may hold
// any of them.
func (a *arena[T]) takeBack(n uint32) { a.next = n }

// from returns the items of number n and those after it in its segment.
func (a *arena[T]) from(n uint32) []T {
	if n >= arenaSmall {
		v := n - arenaSmall
		return a.large[v/arenaLarge][v%arenaLarge:]
	}
	k, at := arenaPlace(n)
	return a.small[k][at:]
}

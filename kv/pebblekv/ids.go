package pebblekv

import "sync"

// ids gives out the ids of one generation. Leaves and inner nodes get theirs
// from stretches of their own, so that inner nodes, which are few, lie together
// and reading some brings their neighbours along. All methods may be called by
// several goroutines at once.
type ids struct {
	generation uint32

	mu    sync.Mutex
	next  [2]uint64 // sequence: of leaves, of inner nodes
	begun uint64    // stretches
	given bool
}

// stretchIDs is how many ids a stretch has: about 2 GiB of leaves.
const stretchIDs = 1 << 20

// stretch numbers the stretches of a generation.
func (i id) stretch() uint64 { return i.sequence() / stretchIDs }

// take gives an id that was not given before.
func (s *ids) take(inner bool) id {
	kind := 0
	if inner {
		kind = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.given = true
	if s.next[kind]%stretchIDs == 0 {
		s.begin(kind)
	}
	i := makeID(s.generation, s.next[kind])
	s.next[kind]++
	return i
}

// begin opens a stretch above all others. The first id of the first one is left
// out, because in the zero generation it leads nowhere.
func (s *ids) begin(kind int) {
	s.next[kind] = s.begun * stretchIDs
	if s.begun == 0 {
		s.next[kind] = 1
	}
	s.begun++
}

// floor returns an id that is not below any given so far, and below all those
// given later.
func (s *ids) floor() id {
	s.mu.Lock()
	defer s.mu.Unlock()
	for kind := range s.next {
		s.next[kind] = 0 // whoever takes one begins a stretch
	}
	s.begun = max(s.begun, 1)
	return makeID(s.generation, s.begun*stretchIDs-1)
}

// any tells whether an id was given.
func (s *ids) any() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.given
}

package engine

import (
	"sync"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// superseded are nodes in the cache that a fold replaced: not wrong, and of use
// to snapshots and diffs, but the first to go when room is needed. Left alone
// they would keep out their successors, which were not asked for as often yet.
type superseded struct {
	mu    sync.Mutex
	lists [][]codec.Hash // one a fold, oldest first
	total int            // hashes in all lists
}

// The oldest list leaves the cache when more than 7/8 of the cache is used, and
// when the lists name more nodes than there can be in it.
const (
	cacheUsed     = 7
	cacheOf       = 8
	leastNodeSize = 1 << 10
)

// retire notes what a fold replaced, and makes room if there is none.
func (s *nodeStore) retire(gone []codec.Hash) {
	s.old.mu.Lock()
	defer s.old.mu.Unlock()
	if len(gone) > 0 {
		s.old.lists = append(s.old.lists, gone)
		s.old.total += len(gone)
	}
	for size := s.cache.GetMaximum(); len(s.old.lists) > 0; {
		oldest := s.old.lists[0]
		if s.cache.WeightedSize() <= size/cacheOf*cacheUsed && uint64(s.old.total) <= size/leastNodeSize {
			return
		}
		for _, h := range oldest {
			s.cache.Invalidate(h)
		}
		s.old.lists = s.old.lists[1:]
		s.old.total -= len(oldest)
	}
}

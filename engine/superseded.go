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
	going []codec.Hash   // that leave as new nodes come
}

// The oldest list leaves the cache when more than 7/8 of the cache is used, and
// when the lists name more nodes than there can be in it.
const (
	cacheUsed     = 7
	cacheOf       = 8
	leastNodeSize = 1 << 10
	usualNodeSize = 2600 // what one takes in the cache, about
)

// retire notes what a fold replaced. If there is no room, the oldest are to go
// while the next fold brings new nodes, which it does on all cores; what has not
// gone by then goes now.
func (s *nodeStore) retire(gone []codec.Hash) {
	s.old.mu.Lock()
	defer s.old.mu.Unlock()
	s.drop(s.old.going)
	s.old.going = nil
	if len(gone) > 0 {
		s.old.lists = append(s.old.lists, gone)
		s.old.total += len(gone)
	}
	size := s.cache.GetMaximum()
	for len(s.old.lists) > 1 && uint64(s.old.total) > size/leastNodeSize {
		s.drop(s.old.next())
	}
	for used := s.cache.WeightedSize(); len(s.old.lists) > 0 && used > size/cacheOf*cacheUsed; {
		oldest := s.old.next()
		s.old.going = append(s.old.going, oldest...)
		used -= min(used, uint64(len(oldest))*usualNodeSize)
	}
}

// next takes the oldest list.
func (s *superseded) next() []codec.Hash {
	oldest := s.lists[0]
	s.lists = s.lists[1:]
	s.total -= len(oldest)
	return oldest
}

// drop takes nodes out of the cache.
func (s *nodeStore) drop(nodes []codec.Hash) {
	for _, h := range nodes {
		s.cache.Invalidate(h)
	}
}

// makeRoom lets a node go for one that comes.
func (s *nodeStore) makeRoom() {
	s.old.mu.Lock()
	n := len(s.old.going)
	if n == 0 {
		s.old.mu.Unlock()
		return
	}
	h := s.old.going[n-1]
	s.old.going = s.old.going[:n-1]
	s.old.mu.Unlock()
	s.cache.Invalidate(h)
}

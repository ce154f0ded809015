package pebblekv

import "sync/atomic"

// ahead reads inner nodes before they are asked for. Right after opening nothing
// of a store is in memory, and whoever looks up one key after the other waits for
// the disk at each leaf, and at each of the blocks in which inner nodes lie. These
// are few and lie together: they are read in order, in large pieces, while the
// readers go on.
//
// It is a help and no more. What fails here fails again for whoever asks.
type ahead struct {
	asked atomic.Int64 // inner nodes read so far, up to aheadAfter
	left  atomic.Int64 // bytes that may still be read
	busy  atomic.Bool  // somebody reads ahead, and has what follows
	done  map[id]bool  // pieces that were read, by their first ids
}

const (
	// aheadAfter is how many inner nodes are asked for before any is read
	// ahead: who wants a few entries only shall not read more than those.
	aheadAfter = 16

	// aheadIDs is how many ids a piece has: about 2 MiB of inner nodes.
	aheadIDs = 1 << 10

	// aheadLeast is what a piece costs of the bytes that may be read, so that
	// there is an end where little lies under its ids.
	aheadLeast = 64 << 10
)

func (a *ahead) init(limit int64) {
	a.left.Store(limit)
	a.done = map[id]bool{}
}

// begin tells whether the piece that begins at from is to be read, for an inner node
// of it was asked for; end must follow.
func (a *ahead) begin(from id) bool {
	if a.left.Load() <= 0 || a.asked.Load() < aheadAfter && a.asked.Add(1) < aheadAfter {
		return false
	}
	if !a.busy.CompareAndSwap(false, true) {
		return false
	}
	if a.done[from] {
		a.busy.Store(false)
		return false
	}
	a.done[from] = true
	return true
}

// end notes how many bytes the piece had.
func (a *ahead) end(size int64) {
	a.left.Add(-max(size, aheadLeast))
	a.busy.Store(false)
}

// piece returns the first id of the piece in which an id lies, and that of the
// next one.
func (i id) piece() (from, to id) {
	first := i.sequence() / aheadIDs * aheadIDs
	return makeID(i.generation(), first), makeID(i.generation(), first+aheadIDs)
}

// readAhead is told of each inner node that was read from Pebble. The caller has
// entered the store.
func (s *Store) readAhead(i id) {
	from, to := i.piece()
	if !s.ahead.begin(from) {
		return
	}
	if !s.gate.Enter() {
		s.ahead.end(0)
		return
	}
	go func() {
		defer s.gate.Leave()
		s.ahead.end(s.readPiece(from, to))
	}()
}

// readPiece brings the blocks of the nodes from one id to another into Pebble's
// cache, and returns how many bytes these nodes are.
func (s *Store) readPiece(from, to id) (size int64) {
	var lower, upper [nodeKeyLen]byte
	putNodeKey(lower[:], from)
	putNodeKey(upper[:], to)
	c := s.cursor(s.db, lower[:], upper[:])
	for c.next(background) {
		value, ok := c.value()
		if !ok {
			break
		}
		size += int64(len(value))
	}
	_ = c.close() // whoever needs what could not be read is told so
	return size
}

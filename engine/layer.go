package engine

import "sync/atomic"

// rootID tells the two trees of a branch apart.
type rootID uint8

const (
	theTree rootID = iota // what users see
	theSide               // what changes with it
	roots                 // how many there are
)

// layer is a run of staged writes of a branch. The newest one takes writes; the
// others are frozen, waiting to be folded.
type layer struct {
	over  [roots]*overlay
	bytes arena[byte]   // of both
	last  atomic.Uint64 // sequence number of the newest published write
	base  uint64        // of the last write before the layer
}

// newLayer returns an empty layer after write number base. common is what the
// keys of each tree are expected to begin with.
func newLayer(base uint64, common [roots][]byte) *layer {
	l := &layer{base: base}
	for i := range l.over {
		l.over[i] = newOverlay(common[i], &l.bytes)
	}
	l.last.Store(base)
	return l
}

// common is what its keys let expect of those to come. For the writer, or once
// frozen.
func (l *layer) common() (c [roots][]byte) {
	for i, o := range l.over {
		c[i] = o.beginning()
	}
	return c
}

// add stages an op, which nobody sees before publish.
func (l *layer) add(seq uint64, o op) error {
	return l.over[o.root].add(o.key, seq, o.kind, o.data)
}

func (l *layer) publish(seq uint64) { l.last.Store(seq) }

// size is the memory that the staged writes take, and edits their number. For
// the writer, or once frozen.
func (l *layer) size() int64 { return int64(l.over[theTree].used + l.over[theSide].used) }
func (l *layer) edits() int  { return l.over[theTree].versions + l.over[theSide].versions }

// step links a layer to the one after it, for transactions, which must look
// through all layers since they began. Readers hold the layers alone, so that
// an old reader does not keep all later layers alive.
type step struct {
	*layer
	before int64 // bytes staged in earlier layers
	next   atomic.Pointer[step]
}

package pebblekv

import (
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// room follows how full Pebble's memtable is. A batch for which there is none
// makes Pebble change to another memtable and another log, which may take long,
// because it waits for flushes, and may never end, because the disk failed. The
// store makes room beforehand, in a goroutine that may be left behind, so that
// applying a batch touches memory only.
//
// It never believes that there is more room than there is: a memtable is
// taken to be as small, and its entries as large, as Pebble can make them.
type room struct {
	limit int // size of a full-grown memtable, in bytes
	size  int // of this one, at least
	data  int // bytes of batches in it: it holds at least as much
	used  int // about how much they take
}

const (
	firstMemTable = 256 << 10 // Pebble's, which doubles with each that was used half
	perEntry      = 44        // bytes that an entry takes beside key and value, about
	reserveEntry  = 200       // bytes that Pebble wants free beside, until it knows
)

func newRoom(limit int64) room { return room{limit: int(limit), size: int(min(firstMemTable, limit))} }

// need is about what a batch takes.
func need(b *pebble.Batch) int { return b.Len() + perEntry*int(b.Count()) }

// reserve is at least what Pebble wants free for a batch.
func reserve(b *pebble.Batch) int { return b.Len() + reserveEntry*int(b.Count()) }

// has tells whether the batch fits.
func (r *room) has(b *pebble.Batch) bool { return r.used+reserve(b) <= r.size-r.size/16 }

// hadIfEmpty tells whether the batch would fit into an empty memtable.
func (r *room) hadIfEmpty(b *pebble.Batch) bool {
	return reserve(b) <= min(r.size, r.limit/2)-r.size/16
}

// add notes a batch that was applied.
func (r *room) add(b *pebble.Batch) { r.data, r.used = r.data+b.Len(), r.used+need(b) }

// fresh notes that there is a new memtable, which can hold n bytes.
func (r *room) fresh(n int) {
	if r.data >= r.size/2 {
		r.size = min(2*r.size, r.limit)
	}
	for r.size < min(n, r.limit) {
		r.size = min(2*r.size, r.limit)
	}
	r.data, r.used = 0, 0
}

// apply gives a batch to Pebble, behind the records held. The caller has the turn.
func (s *Store) apply(pb *pebble.Batch) error {
	if err := s.letGo(); err != nil {
		return err
	}
	return s.applyNow(pb)
}

func (s *Store) applyNow(pb *pebble.Batch) error {
	switch {
	case s.room.has(pb):
	case s.room.hadIfEmpty(pb):
		begin := time.Now()
		if err := s.await(func() error { _, err := s.db.AsyncFlush(); return err }); err != nil {
			return err
		}
		s.tell("wait for a memtable", begin, 0)
		s.room.fresh(0)
	default:
		n := pb.Len() // before Pebble takes a very large one
		begin := time.Now()
		if err := s.await(func() error { return s.db.Apply(pb, pebble.NoSync) }); err != nil {
			return err
		}
		s.tell("wait for a memtable, large batch", begin, 0)
		if n >= s.room.limit/2 {
			n = 0 // it has a memtable of its own
		}
		s.room.fresh(n)
		s.room.data, s.room.used = n, s.room.size // full, for all that is known
		return nil
	}
	s.room.add(pb)
	return s.db.Apply(pb, pebble.NoSync)
}

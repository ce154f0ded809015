package pebblekv

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sort"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// A bitmap holds two bits for each id, in pages:
//
//	id (g, s) ─► place = start of g + s ─► page place/16384, bits 2·(place mod 16384)
//
// Generations follow each other without a gap, the one in use last, because it
// grows. A page is made when a bit of it is set. Those that are too many are
// put by in a temporary file, at their own place in it, so that what is in
// memory is bounded whatever the store holds. It belongs to one goroutine.
type bitmap struct {
	starts []generationStart // ascending
	pages  map[uint64]*bitPage
	ring   []*bitPage // the same, for the clock
	hand   int
	last   *bitPage // used before
	file   *os.File // nil: nothing was put by yet
}

const (
	pageBytes = 4 << 10
	pageIDs   = pageBytes * 4
)

// bitPages is how many pages are in memory at most: 24 MiB, which is for 100
// million ids. Tests lower it.
var bitPages = 6 << 10

type generationStart struct {
	generation uint32
	place      uint64 // of its sequence 0
	size       uint64 // how many ids it may have
}

type bitPage struct {
	number      uint64
	used, dirty bool
	bits        [pageBytes]byte
}

// place says where an id's bits are; false for one of no known generation.
func (m *bitmap) place(i id) (uint64, bool) {
	g := i.generation()
	k := sort.Search(len(m.starts), func(k int) bool { return m.starts[k].generation >= g })
	if k == len(m.starts) || m.starts[k].generation != g || i.sequence() >= m.starts[k].size {
		return 0, false
	}
	return m.starts[k].place + i.sequence(), true
}

func (m *bitmap) get(i id) (kv.Mark, error) {
	place, ok := m.place(i)
	if !ok {
		return kv.Unmarked, fmt.Errorf("%w: id %x is of no known generation", kv.ErrCorrupt, i)
	}
	p, err := m.page(place/pageIDs, false)
	if p == nil || err != nil {
		return kv.Unmarked, err
	}
	return kv.Mark(p.bits[place%pageIDs/4] >> (place % 4 * 2) & 3), nil
}

// raise sets an id's bits unless they say as much already.
func (m *bitmap) raise(i id, to kv.Mark) error {
	place, ok := m.place(i)
	if !ok {
		return fmt.Errorf("%w: id %x is of no known generation", kv.ErrCorrupt, i)
	}
	p, err := m.page(place/pageIDs, true)
	if err != nil {
		return err
	}
	at, shift := place%pageIDs/4, place%4*2
	if kv.Mark(p.bits[at]>>shift&3) < to {
		p.bits[at] = p.bits[at]&^(3<<shift) | byte(to)<<shift
		p.dirty = true
	}
	return nil
}

// page returns a page; nil for one in which nothing is set, unless it is to be
// made.
func (m *bitmap) page(n uint64, make bool) (*bitPage, error) {
	if m.last != nil && m.last.number == n {
		return m.last, nil
	}
	p := m.pages[n]
	if p == nil && m.file == nil && !make {
		return nil, nil
	}
	if p == nil {
		var err error
		if p, err = m.load(n); err != nil {
			return nil, fmt.Errorf("temporary file: %w", err)
		}
	}
	p.used, m.last = true, p
	return p, nil
}

// load brings a page into memory, in the place of another if need be.
func (m *bitmap) load(n uint64) (*bitPage, error) {
	p := &bitPage{}
	if len(m.ring) < bitPages {
		m.ring = append(m.ring, p)
	} else {
		var err error
		if p, err = m.putBy(); err != nil {
			return nil, err
		}
	}
	p.number, p.dirty = n, false
	clear(p.bits[:])
	if m.file != nil {
		if _, err := m.file.ReadAt(p.bits[:], int64(n*pageBytes)); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
	}
	m.pages[n] = p
	return p, nil
}

// putBy takes a page out of memory that was not used for a while.
func (m *bitmap) putBy() (*bitPage, error) {
	for {
		m.hand = (m.hand + 1) % len(m.ring)
		p := m.ring[m.hand]
		if p.used {
			p.used = false
			continue
		}
		if p.dirty {
			if m.file == nil {
				f, err := os.CreateTemp("", "prolly-gc-*")
				if err != nil {
					return nil, err
				}
				m.file = f
			}
			if _, err := m.file.WriteAt(p.bits[:], int64(p.number*pageBytes)); err != nil {
				return nil, err
			}
		}
		delete(m.pages, p.number)
		if m.last == p {
			m.last = nil
		}
		return p, nil
	}
}

// close gives the temporary file back.
func (m *bitmap) close() error {
	m.pages, m.ring, m.last = nil, nil, nil
	if m.file == nil {
		return nil
	}
	f := m.file
	m.file = nil
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

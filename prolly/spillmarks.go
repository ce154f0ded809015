package prolly

import (
	"encoding/binary"
	"errors"
	"sort"

	"github.com/zeebo/xxh3"
)

const (
	markBytes     = 16 // offset and second priority
	marksPerBlock = 256
	blockBytes    = markBytes * marksPerBlock
)

// mark is an item as stage 2 sees it. Offsets count from the start of the gap.
type mark struct {
	off, p2 uint64
}

// marks are the marks of all items of a gap, in a file. Of every block of them
// memory holds a summary, a thirty-second of its size or less.
type marks struct {
	file   *scratch
	n      int
	end    uint64 // where the last item ends
	blocks []markBlock
	open   []byte // the block being filled

	tree   minTree // over the least priorities of whole blocks
	cached [4]cachedBlock
	turn   int
}

// markBlock sums up a block.
type markBlock struct {
	off   uint64 // of its first item
	least uint64
	at    int // the item with the least priority
	sum   uint64
}

type cachedBlock struct {
	block int // one more than its number; 0: nothing cached
	marks []mark
}

// add takes the next item.
func (m *marks) add(off, p2, end uint64) error {
	if len(m.open) == 0 {
		m.blocks = append(m.blocks, markBlock{off: off, least: p2, at: m.n})
	}
	if b := &m.blocks[len(m.blocks)-1]; p2 < b.least {
		b.least, b.at = p2, m.n
	}
	m.open = binary.LittleEndian.AppendUint64(m.open, off)
	m.open = binary.LittleEndian.AppendUint64(m.open, p2)
	m.n++
	m.end = end
	if len(m.open) == blockBytes {
		return m.closeBlock()
	}
	return nil
}

func (m *marks) closeBlock() error {
	m.blocks[len(m.blocks)-1].sum = xxh3.Hash(m.open)
	err := m.file.write(m.open)
	m.open = m.open[:0]
	return err
}

// split calls f with where each node of the gap ends, in order: stage 2, as
// chunker.splitHeavy has it.
func (m *marks) split(f func(end int) error) error {
	if err := m.seal(); err != nil {
		return err
	}
	type place struct {
		i   int
		off uint64
	}
	a := place{}
	todo := []place{{m.n, m.end}}
	for a.i < m.n {
		b := todo[len(todo)-1]
		if b.off-a.off <= maxWeight {
			if err := f(b.i); err != nil {
				return err
			}
			todo = todo[:len(todo)-1]
			a = b
			continue
		}
		lo, err := m.search(a.i, b.i, a.off+minWeight)
		if err != nil {
			return spillError(err)
		}
		hi, err := m.search(lo, b.i, b.off-minWeight+1)
		if err != nil {
			return spillError(err)
		}
		cut, err := m.least(lo, hi)
		if err != nil {
			return spillError(err)
		}
		at, err := m.mark(cut)
		if err != nil {
			return spillError(err)
		}
		todo = append(todo, place{cut, at.off})
	}
	return nil
}

// seal ends the writing.
func (m *marks) seal() error {
	var err error
	if len(m.open) > 0 {
		err = m.closeBlock()
	}
	if err = errors.Join(err, m.file.flush()); err != nil {
		return spillError(err)
	}
	m.tree.p2 = m.tree.p2[:0]
	for _, b := range m.blocks {
		m.tree.p2 = append(m.tree.p2, b.least)
	}
	m.tree.index()
	return nil
}

// load returns the marks of a block, valid until a few others were loaded.
func (m *marks) load(block int) ([]mark, error) {
	for i := range m.cached {
		if m.cached[i].block == block+1 {
			return m.cached[i].marks, nil
		}
	}
	first := block * marksPerBlock
	raw := make([]byte, markBytes*min(marksPerBlock, m.n-first))
	if _, err := m.file.file.ReadAt(raw, int64(first)*markBytes); err != nil {
		return nil, err
	}
	if xxh3.Hash(raw) != m.blocks[block].sum {
		return nil, errSpill
	}
	c := &m.cached[m.turn]
	m.turn = (m.turn + 1) % len(m.cached)
	c.block, c.marks = block+1, c.marks[:0]
	for ; len(raw) > 0; raw = raw[markBytes:] {
		c.marks = append(c.marks, mark{binary.LittleEndian.Uint64(raw), binary.LittleEndian.Uint64(raw[8:])})
	}
	return c.marks, nil
}

func (m *marks) mark(i int) (mark, error) {
	ms, err := m.load(i / marksPerBlock)
	if err != nil {
		return mark{}, err
	}
	return ms[i%marksPerBlock], nil
}

// search returns the first item in [lo, hi) that begins at or after off, or hi.
func (m *marks) search(lo, hi int, off uint64) (int, error) {
	k := sort.Search(len(m.blocks), func(k int) bool { return m.blocks[k].off >= off })
	if k == 0 {
		return lo, nil
	}
	ms, err := m.load(k - 1)
	if err != nil {
		return 0, err
	}
	i := (k-1)*marksPerBlock + sort.Search(len(ms), func(i int) bool { return ms[i].off >= off })
	return min(max(i, lo), hi), nil
}

// least returns the item of [lo, hi) with the smallest priority; the earlier
// of equals.
func (m *marks) least(lo, hi int) (int, error) {
	from, to := lo/marksPerBlock, hi/marksPerBlock // blocks from+1 … to-1 are whole
	best, least, err := m.leastWithin(from, lo, min(hi, (from+1)*marksPerBlock))
	if err != nil || from == to {
		return best, err
	}
	if from+1 < to {
		if b := m.blocks[m.tree.least(from+1, to)]; b.least < least {
			best, least = b.at, b.least
		}
	}
	if to*marksPerBlock < hi {
		i, p2, err := m.leastWithin(to, to*marksPerBlock, hi)
		if err != nil {
			return 0, err
		}
		if p2 < least {
			best = i
		}
	}
	return best, nil
}

// leastWithin is least for a span of one block.
func (m *marks) leastWithin(block, lo, hi int) (best int, least uint64, err error) {
	ms, err := m.load(block)
	if err != nil {
		return 0, 0, err
	}
	best, least = lo, ms[lo%marksPerBlock].p2
	for i := lo + 1; i < hi; i++ {
		if p2 := ms[i%marksPerBlock].p2; p2 < least {
			best, least = i, p2
		}
	}
	return best, least, nil
}

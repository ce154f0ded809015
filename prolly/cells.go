package prolly

import (
	"bytes"
	"context"
)

// A cell is a stretch of keys at whose ends nodes of a level begin in all three
// trees of a merge, and nowhere in between: what each tree has there
// can be compared node by node.
//
//	base    |---|-------|---|
//	ours    |---|-------|---|
//	theirs  |---|--|--|-|---|
//	cells     ^     ^     ^      unchanged, theirs changed, unchanged
type cell struct {
	key          []byte // where it begins; nil: at the beginning of the trees
	kind         cellKind
	ours, theirs []child
}

type cellKind uint8

const (
	unchanged     cellKind = iota
	oursChanged            // theirs has what base or ours has
	theirsChanged          // ours has what base has
	bothChanged
)

// cellNodes is how many nodes of a cell are compared; a longer one counts as
// bothChanged.
const cellNodes = 4096

// cells walks three trees in step.
type cells struct {
	sides [3]levelItems // base, ours, theirs
	runs  [3][]child
	lo    []byte
	begun bool
	arena arena
}

// walkCells begins at lo: the cells are of the nodes below a level, in [lo, hi).
func walkCells(ctx context.Context, trees [3]Tree, level int, lo, hi []byte) (*cells, error) {
	w := &cells{lo: lo}
	for i, t := range trees {
		if err := w.sides[i].start(ctx, t, level, lo, hi); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// next returns the next cell; false after the last. Its bytes are kept as long as
// anyone refers to them.
func (w *cells) next() (c cell, ok bool, err error) {
	b, o, t := &w.sides[0], &w.sides[1], &w.sides[2]
	if b.done && o.done && t.done {
		return c, false, nil
	}
	if c.key = w.lo; w.begun {
		c.key = w.arena.key(b.node, b.i) // all three begin here
	}
	w.begun = true
	same := !b.done && !o.done && !t.done && b.hash() == o.hash() && b.hash() == t.hash()
	over := false
	for i := range w.sides {
		w.runs[i] = w.runs[i][:0]
		if err := w.take(i, &over); err != nil {
			return c, false, err
		}
	}
	for {
		least, common := w.least()
		if common {
			break
		}
		for i := range w.sides {
			if s := &w.sides[i]; !s.done && compareKeys(s.node, s.i, least.node, least.i) == 0 && s != least {
				if err := w.take(i, &over); err != nil {
					return c, false, err
				}
			}
		}
		for i := range w.sides {
			if &w.sides[i] == least {
				if err := w.take(i, &over); err != nil {
					return c, false, err
				}
			}
		}
		same = false
	}
	w.judge(&c, same, over)
	return c, true, nil
}

// least returns the side whose next node begins first. common says that all
// begin there, or that all are done.
func (w *cells) least() (least *levelItems, common bool) {
	common = true
	for i := range w.sides {
		s := &w.sides[i]
		if s.done {
			continue
		}
		if least == nil {
			least, common = s, i == 0
			continue
		}
		switch c := compareKeys(s.node, s.i, least.node, least.i); {
		case c < 0:
			least, common = s, false
		case c > 0:
			common = false
		}
	}
	for i := range w.sides {
		common = common && w.sides[i].done == w.sides[0].done
	}
	return least, common
}

// take adds a side's next node to its run.
func (w *cells) take(i int, over *bool) error {
	s := &w.sides[i]
	if s.done {
		return nil
	}
	if len(w.runs[i]) == cellNodes {
		*over = true
	} else {
		w.runs[i] = append(w.runs[i], s.child(&w.arena))
	}
	return s.next()
}

// judge compares the runs of a cell.
func (w *cells) judge(c *cell, same, over bool) {
	b, o, t := w.runs[0], w.runs[1], w.runs[2]
	switch {
	case over:
		c.kind = bothChanged
	case same:
		c.kind = unchanged
		c.ours = append(c.ours, o...)
	case sameRun(b, t) && sameRun(b, o):
		c.kind = unchanged
		c.ours = append(c.ours, o...)
	case sameRun(b, t) || sameRun(o, t):
		c.kind = oursChanged
	case sameRun(b, o):
		c.kind = theirsChanged
		c.ours, c.theirs = append(c.ours, o...), append(c.theirs, t...)
	default:
		c.kind = bothChanged
	}
}

func sameRun(a, b []child) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Child != b[i].Child {
			return false
		}
	}
	return true
}

// levelItems walks the items of an inner level within [lo, hi). It reads no node
// that begins at or after hi.
type levelItems struct {
	cur  cursor
	hi   []byte
	node *Node
	i    int
	done bool
	buf  []byte
}

func (s *levelItems) start(ctx context.Context, t Tree, level int, lo, hi []byte) error {
	s.cur, s.hi = t.cursor(ctx), hi
	if err := s.cur.seekNode(t, level, lo); err != nil {
		return err
	}
	s.node = s.cur.node()
	if s.i, _ = s.node.Find(lo); s.i == s.node.Len() {
		s.i--
		return s.next()
	}
	s.done = s.past()
	return nil
}

func (s *levelItems) past() bool { return len(s.hi) > 0 && compareKey(s.node, s.i, s.hi) >= 0 }

func (s *levelItems) next() error {
	if s.i++; s.i < s.node.Len() {
		s.done = s.past()
		return nil
	}
	fence := s.cur.fence(s.buf[:0])
	if fence == nil || len(s.hi) > 0 && bytes.Compare(fence, s.hi) >= 0 {
		s.done = true
		return nil
	}
	s.buf = fence
	if err := s.cur.ctx.Err(); err != nil {
		return err
	}
	more, err := s.cur.nextNode()
	s.node, s.i, s.done = s.cur.node(), 0, !more
	return err
}

func (s *levelItems) hash() (h [32]byte) { return s.node.Child(s.i) }

// child returns the item that comes next, its key in a.
func (s *levelItems) child(a *arena) child {
	var c child
	c.Key = a.key(s.node, s.i)
	c.Child, c.Count, c.Bytes = s.node.Child(s.i), s.node.Count(s.i), s.node.Bytes(s.i)
	c.hint = s.node.hint(s.i)
	return c
}

package prolly

import (
	"bytes"
	"context"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// Where only theirs has changed, a merge takes over whole nodes instead of
// reading what is below them. Over [s, e) nodes of a level of theirs may stand in
// for those of the result, and what comes of it is the tree of its content,
// when both s and e are stage-1 cuts on that level and on all below, in the
// result and in theirs: nothing on one side of such a cut depends on the
// other side, and whether it is one depends on either side by itself, no farther
// than the nodes that meet there.
//
//	result  ----|--|----|---|--------|----
//	theirs  --|----|--|-|---|--|--|--|-|--
//	               s                 e       theirs between, the result around
//
// The level above is repaired as Apply would.

// adoptChanged is how many nodes theirs must have changed to be worth the reads
// that it takes to make sure. Tests lower it.
var adoptChanged = 4

const (
	// adoptNodes is how many nodes are taken over together at least: a level with
	// as many weighs more than M.
	adoptNodes = 4
	// quietCells is how many cells are looked at together.
	quietCells = 4096
	// pasteEdits is how many edits of a level are applied at once.
	pasteEdits = 4096
)

// span merges [lo, hi), at whose ends nodes of level+1 begin in all three trees:
// nodes of a level are taken over where only theirs changed, and looked into
// elsewhere, if theirs changed at all.
func (m *merge) span(level int, lo, hi []byte) error {
	w, err := walkCells(m.ctx, [3]Tree{m.base, m.ours, m.theirs}, level+1, lo, hi)
	if err != nil {
		return err
	}
	q := quiet{m: m, level: level}
	for {
		c, more, err := w.next()
		if err != nil {
			return err
		}
		if !more {
			return q.finish(hi)
		}
		touched := c.kind == oursChanged || c.kind == bothChanged
		if touched || len(q.cells) == quietCells {
			if err := q.end(c.key); err != nil {
				return err
			}
		}
		if !touched {
			q.cells = append(q.cells, c)
			continue
		}
		if err := q.pass(c); err != nil {
			return err
		}
	}
}

// quiet is a run of cells that ours has left alone, and the stretch before it that
// has to be looked into.
type quiet struct {
	m     *merge
	level int
	cells []cell
	open  bool   // there is such a stretch
	lo    []byte // where it begins
}

// pass goes by a cell whose nodes are not taken over.
func (q *quiet) pass(c cell) error {
	if c.kind == unchanged || c.kind == oursChanged {
		return q.below(c.key)
	}
	if !q.open {
		q.open, q.lo = true, c.key
	}
	return nil
}

// below looks into the stretch, which ends at hi.
func (q *quiet) below(hi []byte) error {
	if !q.open {
		return nil
	}
	q.open = false
	if q.level == 0 {
		return q.m.entries(Range{From: q.lo, To: hi})
	}
	return q.m.span(q.level-1, q.lo, hi)
}

func (q *quiet) finish(hi []byte) error {
	if err := q.end(hi); err != nil {
		return err
	}
	return q.below(hi)
}

// end deals with the run of cells, which ends at key at; nil: at the end of the
// trees.
func (q *quiet) end(at []byte) error {
	i, j, err := q.choose(at)
	if err != nil {
		return err
	}
	sure := q.m.result.root.Hash
	for k, c := range q.cells {
		if k == i && j > i {
			if j, err = q.ready(i, j, at, sure); err != nil {
				return err
			}
		}
		if k >= i && k < j {
			err = q.m.paste(c)
		} else {
			err = q.pass(c)
		}
		if err != nil {
			return err
		}
	}
	q.cells = q.cells[:0]
	return nil
}

// choose returns which cells [i, j) may be taken over; none when i is j.
func (q *quiet) choose(at []byte) (i, j int, err error) {
	first, last := q.changed()
	if last < 0 || q.nodes(first, last+1, true) < adoptChanged {
		return 0, 0, nil
	}
	if ok, err := q.waits(); !ok || err != nil {
		return 0, 0, err
	}
	ok := false
	for i = max(0, first-1); i <= first+2 && i < last && !ok; i++ {
		if ok, err = q.m.seam(q.level, q.begin(i, at)); err != nil {
			return 0, 0, err
		}
	}
	if i--; !ok {
		return 0, 0, nil
	}
	ok = false
	for j = min(len(q.cells), last+2); j >= last-1 && j > i && !ok; j-- {
		if ok, err = q.m.seam(q.level, q.begin(j, at)); err != nil {
			return 0, 0, err
		}
	}
	if j++; !ok || q.nodes(i, j, true) < adoptChanged || q.nodes(i, j, false) < adoptNodes {
		return 0, 0, nil
	}
	return i, j, nil
}

// begin returns where cell k begins, or where the last one ends.
func (q *quiet) begin(k int, at []byte) []byte {
	if k == len(q.cells) {
		return at
	}
	return q.cells[k].key
}

// waits makes sure that the edits by which nodes are taken over can wait with
// those that do. It is false when the result has become too small for them.
func (q *quiet) waits() (bool, error) {
	err := q.m.pasteAt(q.level + 1)
	return q.m.result.level > q.level, err
}

// ready looks into what lies before cells [i, j), and tells by the j that it
// returns whether they can be taken over still; sure is the root of the result for
// which it was made sure.
func (q *quiet) ready(i, j int, at []byte, sure codec.Hash) (int, error) {
	if err := q.below(q.begin(i, at)); err != nil {
		return 0, err
	}
	ok, err := q.waits()
	for _, k := range []int{i, j} {
		if ok && err == nil && q.m.result.root.Hash != sure {
			ok, err = q.m.seam(q.level, q.begin(k, at))
		}
	}
	if ok && err == nil {
		ok, err = q.untouched(q.cells[i:j], q.begin(j, at))
	}
	if !ok || err != nil {
		j = i
	}
	return j, err
}

// changed returns the first and the last cell that theirs changed.
func (q *quiet) changed() (first, last int) {
	first, last = len(q.cells), -1
	for i, c := range q.cells {
		if c.kind == theirsChanged {
			first, last = min(first, i), i
		}
	}
	return first, last
}

// nodes counts the nodes of theirs in cells [i, j); or those that it changed,
// removed ones included.
func (q *quiet) nodes(i, j int, changed bool) (n int) {
	for ; i < j; i++ {
		switch c := &q.cells[i]; {
		case c.kind == unchanged && !changed:
			n += len(c.ours)
		case c.kind == theirsChanged && changed:
			n += max(len(c.ours), len(c.theirs))
		case c.kind == theirsChanged:
			n += len(c.theirs)
		}
	}
	return n
}

// untouched tells whether the result has what ours has in cells that end at hi: a
// resolver may have put a key there.
func (q *quiet) untouched(list []cell, hi []byte) (bool, error) {
	var s levelItems
	if err := s.start(q.m.ctx, q.m.result, q.level+1, list[0].key, hi); err != nil {
		return false, err
	}
	for _, c := range list {
		for _, o := range c.ours {
			if s.done || s.node.Child(s.i) != o.Child {
				return false, nil
			}
			if err := s.next(); err != nil {
				return false, err
			}
		}
	}
	return s.done, nil
}

// seam tells whether a key, or an end of the trees for nil, parts the result and
// theirs on a level and all below.
func (m *merge) seam(level int, key []byte) (bool, error) {
	if key == nil {
		return true, nil
	}
	for _, t := range []Tree{m.result, m.theirs} {
		if ok, err := t.seam(m.ctx, level, key); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

// seam tells whether a key is a stage-1 cut on a level and all below.
func (t Tree) seam(ctx context.Context, level int, key []byte) (bool, error) {
	c := t.cursor(ctx)
	if err := c.seekNode(t, 0, key); err != nil {
		return false, err
	}
	top := len(c.path) - 1 - level
	if top < 1 {
		return false, nil
	}
	for _, f := range c.path[top:] {
		if f.i != 0 || compareKey(f.node, 0, key) != 0 {
			return false, nil
		}
	}
	p := c.clone()
	if more, err := p.prevNode(); !more || err != nil {
		return false, err
	}
	for k := top; k < len(c.path); k++ {
		if n := c.path[k].node; !stage1(p.path[k].node, n) {
			return false, nil
		}
	}
	return true, nil
}

// pasteAt makes sure that what is taken over next, by edits of a level, can
// wait together with what is waiting.
func (m *merge) pasteAt(level int) error {
	if m.pastes.level != level || m.pastes.len() >= pasteEdits {
		if err := m.applyPastes(); err != nil {
			return err
		}
		m.pastes.clear(level)
	}
	return nil
}

// paste takes over the nodes of a cell: edits of the level above.
func (m *merge) paste(c cell) error {
	if c.kind == unchanged {
		return nil
	}
	o, t := c.ours, c.theirs
	for len(o) > 0 || len(t) > 0 {
		order := 0
		switch {
		case len(o) == 0:
			order = 1
		case len(t) == 0:
			order = -1
		default:
			order = bytes.Compare(o[0].Key, t[0].Key)
		}
		switch {
		case order < 0:
			m.pastes.delete(o[0].Key)
		case order > 0 || o[0].Child != t[0].Child:
			m.pastes.put(t[0])
			m.stats.Adopted++
		}
		if order <= 0 {
			o = o[1:]
		}
		if order >= 0 {
			t = t[1:]
		}
	}
	return nil
}

// applyPastes makes the edits that wait, of whatever level.
func (m *merge) applyPastes() error {
	if m.pastes.len() == 0 {
		return nil
	}
	t, err := m.result.repair(m.ctx, m.pastes.level, &m.pastes, 0)
	if err != nil {
		return err
	}
	m.result = t
	m.pastes = levelEdits{}
	return nil
}

package prolly

import (
	"bytes"
)

// region is a stretch of a level under repair: the items that are on their way
// into nodes, and the nodes that go and come.
type region struct {
	items  items
	begun  []begun // the old nodes that began at items, ascending
	passed int     // of begun: how many stand before the item last asked for
	chunk  chunker

	gone  []child // old nodes: key, hash and node only
	fresh []child // new nodes
}

// begun is an old node whose first key an item has.
type begun struct {
	at    int // the item
	node  *Node
	prev  *Node // the old node before it; nil at the start of the region
	addr  Addr
	clean bool // no edit changes it
	fixed bool // no edit moves a cut in it
}

// doRegion repairs from the node at p.cur, which holds the edits from e on,
// and returns the first edit not dealt with.
func (p *levelPass) doRegion(e int) (int, error) {
	m := merger{p: p}
	var atStart bool
	var err error
	if m.cur, e, atStart, err = p.regionStart(e); err != nil {
		return 0, err
	}
	if err := p.flush(); err != nil {
		return 0, err
	}
	p.untouched += nodesBetween(&p.floor, &m.cur)
	p.moved = true
	r := &p.region
	r.items.reset(p.level)
	p.keys.reset()
	r.begun, r.passed = r.begun[:0], 0
	r.gone, r.fresh = r.gone[:0], r.fresh[:0]
	r.chunk.reset(!p.whole)
	start := m.cur.clone()
	m.enter(e, nil)
	stopped, err := p.fill(&m)
	if err != nil {
		return 0, err
	}
	p.cur, p.floor = m.cur, cursor{}
	if stopped {
		p.floor = m.cur.clone()
		r.gone = r.gone[:len(r.gone)-1]
		e = m.lo
		p.touched(start, p.floor)
	} else {
		e = p.in.len()
		p.touched(start, start)
		p.toEnd = true
	}
	p.close(atStart && !stopped)
	return e, nil
}

// fill merges items into the region and writes its nodes, until the level ends
// or, stopped, at a cut that is left alone.
func (p *levelPass) fill(m *merger) (stopped bool, err error) {
	r := &p.region
	for {
		more, err := m.next()
		if err != nil {
			return false, err
		}
		for n := r.chunk.cut(); n > 0; n = r.chunk.cut() {
			if err := p.gap(n); err != nil {
				return false, err
			}
			if b := r.begunAt(0); b != nil && p.alone(b) {
				return true, nil
			}
		}
		if !more {
			if n := r.items.len(); n > 0 {
				return m.closed, p.gap(n)
			}
			return m.closed, nil
		}
		if err := p.bound.open(p.level, r.chunk.weight()); err != nil {
			return false, err
		}
	}
}

// alone tells whether the edits leave a stage-1 cut alone at which an old node
// begins, provided that it is one after them as well.
func (p *levelPass) alone(b *begun) bool {
	return !p.whole && b.fixed && b.prev != nil && stage1(b.prev, b.node)
}

// begunAt returns the old node that began at an item, which is not behind any
// that was asked for before; nil when there is none.
func (r *region) begunAt(i int) *begun {
	for r.passed < len(r.begun) && r.begun[r.passed].at < i {
		r.passed++
	}
	if r.passed < len(r.begun) && r.begun[r.passed].at == i {
		return &r.begun[r.passed]
	}
	return nil
}

// drop forgets the first n items, which were written.
func (r *region) drop(n int) {
	r.items.drop(n)
	r.chunk.drop(n)
	kept := r.begun[:0]
	for _, b := range r.begun {
		if b.at >= n {
			b.at -= n
			kept = append(kept, b)
		}
	}
	r.begun, r.passed = kept, 0
}

// gap writes the nodes of the first n items. An old node that comes out as it
// went in is neither encoded nor written again.
func (p *levelPass) gap(n int) error {
	r := &p.region
	if err := p.bound.gap(p.level, r.chunk.offset(n)-r.chunk.origin); err != nil {
		return err
	}
	lo := 0
	for _, hi := range r.chunk.split(n) {
		var c child
		if b := r.begunAt(lo); b != nil && b.clean && b.node.Len() == hi-lo {
			c.Key = r.items.key(lo)
			c.Child, c.hint = b.addr.Hash, b.addr.Hint
			c.Count, c.Bytes = b.node.Sums()
		} else {
			var err error
			if c, err = p.w.write(&r.items, lo, hi); err != nil {
				return err
			}
		}
		c.Key = p.arena.clone(c.Key)
		r.fresh = append(r.fresh, c)
		lo = hi
	}
	before := r.chunk.weight()
	r.drop(n)
	p.keys.move(&r.items)
	p.weight += before - r.chunk.weight()
	return nil
}

// close tells the level above what became of the region's nodes.
func (p *levelPass) close(all bool) {
	r := &p.region
	p.emptied = all && len(r.fresh) == 0
	if p.whole && len(r.fresh) == 1 {
		p.single = &child{}
		*p.single = r.fresh[0]
	}
	top := p.level == p.old.level // nothing stands above: all nodes are new there
	i, j := 0, 0
	for i < len(r.gone) || j < len(r.fresh) {
		c := 1
		if j == len(r.fresh) {
			c = -1
		} else if i < len(r.gone) {
			c = bytes.Compare(r.gone[i].Key, r.fresh[j].Key)
		}
		if c <= 0 && (c < 0 || r.gone[i].Child != r.fresh[j].Child) {
			p.w.replaced(r.gone[i].Child, r.gone[i].node)
		}
		switch {
		case c < 0:
			if !top {
				p.out.delete(r.gone[i].Key)
			}
			i++
			continue
		case c > 0 || top || r.gone[i].Child != r.fresh[j].Child:
			p.out.put(r.fresh[j])
		}
		if c == 0 {
			i++
		}
		j++
	}
}

// regionStart goes back from the node at p.cur to a cut that is left alone, or to
// where the last region stopped, or to the start of the level, and takes back
// pending rewrites on the way. It returns the first edit from there on.
func (p *levelPass) regionStart(e int) (at cursor, first int, atStart bool, err error) {
	at = p.cur.clone()
	for edited := true; ; edited = false {
		if len(p.floor.path) > 0 && at.addr().Hash == p.floor.addr().Hash {
			return at, e, false, nil
		}
		prev := at.clone()
		more, err := prev.prevNode()
		if err != nil {
			return at, e, false, err
		}
		if !more {
			return at, e, true, nil
		}
		if !p.whole && stage1(prev.node(), at.node()) {
			alone := true
			if edited {
				if alone, err = p.stays(&at, e); err != nil {
					return at, e, false, err
				}
			}
			if alone {
				return at, e, false, nil
			}
		}
		at = prev
		if k := len(p.pending) - 1; k >= 0 && p.pending[k].at.addr().Hash == at.addr().Hash {
			e = p.pending[k].lo
			p.pending = p.pending[:k]
		}
	}
}

// stays tells whether the stage-1 cut at the first key of the node at c is one
// after the edits too, given that nothing left of it changes.
func (p *levelPass) stays(c *cursor, e int) (bool, error) {
	if n := c.node(); unbeaten(n, p.in, e, p.editsIn(c, e), n.priority()) {
		return true, nil
	}
	m := merger{p: p, cur: c.clone(), peek: true}
	key := c.node().AppendKey(nil, 0)
	m.enter(e, nil)
	more, err := m.next()
	if err != nil || !more || !bytes.Equal(m.key, key) {
		return false, err
	}
	p1 := priority1(p.level, key)
	for sum := m.weight; sum < minWeight; sum += m.weight {
		if more, err = m.next(); err != nil || !more {
			return false, err
		}
		if priority1(p.level, m.key) < p1 {
			return false, nil
		}
	}
	return true, nil
}

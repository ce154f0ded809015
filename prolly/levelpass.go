package prolly

import (
	"bytes"
	"context"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// levelPass repairs one level of a tree.
//
// Edits that replace an item by one of equal weight move no cut: their node is
// rewritten where it stands. All others open a region: from a stage-1 cut that
// the edits leave alone, over the touched gaps, to the next such cut. A cut
// is left alone when it is a stage-1 cut before and after, since nothing right
// of such a cut depends on what lies left of it, nor the other way about.
//
//	old   |----|-------|---|------|----|-----|      nodes
//	           ^    x          x  ^                  edits x
//	           start              stop               stage-1 cuts, old and new
type levelPass struct {
	ctx   context.Context
	old   Tree
	w     nodeWriter
	arena arena // what outlives the pass
	keys  keys  // of items

	level int
	in    *levelEdits
	cur   cursor
	out   *levelEdits // for the level above; one of outs
	outs  [2]levelEdits

	single  *child // the level is this one node
	emptied bool   // the level has no items any more

	pending []rewrite // decided, not written: a region may still take them in
	frames  []frame   // of those
	floor   cursor    // where the last region stopped; no path before the first
	whole   bool      // one region from end to end

	first cursor // the first node that is touched; no path when none is
	end   cursor // the last one, or the first after it that is not
	toEnd bool   // the level's last node is touched by a region

	weight    uint64 // of all regions, after the edits
	rewritten uint64 // nodes outside regions
	untouched uint64 // nodes outside regions, at least so many

	moved  bool // there was a region
	region region
	bound  bound
	key    []byte // scratch
}

// rewrite is a node whose edits [lo, hi) move no cut.
type rewrite struct {
	at     cursor
	lo, hi int
}

func (p *levelPass) begin(level int, in *levelEdits) {
	p.level, p.in = level, in
	p.out = &p.outs[level%2]
	p.out.clear(level + 1)
	p.single, p.emptied = nil, false
	p.restart(level == p.old.level)
}

func (p *levelPass) restart(whole bool) {
	p.cur = p.old.cursor(p.ctx)
	p.floor = cursor{}
	p.whole = whole
	p.weight, p.rewritten, p.untouched, p.moved = 0, 0, 0, false
	p.pending, p.frames = p.pending[:0], p.frames[:0]
	p.first, p.end, p.toEnd = cursor{}, cursor{}, false
	p.w.old = p.w.old[:0]
}

// touched notes that what stands from one node up to another is not left
// alone.
func (p *levelPass) touched(from, end cursor) {
	if len(p.first.path) == 0 {
		p.first = from
	}
	p.end = end
}

// run makes the pass. That the level weighs more than M is first taken for
// granted and shown afterwards; where it cannot be shown, the level is small, and
// is done again as a whole.
func (p *levelPass) run() error {
	if err := p.edits(); err != nil {
		return err
	}
	if !p.moved || p.out.len() == 0 || p.whole || p.large() {
		return nil
	}
	p.out.clear(p.level + 1)
	p.restart(true)
	return p.edits()
}

// large tells whether the level certainly weighs more than M.
func (p *levelPass) large() bool {
	return p.weight+p.untouched*minWeight > maxWeight
}

// edits goes through the edits node by node.
func (p *levelPass) edits() error {
	for e := 0; e < p.in.len(); {
		if err := p.ctx.Err(); err != nil {
			return err
		}
		if err := p.cur.seekNode(p.old, p.level, p.in.key(e)); err != nil {
			return err
		}
		end := p.editsIn(&p.cur, e)
		switch p.effect(p.cur.node(), e, end) {
		case nothing:
			e = end
		case contentOnly:
			p.pending = append(p.pending, rewrite{p.keep(&p.cur), e, end})
			e = end
		case movesCuts:
			var err error
			if e, err = p.doRegion(e); err != nil {
				return err
			}
		}
	}
	if err := p.flush(); err != nil {
		return err
	}
	p.untouched += nodesFrom(&p.floor)
	return nil
}

// keep returns a copy of a cursor that is good until the pass begins anew.
func (p *levelPass) keep(c *cursor) cursor {
	d, at := *c, len(p.frames)
	p.frames = append(p.frames, c.path...)
	d.path = p.frames[at:len(p.frames):len(p.frames)]
	return d
}

// editsIn returns the end of the edits, from e on, that belong in the node at c.
func (p *levelPass) editsIn(c *cursor, e int) int {
	fence := c.fence(p.key[:0])
	if fence == nil {
		return p.in.len()
	}
	p.key = fence
	for e < p.in.len() && bytes.Compare(p.in.key(e), fence) < 0 {
		e++
	}
	return e
}

// effect is what edits do to a node.
type effect int

const (
	nothing     effect = iota // all is there already
	contentOnly               // values change, keys and weights do not
	movesCuts
)

func (p *levelPass) effect(n *Node, e, end int) effect {
	sum := nothing
	for ; e < end; e++ {
		i, found := n.Find(p.in.key(e))
		switch {
		case p.in.del[e] && !found:
		case p.in.del[e] || !found || p.in.weight(e) != n.ItemWeight(i):
			return movesCuts
		case !p.sameItem(n, i, e):
			sum = contentOnly
		}
	}
	return sum
}

// sameItem tells whether edit e sets item i of n to what it is.
func (p *levelPass) sameItem(n *Node, i, e int) bool {
	if p.level > 0 {
		return n.Child(i) == p.in.inner[e].Child
	}
	x := &p.in.leaf[e]
	if x.Kind != n.Kind(i) {
		return false
	}
	if x.Kind == codec.Inline {
		return bytes.Equal(x.Value, n.Inline(i))
	}
	return bytes.Equal(x.Link, n.Link(i))
}

// flush writes the nodes whose cuts stay.
func (p *levelPass) flush() error {
	for i := range p.pending {
		if err := p.rewrite(&p.pending[i]); err != nil {
			return err
		}
	}
	p.pending = p.pending[:0]
	return nil
}

// rewrite makes the node anew. Where even no length changes, the old block is
// copied and overwritten in place.
func (p *levelPass) rewrite(r *rewrite) error {
	c, ok, err := p.patch(r)
	if !ok && err == nil {
		c, err = p.encode(r)
	}
	if err != nil {
		return err
	}
	if p.level == p.old.level {
		p.single = &c
	}
	p.rewritten++
	p.touched(r.at, r.at)
	p.w.replaced(r.at.hash(), r.at.node())
	p.out.put(c)
	return nil
}

// patch is false when the node has to be encoded.
func (p *levelPass) patch(r *rewrite) (c child, ok bool, err error) {
	n := r.at.node()
	c.Count, c.Bytes = n.Sums()
	if p.level == 0 && !p.fits(n, r) {
		return c, false, nil
	}
	block := bytes.Clone(n.Block())
	var hints []Hint
	if p.level > 0 {
		hints = make([]Hint, n.Len())
		copy(hints, n.hints)
	}
	var changed uint64
	for e := r.lo; e < r.hi; e++ {
		i, found := n.Find(p.in.key(e))
		if !found {
			continue // deleted, and not there
		}
		if !p.sameItem(n, i, e) {
			changed |= 1 << i // of use only if there is a bit for each
		}
		if p.level == 0 {
			n.SetInline(block, i, p.in.leaf[e].Value)
			continue
		}
		x := &p.in.inner[e]
		c.Count += x.Count - n.Count(i)
		c.Bytes += x.Bytes - n.Bytes(i)
		n.SetChild(block, i, x.Child, x.Count, x.Bytes)
		hints[i] = p.in.hints[e]
	}
	if c.Count > codec.MaxSum || c.Bytes > codec.MaxSum {
		return c, false, ErrTooLarge
	}
	c.Key = p.arena.key(n, 0)
	made := &Node{Node: n.With(block, c.Count, c.Bytes), hints: hints}
	made.takeEdges(n)
	if p.level > 0 {
		p.handOn(n, made, r)
	}
	if n.Len() <= lineageItems {
		made.lineage = lineage{r.at.hash(), changed}
	}
	return c, true, p.w.putNode(&c, made)
}

// handOn has a node that is made of another take over the links to its children.
func (p *levelPass) handOn(n, made *Node, r *rewrite) {
	made.takeLinks(n)
	for e := r.lo; e < r.hi; e++ {
		if i, found := n.Find(p.in.key(e)); found {
			made.relink(i, p.in.made[e])
		}
	}
}

// fits tells whether the values of a leaf that change, and what they change to,
// stand in it.
func (p *levelPass) fits(n *Node, r *rewrite) bool {
	if !n.HasOutOfLine() {
		for e := r.lo; e < r.hi; e++ {
			if p.in.leaf[e].Kind != codec.Inline {
				return false
			}
		}
		return true
	}
	for e := r.lo; e < r.hi; e++ {
		if i, found := n.Find(p.in.key(e)); found && (p.in.leaf[e].Kind != codec.Inline || n.Kind(i) != codec.Inline) {
			return false
		}
	}
	return true
}

func (p *levelPass) encode(r *rewrite) (child, error) {
	s := &p.region.items
	s.reset(p.level)
	p.keys.reset()
	n, e := r.at.node(), r.lo
	for i := range n.Len() {
		s.appendNode(&p.keys, n, i)
		for ; e < r.hi; e++ {
			c := bytes.Compare(p.in.key(e), s.key(i))
			if c > 0 {
				break
			}
			if c == 0 && !p.in.del[e] {
				s.set(i, &p.in.items, e)
			}
		}
	}
	c, err := p.w.write(s, 0, s.len())
	c.Key = p.arena.clone(c.Key)
	return c, err
}

// nodesFrom is a lower bound of the nodes from the one at c to the end of the
// level.
func nodesFrom(c *cursor) (n uint64) {
	if len(c.path) == 0 {
		return 0
	}
	for _, f := range c.path[:len(c.path)-1] {
		n = 2*n + uint64(f.node.Len()-1-f.i)
	}
	return n + 1
}

// nodesBetween is a lower bound of the nodes from the one at a, or the
// beginning of the level when a has no path, up to the one at b.
func nodesBetween(a, b *cursor) (n uint64) {
	apart := len(a.path) == 0
	var left, right uint64
	for k, f := range b.path[:len(b.path)-1] {
		left, right = 2*left, 2*right
		switch {
		case len(a.path) == 0:
			right += uint64(f.i)
		case apart:
			g := a.path[k]
			left += uint64(g.node.Len() - 1 - g.i)
			right += uint64(f.i)
		case f.i != a.path[k].i:
			apart = true
			right = uint64(f.i - a.path[k].i - 1)
		}
	}
	if apart && len(a.path) > 0 {
		left++
	}
	return left + right
}

package prolly

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"math/bits"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// DiffStats counts what a diff had to look at.
type DiffStats struct {
	// NodesRead is how many nodes were visited in both trees together, whether
	// a cache had them or not.
	NodesRead int
	// NodesDiffering is how many of them stand in one tree only.
	NodesDiffering int
}

// Diff yields, in key order, what changed from one tree to another within a
// range. Subtrees with equal hashes are skipped unread, so the cost follows the
// change and not the trees. A change's bytes are valid until the next step;
// Clone keeps them. An error is the last thing yielded. Reverse is not
// supported: it yields errors.ErrUnsupported.
func Diff(ctx context.Context, from, to Tree, r Range) iter.Seq2[Change, error] {
	return DiffCounted(ctx, from, to, r, nil)
}

// DiffCounted is Diff that adds to stats, unless nil, as it goes. Counting
// the differing nodes takes memory for each node read.
func DiffCounted(ctx context.Context, from, to Tree, r Range, stats *DiffStats) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		lo, hi, ok := r.bounds()
		if !ok || from.root.Hash == to.root.Hash {
			return
		}
		d := differ{ctx: ctx, hi: hi, left: -1, yield: yield}
		if r.Limit > 0 {
			d.left = r.Limit
		}
		if stats != nil {
			seen := map[codec.Hash]int{}
			d.from.seen, d.to.seen = seen, seen
			d.from.mark, d.to.mark = 1, 2
			defer func() { stats.add(seen, d.from.reads+d.to.reads) }()
		}
		err := errors.ErrUnsupported
		if !r.Reverse {
			d.from.lo, d.to.lo = lo, lo
			err = d.run(from, to)
		}
		if err != nil {
			yield(Change{}, err)
		}
	}
}

func (s *DiffStats) add(seen map[codec.Hash]int, reads int) {
	s.NodesRead += reads
	for _, marks := range seen {
		if marks != 3 {
			s.NodesDiffering++
		}
	}
}

// Clone returns a copy of c that shares no bytes with it.
func (c Change) Clone() Change {
	c.Key = bytes.Clone(c.Key)
	for _, v := range []**Value{&c.From, &c.To} {
		if *v != nil {
			w := (*v).Clone()
			*v = &w
		}
	}
	return c
}

// differ walks two trees in step. Each side stands at its head, the first
// item not dealt with: a child or an entry. Everything smaller than the heads is
// settled, which is why
//
//   - equal children at equal levels are skipped;
//   - the head with the smaller key has no equal on the other side;
//   - of two children with equal keys the higher one has no equal either.
type differ struct {
	ctx      context.Context
	from, to side
	hi       []byte
	left     int // changes still wanted; negative: all
	yield    func(Change, error) bool
	a, b     Value // of the change yielded
}

func (d *differ) run(from, to Tree) error {
	if err := d.from.start(d.ctx, from); err != nil {
		return err
	}
	if err := d.to.start(d.ctx, to); err != nil {
		return err
	}
	d.twins(from.root.Hash, to.root.Hash)
	for {
		var more bool
		var err error
		switch f, t := d.from.head(), d.to.head(); {
		case f == nil && t == nil:
			return nil
		case f == nil:
			more, err = d.alone(&d.to, nil, &d.to)
		case t == nil:
			more, err = d.alone(&d.from, &d.from, nil)
		default:
			more, err = d.pair(f, t)
		}
		if err != nil || !more {
			return err
		}
	}
}

// pair settles, or opens, one or both of two heads.
func (d *differ) pair(f, t *sideFrame) (bool, error) {
	if d.past(f.node, f.i) && d.past(t.node, t.i) {
		return false, nil
	}
	if f.twin == t.node && f.i == t.i {
		return d.known(f, t)
	}
	fl, tl := f.node.Level(), t.node.Level()
	if fl == tl && fl > 0 {
		if same := f.node.SameChildren(f.i, &t.node.Node, t.i); same > 0 {
			f.i += same
			t.i += same
			return true, nil
		}
	}
	c := compareKeys(f.node, f.i, t.node, t.i)
	switch {
	case c < 0:
		return d.alone(&d.from, &d.from, nil)
	case c > 0:
		return d.alone(&d.to, nil, &d.to)
	case fl == 0 && tl == 0:
		return d.same(f, t)
	case fl > tl:
		return true, d.from.down(d.ctx)
	case fl < tl:
		return true, d.to.down(d.ctx)
	}
	return true, d.open(f, t)
}

// open opens two heads of one level.
func (d *differ) open(f, t *sideFrame) error {
	from, to := f.node.Child(f.i), t.node.Child(t.i)
	if err := d.from.down(d.ctx); err != nil {
		return err
	}
	if err := d.to.down(d.ctx); err != nil {
		return err
	}
	d.twins(from, to)
	return nil
}

// twins notes which items differ of the two nodes entered last, by their hashes, when
// one was made of the other.
func (d *differ) twins(from, to codec.Hash) {
	f, t := d.from.top(), d.to.top()
	changed := t.node.since(from)
	if changed == 0 {
		changed = f.node.since(to)
	}
	if changed != 0 {
		f.twin, f.changed = t.node, changed
	}
}

// known goes on to the next items that differ of two nodes with the same keys.
func (d *differ) known(f, t *sideFrame) (bool, error) {
	rest := f.changed >> f.i
	if rest == 0 {
		f.i, t.i = f.node.Len(), t.node.Len()
		return true, nil
	}
	f.i += bits.TrailingZeros64(rest)
	t.i = f.i
	if f.node.Level() > 0 {
		if d.past(f.node, f.i) {
			return false, nil
		}
		return true, d.open(f, t)
	}
	d.from.next()
	d.to.next()
	return d.emit(f, t)
}

// skipSame passes the equal entries that two heads begin, if any.
func skipSame(f, t *sideFrame) {
	if f.i == t.i && f.i < f.node.Len() {
		if i, ok := f.node.SameFrom(f.i, &t.node.Node); ok {
			f.i, t.i = i, i
			return
		}
	}
	if !bytes.Equal(f.node.Prefix(), t.node.Prefix()) {
		return
	}
	for f.i < f.node.Len() && t.i < t.node.Len() &&
		bytes.Equal(f.node.Suffix(f.i), t.node.Suffix(t.i)) && sameStored(f.node, f.i, t.node, t.i) {
		f.i++
		t.i++
	}
}

// same settles two entries of one key.
func (d *differ) same(f, t *sideFrame) (bool, error) {
	d.from.next()
	d.to.next()
	if sameStored(f.node, f.i-1, t.node, t.i-1) {
		skipSame(f, t)
		return true, nil
	}
	return d.emit(f, t)
}

// alone settles a head that has no equal: a child is opened, an entry is a
// change. from or to is nil.
func (d *differ) alone(s, from, to *side) (bool, error) {
	h := s.head()
	if h.node.Level() > 0 {
		if d.past(h.node, h.i) {
			s.end()
			return true, nil
		}
		return true, s.down(d.ctx)
	}
	s.next()
	if from != nil {
		return d.emit(h, nil)
	}
	return d.emit(nil, h)
}

// past tells whether item i of a node, and so all that follows, lies beyond the range.
func (d *differ) past(n *Node, i int) bool {
	return len(d.hi) > 0 && compareKey(n, i, d.hi) >= 0
}

// emit yields the change between the entries that two frames have just passed.
func (d *differ) emit(f, t *sideFrame) (bool, error) {
	var c Change
	s, err := &d.from, error(nil)
	if f != nil {
		c.From = &d.a
		d.a, err = nodeValue(f.node, f.i-1)
	}
	if t != nil && err == nil {
		s, c.To = &d.to, &d.b
		d.b, err = nodeValue(t.node, t.i-1)
	}
	if err != nil {
		return false, err
	}
	h := s.last
	if d.past(h.node, h.i-1) {
		return false, nil
	}
	s.key = h.node.AppendKey(s.key[:0], h.i-1)
	c.Key = s.key
	d.left--
	return d.yield(c, nil) && d.left != 0, nil
}

func sameStored(a *Node, i int, b *Node, j int) bool {
	k := a.Kind(i)
	if k != b.Kind(j) {
		return false
	}
	if k == codec.Inline {
		return bytes.Equal(a.Inline(i), b.Inline(j))
	}
	return bytes.Equal(a.Link(i), b.Link(j))
}

// compareKeys orders item i of a and item j of b.
func compareKeys(a *Node, i int, b *Node, j int) int {
	p, q := a.Prefix(), b.Prefix()
	if len(p) == len(q) && bytes.Equal(p, q) {
		return bytes.Compare(a.Suffix(i), b.Suffix(j))
	}
	var x, y [codec.MaxKey]byte
	return bytes.Compare(a.AppendKey(x[:0], i), b.AppendKey(y[:0], j))
}

// compareKey orders item i of n and a key.
func compareKey(n *Node, i int, key []byte) int {
	p := n.Prefix()
	if len(key) < len(p) {
		if c := bytes.Compare(p[:len(key)], key); c != 0 {
			return c
		}
		return 1
	}
	if c := bytes.Compare(p, key[:len(p)]); c != 0 {
		return c
	}
	return bytes.Compare(n.Suffix(i), key[len(p):])
}

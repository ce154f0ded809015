package engine

import (
	"bytes"

	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// bounds returns the keys that q covers, [lo, hi); an empty bound is none. ok
// is false when it covers nothing.
func bounds(q prolly.Range) (lo, hi []byte, ok bool) {
	lo, hi = q.From, q.To
	if len(q.Prefix) > 0 {
		if bytes.Compare(q.Prefix, lo) > 0 {
			lo = q.Prefix
		}
		if end := afterPrefix(q.Prefix); end != nil && (len(hi) == 0 || bytes.Compare(end, hi) < 0) {
			hi = end
		}
	}
	return lo, hi, len(hi) == 0 || bytes.Compare(lo, hi) < 0
}

// afterPrefix returns the first key that is after all with prefix p; nil when
// there is none.
func afterPrefix(p []byte) []byte {
	for i := len(p) - 1; i >= 0; i-- {
		if p[i] < 0xff {
			end := bytes.Clone(p[:i+1])
			end[i]++
			return end
		}
	}
	return nil
}

// overlayCursor walks the entries of one overlay that have a version at or
// below seq.
type overlayCursor struct {
	walk
	seq     uint64
	reverse bool

	key []byte
	ver version
}

// first moves to the first entry within the bounds.
func (c *overlayCursor) first() {
	if c.reverse {
		c.behind()
	} else {
		c.ahead()
	}
	c.settle()
}

func (c *overlayCursor) next() {
	c.step()
	c.settle()
}

func (c *overlayCursor) step() {
	if c.reverse {
		c.back()
	} else {
		c.forward()
	}
}

// settle passes over entries that the reader cannot see.
func (c *overlayCursor) settle() {
	for ; c.e != 0; c.step() {
		if c.o.look(c.e, c.seq, &c.key, &c.ver) {
			return
		}
	}
	c.key = nil
}

// stagedCursor walks what several overlays say together; of one key the first
// overlay that has it.
type stagedCursor struct {
	parts   []overlayCursor
	reverse bool
	at      *overlayCursor // the part that has the entry; nil: at the end
}

// staged returns a cursor over the reader's staged versions within [lo, hi).
func (r *reader) staged(lo, hi []byte, reverse bool) stagedCursor {
	c := stagedCursor{reverse: reverse}
	add := func(o *overlay, seq uint64) {
		if o == nil || o.empty() {
			return
		}
		p := overlayCursor{walk: walk{o: o, lo: lo, hi: hi}, seq: seq, reverse: reverse}
		if p.first(); p.e != 0 {
			c.parts = append(c.parts, p)
		}
	}
	add(r.own, r.ownSeq)
	for _, l := range r.layers {
		add(l.over[r.root], r.seq)
	}
	c.pick()
	return c
}

// pick finds the part that comes first.
func (c *stagedCursor) pick() {
	c.at = nil
	for i := range c.parts {
		p := &c.parts[i]
		if p.e != 0 && (c.at == nil || c.before(p.key, c.at.key)) {
			c.at = p
		}
	}
}

func (c *stagedCursor) before(a, b []byte) bool {
	if c.reverse {
		a, b = b, a
	}
	return bytes.Compare(a, b) < 0
}

func (c *stagedCursor) next() {
	if len(c.parts) == 1 {
		if c.at.next(); c.at.e == 0 {
			c.at = nil
		}
		return
	}
	key := c.at.key
	for i := range c.parts {
		if p := &c.parts[i]; p.e != 0 && bytes.Equal(p.key, key) {
			p.next()
		}
	}
	c.pick()
}

// edit is what the version at the cursor does to a tree; the bytes are the
// layer's.
func (c *stagedCursor) edit() (e prolly.Edit, err error) {
	e = prolly.Edit{Key: c.at.key, Delete: c.at.ver.kind == opDelete}
	if !e.Delete {
		err = c.at.ver.valueTo(&e.Value)
	}
	return e, err
}

// entries yields what the cursor passes that is no removal.
func (c *stagedCursor) entries(yield func(prolly.Entry, error) bool) {
	for ; c.at != nil; c.next() {
		e, err := c.edit()
		if err == nil && e.Delete {
			continue
		}
		if !yield(prolly.Entry{Key: e.Key, Value: e.Value}, err) || err != nil {
			return
		}
	}
}

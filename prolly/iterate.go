package prolly

import (
	"bytes"
	"context"
	"iter"
	"slices"
)

// bounds returns the keys that the range covers, [lo, hi), where an empty
// bound is none. ok is false when it covers nothing.
func (r Range) bounds() (lo, hi []byte, ok bool) {
	lo, hi = r.From, r.To
	if len(r.Prefix) > 0 {
		if bytes.Compare(r.Prefix, lo) > 0 {
			lo = r.Prefix
		}
		if end := prefixEnd(r.Prefix); end != nil && (len(hi) == 0 || bytes.Compare(end, hi) < 0) {
			hi = end
		}
	}
	return lo, hi, len(hi) == 0 || bytes.Compare(lo, hi) < 0
}

// prefixEnd returns the first key after all keys with prefix p, nil when every
// larger key has it.
func prefixEnd(p []byte) []byte {
	for i := len(p) - 1; i >= 0; i-- {
		if p[i] != 0xff {
			end := bytes.Clone(p[:i+1])
			end[i]++
			return end
		}
	}
	return nil
}

// Range yields the entries that r selects. The bytes of an entry are valid
// until the next step. An error is the last thing yielded: after it, or when ctx
// is done, the sequence ends.
func (t Tree) Range(ctx context.Context, r Range) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		lo, hi, ok := r.bounds()
		if !ok {
			return
		}
		w := rangeWalk{cur: t.cursor(ctx), lo: lo, hi: hi, left: -1, yield: yield}
		if r.Limit > 0 {
			w.left = r.Limit
		}
		run := w.forward
		if r.Reverse {
			run = w.backward
		}
		if err := run(t); err != nil {
			yield(Entry{}, err)
		}
	}
}

// rangeWalk is one iteration under way.
type rangeWalk struct {
	cur    cursor
	lo, hi []byte
	left   int // entries still wanted; negative: all
	yield  func(Entry, error) bool
	key    []byte // scratch; holds the leaf's prefix
	entry  Entry  // the last one yielded
}

func (w *rangeWalk) forward(t Tree) error {
	if err := w.cur.seekNode(t, 0, w.lo); err != nil {
		return err
	}
	n := w.cur.node()
	i, _ := n.Find(w.lo)
	for {
		end, last := n.Len(), false
		if len(w.hi) > 0 {
			end, _ = n.Find(w.hi)
			last = end < n.Len()
		}
		more, err := w.emit(n, i, end, +1)
		if !more || last || err != nil {
			return err
		}
		if more, err := w.step(w.cur.nextNode()); !more || err != nil {
			return err
		}
		n, i = w.cur.node(), 0
	}
}

func (w *rangeWalk) backward(t Tree) error {
	if err := w.seekEnd(t); err != nil {
		return err
	}
	n := w.cur.node()
	i := n.Len()
	if len(w.hi) > 0 {
		i, _ = n.Find(w.hi)
	}
	for {
		start, last := 0, false
		if len(w.lo) > 0 {
			start, _ = n.Find(w.lo)
			last = start > 0
		}
		more, err := w.emit(n, i-1, start-1, -1)
		if !more || last || err != nil {
			return err
		}
		if more, err := w.step(w.cur.prevNode()); !more || err != nil {
			return err
		}
		n = w.cur.node()
		i = n.Len()
	}
}

// seekEnd moves to the leaf that holds the largest key below hi, or could.
func (w *rangeWalk) seekEnd(t Tree) error {
	if len(w.hi) > 0 {
		return w.cur.seekNode(t, 0, w.hi)
	}
	if err := w.cur.start(t); err != nil {
		return err
	}
	return w.cur.descend(0, last)
}

// step looks whether the caller still waits before the next leaf is used.
func (w *rangeWalk) step(more bool, err error) (bool, error) {
	if err == nil {
		err = w.cur.ctx.Err()
	}
	return more, err
}

// emit yields items i, i+step, … up to but without end; false when the
// iteration is over.
//
// An entry is filled in where it stays, its bytes last: who copied it right after
// would wait for what was just written.
func (w *rangeWalk) emit(n *Node, i, end, step int) (bool, error) {
	e := &w.entry
	e.Value = Value{}
	prefix := len(n.Prefix())
	w.key = append(w.key[:0], n.Prefix()...)
	plain := !n.HasOutOfLine()
	for ; i != end && (step > 0) == (i < end); i += step {
		if w.left == 0 {
			return false, nil
		}
		w.left--
		if plain {
			e.Value.Bytes = n.Inline(i)
			e.Value.Size = uint64(len(e.Value.Bytes))
		} else {
			var err error
			if e.Value, err = nodeValue(n, i); err != nil {
				return false, err
			}
		}
		suffix := n.Suffix(i)
		w.key = slices.Grow(w.key[:prefix], len(suffix))
		e.Key = w.key[:prefix+len(suffix)]
		copy(e.Key[prefix:], suffix)
		if !w.yield(*e, nil) {
			return false, nil
		}
	}
	return w.left != 0, nil
}

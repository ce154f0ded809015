package engine

import (
	"bytes"
	"sort"
	"sync/atomic"
)

// walk goes through the entries of an overlay from lo up to hi, without, in the
// order of their keys or against it; an empty bound is none. It has all those
// that were there when it began; of those that come later some.
type walk struct {
	o      *overlay
	lo, hi []byte
	e      uint32 // the entry it is at; 0: at the end

	node  uint32 // the one whose bucket it is in
	after uint32 // and the one behind, when it came to the bucket; 0: nothing there is below hi
	room  [bucketLen]ordered
	from  int // entries in room that are below lo
	n     int // those below hi
	at    int // e
}

// ahead moves to the first entry.
func (w *walk) ahead() {
	if w.node = w.o.head; len(w.lo) > 0 {
		w.node, _ = w.o.lastBelow(w.lo, true)
	}
	w.fill()
	w.at = w.from - 1
	w.forward()
}

// forward moves to the next entry.
func (w *walk) forward() {
	for w.at++; w.at >= w.n; w.at = w.from {
		if w.after == 0 {
			w.e = 0
			return
		}
		w.node = w.after
		w.fill()
	}
	w.e = w.room[w.at].entry
}

// behind moves to the last entry.
func (w *walk) behind() {
	w.fillBelow(w.hi)
	w.back()
}

// back moves to the entry before.
func (w *walk) back() {
	for w.at == w.from {
		if w.from > 0 || w.node == w.o.head {
			w.e = 0
			return
		}
		w.fillBelow(w.o.nodeKey(w.node))
	}
	w.at--
	w.e = w.room[w.at].entry
}

// fillBelow reads the last bucket that has keys below hi, and stops behind them.
func (w *walk) fillBelow(hi []byte) {
	if len(hi) == 0 {
		hi = nil
	}
	w.node, _ = w.o.lastBelow(hi, false)
	w.hi = hi
	for w.fill(); w.after != 0; w.fill() {
		w.node = w.after // the bucket was split meanwhile
	}
	w.at = w.n
}

// fill reads the entries of w.node. Those that a bucket has beyond the next node
// are there too.
func (w *walk) fill() {
	o := w.o
	node := o.words.from(w.node)
	b := atomic.LoadUint32(&node[nodeBucket])
	w.after = atomic.LoadUint32(&node[nodeNext])
	w.n, w.from = o.sort(b, &w.room), 0
	end := w.hi
	if w.after != 0 {
		if next := o.nodeKey(w.after); len(end) == 0 || bytes.Compare(next, end) < 0 {
			end = next
		} else {
			w.after = 0
		}
	}
	if len(end) > 0 {
		w.n = w.below(end)
	}
	if len(w.lo) > 0 && (w.node == o.head || bytes.Compare(o.nodeKey(w.node), w.lo) < 0) {
		w.from = w.below(w.lo)
	}
}

// below is how many of the entries read have keys below key.
func (w *walk) below(key []byte) int {
	if w.n == 0 || bytes.Compare(w.o.key(w.room[w.n-1].entry), key) < 0 {
		return w.n
	}
	return sort.Search(w.n, func(i int) bool { return bytes.Compare(w.o.key(w.room[i].entry), key) >= 0 })
}

package engine

import (
	"bytes"
	"sort"
	"sync/atomic"
)

// walk goes through the entries of an overlay in the order of their keys, or
// against it. It has all those that were there when it began; of those that come
// later some.
type walk struct {
	o *overlay
	e uint32 // 0: at the end

	node uint32 // the one whose bucket it is in
	next uint32 // and the one behind, when it came to the bucket
	room [bucketLen]ordered
	n    int // entries in room
	at   int // of e
}

// ceil moves to the first entry whose key is not below lo.
func (w *walk) ceil(lo []byte) {
	if w.node = w.o.head; len(lo) > 0 {
		w.node, _ = w.o.lastBelow(lo, true)
	}
	w.fill()
	for len(lo) > 0 && w.next != 0 && bytes.Compare(w.o.nodeKey(w.next), lo) <= 0 {
		w.node = w.next
		w.fill()
	}
	w.at = w.below(lo) - 1
	w.forward()
}

// forward moves to the next entry.
func (w *walk) forward() {
	for w.at++; w.at >= w.n; w.at = 0 {
		if w.next == 0 {
			w.e = 0
			return
		}
		w.node = w.next
		w.fill()
	}
	w.e = w.room[w.at].entry
}

// floor moves to the last entry whose key is below hi; to the last of all when
// hi is empty.
func (w *walk) floor(hi []byte) {
	w.fillBelow(hi)
	w.back()
}

// back moves to the entry before.
func (w *walk) back() {
	for w.at == 0 {
		if w.node == w.o.head {
			w.e = 0
			return
		}
		w.fillBelow(w.o.nodeKey(w.node))
	}
	w.at--
	w.e = w.room[w.at].entry
}

// fillBelow reads the last bucket with keys below hi, and stops behind them.
func (w *walk) fillBelow(hi []byte) {
	if len(hi) == 0 {
		hi = nil
	}
	w.node, _ = w.o.lastBelow(hi, false)
	w.fill()
	for w.next != 0 && (hi == nil || bytes.Compare(w.o.nodeKey(w.next), hi) < 0) {
		w.node = w.next
		w.fill()
	}
	if w.at = w.n; hi != nil {
		w.at = w.below(hi)
	}
}

// fill reads the entries of w.node. Those that a bucket has beyond the next node
// are there too.
func (w *walk) fill() {
	o := w.o
	node := o.words.from(w.node)
	b := atomic.LoadUint32(&node[nodeBucket])
	w.next = atomic.LoadUint32(&node[nodeNext])
	if w.n = o.sort(b, &w.room); w.next != 0 {
		w.n = w.below(o.nodeKey(w.next))
	}
}

// below is how many of the entries read have keys below key.
func (w *walk) below(key []byte) int {
	if w.n == 0 || bytes.Compare(w.o.key(w.room[w.n-1].entry), key) < 0 {
		return w.n
	}
	return sort.Search(w.n, func(i int) bool { return bytes.Compare(w.o.key(w.room[i].entry), key) >= 0 })
}

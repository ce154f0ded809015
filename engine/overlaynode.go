package engine

import (
	"bytes"
	"sync/atomic"
)

// A node of an overlay's skip list leads to a bucket. In words:
//
//	│ prefix (2) │ key at │ key len │ bucket │ next, level 0 │ … next, level h-1 │
//
// Its key never changes, and prefix is that key's. "bucket" and "next" are
// stored atomically and last. A bucket that was split stays as it is, for those
// who read it, and its node gets another one, with the lower half, only when the
// node with the upper half can be found. So who reads first "bucket" and then
// "next" has all that lies between the keys of the two nodes, and perhaps more.
const (
	nodePrefix = 0
	nodeKeyAt  = 2
	nodeKeyLen = 3
	nodeBucket = 4
	nodeNext   = 5

	overlayHeight = 20 // levels of the skip list
)

// link adds a node after those of o.path. Its key is that of an entry.
func (o *overlay) link(entry, bucket uint32) error {
	h := o.height()
	n, w := o.take(nodeNext + h)
	if n == 0 {
		return errOverlayFull
	}
	e, prefix := o.words.from(entry), o.prefix(o.key(entry))
	w[nodePrefix], w[nodePrefix+1] = uint32(prefix), uint32(prefix>>32)
	w[nodeKeyAt], w[nodeKeyLen], w[nodeBucket] = e[entryKeyAt], e[entryKeyLen], bucket
	for level := range h {
		w[nodeNext+level] = o.words.from(o.path[level])[nodeNext+level]
	}
	for level := range h {
		atomic.StoreUint32(&o.words.from(o.path[level])[nodeNext+level], n)
		if w[nodeNext+level] == 0 {
			o.tail[level] = n
		}
	}
	return nil
}

// height is h with probability 3/4 * 4^-(h-1).
func (o *overlay) height() int {
	o.rng ^= o.rng << 13
	o.rng ^= o.rng >> 7
	o.rng ^= o.rng << 17
	h := 1
	for r := o.rng; r&3 == 0 && h < overlayHeight; r >>= 2 {
		h++
	}
	return h
}

// seekNode returns the node whose bucket is for key, and leaves the way to what
// follows on it in o.path, unless key is the node's own. For the writer only.
func (o *overlay) seekNode(key []byte, prefix uint64) uint32 {
	if last := o.tail[0]; last == o.head || o.compare(last, key, prefix) <= 0 {
		o.path = o.tail
		return last
	}
	return o.descend(descent{at: o.head}, overlayHeight-1, key, prefix)
}

// seekNodeOn is seekNode for a key that is not below that of the seek before: it
// begins where that one ended, which takes the fewer steps the nearer they are.
func (o *overlay) seekNodeOn(key []byte, prefix uint64) uint32 {
	level := 0
	var at, known, found uint32
	for ; level < overlayHeight; level++ {
		next := o.words.from(o.path[level])[nodeNext+level]
		if next == 0 {
			break // nor is there one above
		}
		if next == at {
			continue
		}
		if c := o.compare(next, key, prefix); c >= 0 {
			known = next
			if c == 0 {
				found = next
			}
			break
		}
		at = next
	}
	if level > 0 {
		return o.descend(descent{at, known, found}, level-1, key, prefix)
	}
	if found != 0 {
		return found
	}
	return o.path[0]
}

// descent is what the search for a key knows: a node below it; one that is not,
// and the key's own, if they were met.
type descent struct{ at, known, found uint32 }

// descend finishes a search, which has come to a level.
func (o *overlay) descend(d descent, level int, key []byte, prefix uint64) uint32 {
	at := o.words.from(d.at)
	for ; level >= 0; level-- {
		for {
			next := at[nodeNext+level]
			if next == 0 || next == d.known {
				break
			}
			w := o.words.from(next)
			c := o.compareTo(w, key, prefix)
			if c >= 0 {
				d.known = next
				if c == 0 {
					d.found = next
				}
				break
			}
			d.at, at = next, w
		}
		o.path[level] = d.at
	}
	if d.found != 0 {
		return d.found
	}
	return d.at
}

// lastBelow returns the last node whose key is below key, or is key and orAt is
// set, as the reader finds it; of all nodes when key is nil. next is the node
// that it saw behind.
func (o *overlay) lastBelow(key []byte, orAt bool) (n, next uint32) {
	prefix := o.prefix(key)
	n, w := o.head, o.words.from(o.head)
	for level := overlayHeight - 1; level >= 0; level-- {
		for {
			x := atomic.LoadUint32(&w[nodeNext+level])
			if x == 0 || x == next {
				break
			}
			xw := o.words.from(x)
			if key != nil {
				if c := o.compareTo(xw, key, prefix); c > 0 || c == 0 && !orAt {
					next = x
					break
				}
			}
			n, w = x, xw
		}
	}
	return n, next
}

// find returns the entry of key, or 0. For readers.
func (o *overlay) find(key []byte) uint32 {
	n, next := o.lastBelow(key, true)
	for {
		w := o.words.from(n)
		b := atomic.LoadUint32(&w[nodeBucket])
		after := atomic.LoadUint32(&w[nodeNext])
		if after == 0 || after == next || o.compare(after, key, o.prefix(key)) > 0 {
			return o.inBucket(b, key, keyHash(key))
		}
		n = after // the bucket was split meanwhile
	}
}

// compare orders node n, which is not the head, against a key.
func (o *overlay) compare(n uint32, key []byte, prefix uint64) int {
	return o.compareTo(o.words.from(n), key, prefix)
}

// compareTo is compare with the words of a node.
func (o *overlay) compareTo(w []uint32, key []byte, prefix uint64) int {
	p := uint64(w[nodePrefix]) | uint64(w[nodePrefix+1])<<32
	switch {
	case p < prefix:
		return -1
	case p > prefix:
		return 1
	}
	return bytes.Compare(o.slice(w[nodeKeyAt], w[nodeKeyLen]), key)
}

// nodeKey is the key of a node that is not the head.
func (o *overlay) nodeKey(n uint32) []byte {
	w := o.words.from(n)
	return o.slice(w[nodeKeyAt], w[nodeKeyLen])
}

package engine

import (
	"bytes"
	"hash/maphash"
	"slices"
	"sort"
	"sync/atomic"
)

// A bucket is some entries in the order in which they came, in words:
//
//	│ count │ hash … │ entry … │ prefix … │ sorted │ order, a byte an entry … │
//
// Of what stands in front of "sorted" nothing changes but the count, which is stored
// atomically and last. The hashes tell keys apart, and the prefixes bring them
// into order, mostly without fetching the keys. Who sorts the entries leaves their
// order behind for those who come later, be he the writer or a reader: "sorted"
// says of how many it is. It grows, so that who finds it as it was before he
// looked has seen one order.
const (
	bucketLen    = 64 // entries that there is room for
	bucketHash   = 1  // 32 bits of the key's
	bucketEntry  = bucketHash + bucketLen
	bucketPrefix = bucketEntry + bucketLen  // the upper 32 bits of the key's
	bucketSorted = bucketPrefix + bucketLen // 0: no order is known; orderComing: soon
	bucketOrder  = bucketSorted + 1
	bucketWords  = bucketOrder + bucketLen/4

	orderComing = 1
	orderLeast  = 16 // entries of which an order is kept
	orderBehind = 8  // entries that it is brought up to date by
)

var keySeed = maphash.MakeSeed()

func keyHash(key []byte) uint32 { return uint32(maphash.Bytes(keySeed, key)) }

// spot is where a key is, or would be added.
type spot struct {
	node  uint32
	hash  uint32 // of the key
	entry uint32 // 0: it is not there
}

// seek finds the spot of key, for the writer.
func (o *overlay) seek(key []byte, prefix uint64) spot {
	return o.spotIn(o.seekNode(key, prefix), key)
}

// seekOn is seek for a key that is not below that of the seek before.
func (o *overlay) seekOn(key []byte, prefix uint64) spot {
	return o.spotIn(o.seekNodeOn(key, prefix), key)
}

func (o *overlay) spotIn(node uint32, key []byte) spot {
	h := keyHash(key)
	return spot{node, h, o.inBucket(o.words.from(node)[nodeBucket], key, h)}
}

// inBucket returns the entry of key in bucket b, or 0; b may be 0.
func (o *overlay) inBucket(b uint32, key []byte, hash uint32) uint32 {
	if b == 0 {
		return 0
	}
	w := o.words.from(b)[:bucketWords]
	n := atomic.LoadUint32(&w[0])
	for i, h := range w[bucketHash : bucketHash+n] {
		if h == hash {
			if e := w[bucketEntry+i]; bytes.Equal(o.key(e), key) {
				return e
			}
		}
	}
	return 0
}

// insert adds an entry, whose key is at p, at s.
func (o *overlay) insert(s spot, p place, e uint32) error {
	node := o.words.from(s.node)
	b, x := node[nodeBucket], ordered{uint32(p.prefix >> 32), s.hash, e}
	switch {
	case b == 0:
		if b = o.newBucket(nil); b == 0 {
			return errOverlayFull
		}
		o.append(b, x)
		atomic.StoreUint32(&node[nodeBucket], b)
	case o.words.from(b)[0] < bucketLen:
		o.append(b, x)
	default:
		if err := o.split(node, x); err != nil {
			return err
		}
	}
	o.entries++
	key := o.slice(p.key, p.keyLen)
	if o.first == 0 || s.node == o.head && bytes.Compare(key, o.key(o.first)) < 0 {
		o.first = e
	}
	if o.last == 0 || s.node == o.tail[0] && bytes.Compare(key, o.key(o.last)) > 0 {
		o.last = e
	}
	return nil
}

// append adds an entry to a bucket that has room.
func (o *overlay) append(b uint32, x ordered) {
	w := o.words.from(b)[:bucketWords]
	n := w[0]
	put(w, int(n), x)
	atomic.StoreUint32(&w[0], n+1)
}

// put sets entry i of a bucket.
func put(w []uint32, i int, x ordered) {
	w[bucketHash+i], w[bucketEntry+i] = x.hash, x.entry
	w[bucketPrefix+i] = x.prefix
}

// newBucket makes a bucket of entries, at most bucketLen. 0: there is no room.
func (o *overlay) newBucket(of []ordered) uint32 {
	b, w := o.take(bucketWords)
	if b == 0 {
		return 0
	}
	w[0] = uint32(len(of))
	for i, x := range of {
		put(w, i, x)
	}
	return b
}

// split makes two buckets of a full one, whose node is the last of o.path, and
// adds x to the right one. Keys that ascend leave full buckets behind.
func (o *overlay) split(node []uint32, x ordered) error {
	var room [bucketLen]ordered
	o.sort(node[nodeBucket], &room)
	at := bucketLen / 2
	if o.before(room[bucketLen-1], x) {
		at = bucketLen
	}
	upper := o.newBucket(room[at:])
	if upper == 0 {
		return errOverlayFull
	}
	if at == bucketLen {
		o.append(upper, x)
		return o.link(x.entry, upper)
	}
	lower := o.newBucket(room[:at])
	if lower == 0 {
		return errOverlayFull
	}
	if o.before(room[at], x) {
		o.append(upper, x)
	} else {
		o.append(lower, x)
	}
	if err := o.link(room[at].entry, upper); err != nil {
		return err
	}
	atomic.StoreUint32(&node[nodeBucket], lower)
	return nil
}

// ordered is an entry among those of a bucket in the order of their keys.
type ordered struct{ prefix, hash, entry uint32 }

// sort brings the entries of bucket b, which may be 0, into the order of their
// keys, and returns how many there are.
func (o *overlay) sort(b uint32, dst *[bucketLen]ordered) int {
	if b == 0 {
		return 0
	}
	w := o.words.from(b)[:bucketWords]
	known := atomic.LoadUint32(&w[bucketSorted]) // before the count, which is no smaller then
	n := int(atomic.LoadUint32(&w[0]))
	if known > orderComing && n-int(known) <= orderBehind && o.sortOn(w, dst, known, n) {
		return n
	}
	var room [bucketLen]uint64 // prefixes, and the place of each
	order := room[:n]
	alike := true
	for i, p := range w[bucketPrefix : bucketPrefix+n] {
		order[i] = uint64(p)<<32 | uint64(i)
		alike = alike && p == w[bucketPrefix]
	}
	if alike {
		o.tellApart(order, w)
	}
	slices.Sort(order)
	for i, x := range order {
		dst[i] = bucketItem(w, uint32(x))
		for ; i > 0 && x>>32 == order[i-1]>>32 && o.before(dst[i], dst[i-1]); i-- {
			dst[i], dst[i-1] = dst[i-1], dst[i]
			order[i], order[i-1] = order[i-1], order[i]
		}
	}
	keepOrder(w, known, order)
	return n
}

// bucketItem is entry i of a bucket.
func bucketItem(w []uint32, i uint32) ordered {
	return ordered{w[bucketPrefix+i], w[bucketHash+i], w[bucketEntry+i]}
}

// keepOrder leaves the order of a bucket's first entries in it, in the place of
// one of fewer, unless somebody else does. The lower halves of order are the
// places.
func keepOrder(w []uint32, known uint32, order []uint64) {
	if len(order) < orderLeast || known == orderComing || int(known) >= len(order) ||
		!atomic.CompareAndSwapUint32(&w[bucketSorted], known, orderComing) {
		return
	}
	for i := 0; i < len(order); i += 4 {
		var four uint32
		for j, x := range order[i:min(i+4, len(order))] {
			four |= uint32(x) & 0xff << (8 * j)
		}
		atomic.StoreUint32(&w[bucketOrder+i/4], four)
	}
	atomic.StoreUint32(&w[bucketSorted], uint32(len(order)))
}

// sortOn is sort of a bucket of which the order of the first entries is known;
// false, when it has just been replaced.
func (o *overlay) sortOn(w []uint32, dst *[bucketLen]ordered, known uint32, n int) bool {
	var four uint32
	for i := range int(known) {
		if i%4 == 0 {
			four = atomic.LoadUint32(&w[bucketOrder+i/4])
		}
		dst[i] = bucketItem(w, four&0xff)
		four >>= 8
	}
	if atomic.LoadUint32(&w[bucketSorted]) != known {
		return false
	}
	for i := int(known); i < n; i++ {
		x := bucketItem(w, uint32(i))
		at := sort.Search(i, func(j int) bool { return o.before(x, dst[j]) })
		copy(dst[at+1:i+1], dst[at:i])
		dst[at] = x
	}
	return true
}

// tellApart is for a bucket w whose prefixes say nothing: it gives order others,
// of what follows on the beginning that these keys have in common.
func (o *overlay) tellApart(order []uint64, w []uint32) {
	if len(order) < 2 {
		return
	}
	common := o.key(w[bucketEntry])
	for i := range order {
		common = common[:sharedLen(common, o.key(w[bucketEntry+i]))]
	}
	for i := range order {
		order[i] = first8(o.key(w[bucketEntry+i])[len(common):])&^(1<<32-1) | uint64(i)
	}
}

func (o *overlay) before(a, b ordered) bool {
	if a.prefix != b.prefix {
		return a.prefix < b.prefix
	}
	return bytes.Compare(o.key(a.entry), o.key(b.entry)) < 0
}

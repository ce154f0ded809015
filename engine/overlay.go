package engine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"iter"
	"sync/atomic"
)

// overlay is a sorted map from keys to the versions that were staged of them:
// a skip list in two arenas. One goroutine at a time adds; any number read
// meanwhile without a lock. Every version carries the sequence number of the
// write it belongs to, and a reader looks at those up to the number it read
// at: what is added later is there, but not for it.
//
// An entry, in words:
//
//	│ prefix (2) │ key at │ key len │ newest version │ previous │ next, level 0 │ … next, level h-1 │
//
// A version, in words, newest first along "older":
//
//	│ seq (2) │ kind │ value at │ value len │ older │
//
// prefix stands for the key in most comparisons, which then need not fetch it:
// the 62 bits after the beginning that keys have in common. "newest version" and
// the links "next" are stored atomically and last, "previous" may lag behind: an
// entry that it skips belongs to a write that was not published when the reader
// began.
type overlay struct {
	common []byte // what most keys are expected to begin with

	words arena[uint32]
	bytes *arena[byte] // keys and values, and perhaps those of other overlays
	head  uint32       // an entry before all others, without key and versions
	rng   uint64       // for heights; the writer's, like all below

	entries  int
	versions int
	used     int // bytes that entries, versions, keys and values take

	tail [overlayHeight]uint32 // the last entry of each level
	path [overlayHeight]uint32 // scratch: the entry before a place, at each level
}

const (
	overlayHeight = 20 // levels of the skip list

	entryPrefix  = 0
	entryKeyAt   = 2
	entryKeyLen  = 3
	entryVersion = 4
	entryPrev    = 5
	entryNext    = 6

	versionSeq   = 0
	versionOp    = 2
	versionAt    = 3
	versionLen   = 4
	versionOlder = 5
	versionWords = 6
)

// errOverlayFull: an overlay holds less than 2 GiB of keys and values.
var errOverlayFull = errors.New("engine: staging is full")

// newOverlay returns an empty overlay for keys most of which begin with common.
// Its bytes are in an arena that overlays of the same writer may share.
func newOverlay(common []byte, b *arena[byte]) *overlay {
	o := &overlay{common: common, bytes: b, rng: 0x9e3779b97f4a7c15}
	o.head, _ = o.words.alloc(entryNext + overlayHeight)
	for level := range o.tail {
		o.tail[level] = o.head
	}
	return o
}

// empty tells whether nothing was added.
func (o *overlay) empty() bool { return o.next(o.head) == 0 }

// version is one staged state of a key.
type version struct {
	seq  uint64
	kind opKind
	data []byte // as in the staging record; valid as long as the overlay
}

// add stages a version of key. seq must not be below that of any version
// before. It copies key and data.
func (o *overlay) add(key []byte, seq uint64, kind opKind, data []byte) error {
	at, to := o.bytes.alloc(len(key) + len(data))
	if at == 0 {
		return errOverlayFull
	}
	copy(to[copy(to, key):], data)
	n := uint32(len(key))
	p := place{prefix: o.prefix(key), key: at, keyLen: n, data: at + n, dataLen: uint32(len(data))}
	return o.addAt(o.seek(key, p.prefix), p, seq, kind)
}

// place is where a key and data lie in the bytes of an overlay.
type place struct {
	prefix    uint64 // of the key
	key, data uint32
	keyLen    uint32
	dataLen   uint32
}

// addAt adds a version to entry e, or a new entry where o.path leads. The bytes
// at p are the overlay's from then on.
func (o *overlay) addAt(e uint32, p place, seq uint64, kind opKind) error {
	v, w := o.words.alloc(versionWords)
	if v == 0 {
		return errOverlayFull
	}
	w[versionSeq], w[versionSeq+1] = uint32(seq), uint32(seq>>32)
	w[versionOp], w[versionAt], w[versionLen] = uint32(kind), p.data, p.dataLen
	o.versions++
	o.used += versionWords*4 + int(p.keyLen+p.dataLen)
	if e == 0 {
		return o.insert(p, v)
	}
	head := &o.words.from(e)[entryVersion]
	w[versionOlder] = *head
	atomic.StoreUint32(head, v)
	return nil
}

// insert links a new entry in after the entries of o.path.
func (o *overlay) insert(p place, v uint32) error {
	h := o.height()
	e, w := o.words.alloc(entryNext + h)
	if e == 0 {
		return errOverlayFull
	}
	w[entryPrefix], w[entryPrefix+1] = uint32(p.prefix), uint32(p.prefix>>32)
	w[entryKeyAt], w[entryKeyLen] = p.key, p.keyLen
	w[entryVersion], w[entryPrev] = v, o.path[0]
	for level := range h {
		w[entryNext+level] = o.words.from(o.path[level])[entryNext+level]
	}
	for level := range h {
		atomic.StoreUint32(&o.words.from(o.path[level])[entryNext+level], e)
		if w[entryNext+level] == 0 {
			o.tail[level] = e
		}
	}
	if next := w[entryNext]; next != 0 {
		atomic.StoreUint32(&o.words.from(next)[entryPrev], e)
	}
	o.entries++
	o.used += 4 * (entryNext + h)
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

// seek returns the entry of key, or 0, and leaves the way to its place in
// o.path. For the writer only.
func (o *overlay) seek(key []byte, prefix uint64) uint32 {
	if last := o.tail[0]; last == o.head || o.compare(last, key, prefix) < 0 {
		o.path = o.tail
		return 0
	}
	return o.descend(descent{at: o.head}, overlayHeight-1, key, prefix)
}

// seekOn is seek for a key that is not below that of the seek before: it begins
// where that one ended, which takes the fewer steps the nearer they are.
func (o *overlay) seekOn(key []byte, prefix uint64) uint32 {
	level := 0
	var at, known, found uint32
	for ; level < overlayHeight; level++ {
		next := o.words.from(o.path[level])[entryNext+level]
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
	if level == 0 {
		return found
	}
	return o.descend(descent{at, known, found}, level-1, key, prefix)
}

// descent is what the search for a key knows: an entry below it; one that is
// not, and the key's own, if they were met.
type descent struct{ at, known, found uint32 }

// descend finishes a search, which has come to a level.
func (o *overlay) descend(d descent, level int, key []byte, prefix uint64) (found uint32) {
	at := o.words.from(d.at)
	for ; level >= 0; level-- {
		for {
			next := at[entryNext+level]
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
	return d.found
}

// ceil returns the first entry whose key is not below key, or 0. For readers.
func (o *overlay) ceil(key []byte) (e uint32, equal bool) {
	prefix := o.prefix(key)
	at, known := o.words.from(o.head), uint32(0)
	for level := overlayHeight - 1; level >= 0; level-- {
		for {
			next := atomic.LoadUint32(&at[entryNext+level])
			if next == 0 || next == known {
				break
			}
			w := o.words.from(next)
			c := o.compareTo(w, key, prefix)
			if c == 0 {
				return next, true
			}
			if c > 0 {
				known = next
				break
			}
			at = w
		}
	}
	return known, false
}

// floor returns the last entry whose key is below key, or o.head. A nil key is
// above all others. For readers.
func (o *overlay) floor(key []byte) uint32 {
	prefix := o.prefix(key)
	at, known := o.head, uint32(0)
	for level := overlayHeight - 1; level >= 0; level-- {
		for {
			next := atomic.LoadUint32(&o.words.from(at)[entryNext+level])
			if next == 0 || next == known {
				break
			}
			if key != nil && o.compare(next, key, prefix) >= 0 {
				known = next
				break
			}
			at = next
		}
	}
	return at
}

// compare orders entry e against a key.
func (o *overlay) compare(e uint32, key []byte, prefix uint64) int {
	return o.compareTo(o.words.from(e), key, prefix)
}

// compareTo is compare with the words of an entry.
func (o *overlay) compareTo(w []uint32, key []byte, prefix uint64) int {
	p := uint64(w[entryPrefix]) | uint64(w[entryPrefix+1])<<32
	switch {
	case p < prefix:
		return -1
	case p > prefix:
		return 1
	}
	return bytes.Compare(o.slice(w[entryKeyAt], w[entryKeyLen]), key)
}

// prefix is a number of the same order as the keys.
func (o *overlay) prefix(key []byte) uint64 {
	n := len(o.common)
	if !bytes.HasPrefix(key, o.common) {
		if bytes.Compare(key, o.common) < 0 {
			return 0
		}
		return 2 << 62
	}
	return 1<<62 | first8(key[n:])>>2
}

// first8 is the first 8 bytes of b as a number of the same order.
func first8(b []byte) uint64 {
	if len(b) >= 8 {
		return binary.BigEndian.Uint64(b)
	}
	var p [8]byte
	copy(p[:], b)
	return binary.BigEndian.Uint64(p[:])
}

// beginning is what the keys of the overlay have in common, as far as its
// two ends tell; what was expected when there are not two.
func (o *overlay) beginning() []byte {
	if o.entries < 2 {
		return o.common
	}
	a, b := o.key(o.next(o.head)), o.key(o.tail[0])
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return bytes.Clone(a[:n])
}

func (o *overlay) slice(at, n uint32) []byte {
	if n == 0 {
		return nil
	}
	return o.bytes.from(at)[:n:n]
}

func (o *overlay) key(e uint32) []byte {
	w := o.words.from(e)
	return o.slice(w[entryKeyAt], w[entryKeyLen])
}

// at returns the newest version of entry e that is not above seq.
func (o *overlay) at(e uint32, seq uint64) (version, bool) {
	v := atomic.LoadUint32(&o.words.from(e)[entryVersion])
	for v != 0 {
		w := o.words.from(v)
		if versionSeqOf(w) <= seq {
			return o.version(w), true
		}
		v = w[versionOlder]
	}
	return version{}, false
}

// newest returns the sequence number of the newest version of entry e.
func (o *overlay) newest(e uint32) uint64 {
	return versionSeqOf(o.words.from(atomic.LoadUint32(&o.words.from(e)[entryVersion])))
}

// all yields the versions of entry e, newest first.
func (o *overlay) all(e uint32) iter.Seq[version] {
	return func(yield func(version) bool) {
		v := atomic.LoadUint32(&o.words.from(e)[entryVersion])
		for v != 0 {
			w := o.words.from(v)
			if !yield(o.version(w)) {
				return
			}
			v = w[versionOlder]
		}
	}
}

func (o *overlay) version(w []uint32) version {
	return version{versionSeqOf(w), opKind(w[versionOp]), o.slice(w[versionAt], w[versionLen])}
}

func versionSeqOf(w []uint32) uint64 { return uint64(w[versionSeq]) | uint64(w[versionSeq+1])<<32 }

// get returns the newest version of key that is not above seq.
func (o *overlay) get(key []byte, seq uint64) (version, bool) {
	e, equal := o.ceil(key)
	if !equal {
		return version{}, false
	}
	return o.at(e, seq)
}

func (o *overlay) next(e uint32) uint32 {
	return atomic.LoadUint32(&o.words.from(e)[entryNext])
}

func (o *overlay) prev(e uint32) uint32 {
	return atomic.LoadUint32(&o.words.from(e)[entryPrev])
}

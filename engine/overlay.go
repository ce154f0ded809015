package engine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"iter"
	"math/bits"
	"sync/atomic"
)

// overlay is a sorted map from keys to the versions that were staged of them, in
// two arenas. One goroutine at a time adds; any number read meanwhile without a
// lock. Every version carries the sequence number of the write it belongs to,
// and a reader looks at those up to the number it read at: what is added later
// is there, but not for it.
//
// Entries lie in buckets, in the order in which they came; a skip list of nodes
// leads to the bucket for a key. So adding one touches few cache lines that
// nobody has touched lately, however many entries there are.
//
//	head ──────────► node "f" ─────────► node "q"      each has the entries from
//	 │                │                   │            its key up to the next one's
//	bucket a d c      bucket h f m g      bucket q z
//
// An entry, in words:
//
//	│ key at │ key len │ newest version │
//
// A version, in words, newest first along "older":
//
//	│ seq - base │ kind │ value at │ value len │ older │
//
// "newest version" is stored atomically and last.
type overlay struct {
	common []byte // what most keys are expected to begin with

	words arena[uint32]
	bytes *arena[byte] // keys and values, and perhaps those of other overlays
	head  uint32       // the node before all others, without a key
	base  uint64       // sequence number of the first version
	rng   uint64       // for heights; the writer's, like all below

	entries  int
	versions int
	used     int // bytes that entries, versions, buckets, keys and values take

	first, last uint32                // the entries at the two ends; 0: none
	tail        [overlayHeight]uint32 // the last node of each level
	path        [overlayHeight]uint32 // scratch: the node before a place, at each level
}

const (
	entryKeyAt   = 0
	entryKeyLen  = 1
	entryVersion = 2
	entryWords   = 3

	versionSeq   = 0
	versionOp    = 1
	versionAt    = 2
	versionLen   = 3
	versionOlder = 4
	versionWords = 5

	// stagedBytes is about what an edit takes beside key and value: for each
	// bucket, two thirds full, two were made.
	stagedBytes = 4 * (entryWords + versionWords + 2*bucketWords/(bucketLen*2/3))
)

// errOverlayFull: an overlay holds less than 2 GiB of keys and values.
var errOverlayFull = errors.New("engine: staging is full")

// newOverlay returns an empty overlay for keys most of which begin with common.
// Its bytes are in an arena that overlays of the same writer may share.
func newOverlay(common []byte, b *arena[byte]) *overlay {
	o := &overlay{common: common, bytes: b, rng: 0x9e3779b97f4a7c15}
	o.head, _ = o.words.alloc(nodeNext + overlayHeight)
	for level := range o.tail {
		o.tail[level] = o.head
	}
	return o
}

// empty tells whether nothing was added.
func (o *overlay) empty() bool {
	return atomic.LoadUint32(&o.words.from(o.head)[nodeBucket]) == 0
}

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

// addAt adds a version to the entry at s, or a new entry there. The bytes at p
// are the overlay's from then on.
func (o *overlay) addAt(s spot, p place, seq uint64, kind opKind) error {
	n := versionWords
	if s.entry == 0 {
		n += entryWords // in front of its first version
	}
	at, w := o.take(n)
	if at == 0 {
		return errOverlayFull
	}
	v := w[n-versionWords:]
	if o.versions == 0 {
		o.base = seq
	}
	v[versionSeq], v[versionOp], v[versionAt], v[versionLen] = uint32(seq-o.base), uint32(kind), p.data, p.dataLen
	if s.entry != 0 {
		newest := &o.words.from(s.entry)[entryVersion]
		v[versionOlder] = *newest
		atomic.StoreUint32(newest, at)
	} else {
		w[entryKeyAt], w[entryKeyLen], w[entryVersion] = p.key, p.keyLen, at+entryWords
		if err := o.insert(s, p, at); err != nil {
			return err
		}
	}
	o.versions++
	o.used += int(p.keyLen + p.dataLen)
	return nil
}

// take allocates words; the number is 0 when there is no room.
func (o *overlay) take(n int) (uint32, []uint32) {
	at, w := o.words.alloc(n)
	if at != 0 {
		o.used += 4 * n
	}
	return at, w
}

// prefix is a number of the same order as the keys: the 62 bits after the
// beginning that they have in common. It stands for the key in most comparisons,
// which then need not fetch it.
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
	a := o.key(o.first)
	return bytes.Clone(a[:sharedLen(a, o.key(o.last))])
}

// sharedLen is how many bytes a and b begin with alike.
func sharedLen(a, b []byte) int {
	n := 0
	for ; n+8 <= len(a) && n+8 <= len(b); n += 8 {
		if x := binary.LittleEndian.Uint64(a[n:]) ^ binary.LittleEndian.Uint64(b[n:]); x != 0 {
			return n + bits.TrailingZeros64(x)/8
		}
	}
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
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
		if o.seqOf(w) <= seq {
			return o.version(w), true
		}
		v = w[versionOlder]
	}
	return version{}, false
}

// look sets key, and to the newest version of entry e that is not above seq; it
// is false, and to is not set, when there is none.
func (o *overlay) look(e uint32, seq uint64, key *[]byte, to *version) bool {
	w := o.words.from(e)
	v := atomic.LoadUint32(&w[entryVersion])
	first := e + entryWords // the first version, which lies right behind the entry, as its data does behind the key
	for v != 0 {
		x := w[entryWords:]
		if v != first {
			x = o.words.from(v)
		}
		if o.seqOf(x) > seq {
			v = x[versionOlder]
			continue
		}
		data := o.bytes.from(w[entryKeyAt])
		n := w[entryKeyLen]
		*key = data[:n:n]
		to.seq, to.kind = o.seqOf(x), opKind(x[versionOp])
		if v != first {
			to.data = o.slice(x[versionAt], x[versionLen])
			return true
		}
		at := x[versionAt] - w[entryKeyAt]
		n = x[versionLen]
		to.data = data[at : at+n : at+n]
		return true
	}
	return false
}

// newest returns the sequence number of the newest version of entry e.
func (o *overlay) newest(e uint32) uint64 {
	return o.seqOf(o.words.from(atomic.LoadUint32(&o.words.from(e)[entryVersion])))
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
	return version{o.seqOf(w), opKind(w[versionOp]), o.slice(w[versionAt], w[versionLen])}
}

func (o *overlay) seqOf(w []uint32) uint64 { return o.base + uint64(w[versionSeq]) }

// get returns the newest version of key that is not above seq.
func (o *overlay) get(key []byte, seq uint64) (version, bool) {
	e := o.find(key)
	if e == 0 {
		return version{}, false
	}
	return o.at(e, seq)
}

package codec

import (
	"encoding/binary"
	"slices"
)

// InnerEntry is a child as AppendInner wants it. It borrows its key.
type InnerEntry struct {
	Key   []byte // the first key below
	Child Hash
	Count uint64 // entries below
	Bytes uint64 // their keys and values, in bytes
}

// AppendInner appends the block of an inner node of level 1 to MaxLevel to
// dst. It allocates nothing when dst has room. At least two entries are
// needed; they must ascend strictly by key and keep to every limit of the
// format; without the build tag invariants nobody checks.
func AppendInner(dst []byte, level int, entries []InnerEntry) []byte {
	start := len(dst)
	n := len(entries)
	prefix := commonPrefix(entries[0].Key, entries[n-1].Key)
	keys := 0
	for i := range entries {
		keys += len(entries[i].Key) - prefix
	}
	size := 2 + headSize(uint64(level)) + bytesLen(prefix) + bytesLen(2*n) + bytesLen(keys) +
		bytesLen(statSize*n) + headSize(uint64(n)) + linkSize*n
	dst = slices.Grow(dst, size)[:start+size]
	b := dst[start:]
	b[0], b[1] = majorArray<<5|innerFields, nodeVersion
	at := 2 + putHead(b[2:], majorUint, level)
	copy(room(b, &at, prefix), entries[0].Key)
	keyEnds := room(b, &at, 2*n)
	suffixes := room(b, &at, keys)
	stats := room(b, &at, statSize*n)
	at += putHead(b[at:], majorArray, n)
	k := 0
	for i := range entries {
		e := &entries[i]
		k += copy(suffixes[k:], e.Key[prefix:])
		binary.LittleEndian.PutUint16(keyEnds[2*i:], uint16(k))
		putU48(stats[statSize*i:], e.Count)
		putU48(stats[statSize*i+6:], e.Bytes)
		at += putLink(b[at:], e.Child)
	}
	if invariants {
		mustBeInner(b, level, entries)
	}
	return dst
}

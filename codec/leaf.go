package codec

import (
	"encoding/binary"
	"slices"
)

// LeafEntry is an entry as AppendLeaf wants it. It borrows its slices.
type LeafEntry struct {
	Key   []byte
	Kind  Kind
	Value []byte // of an Inline value
	Size  uint64 // of a Blob, in bytes
	Link  []byte // the CID of a Blob or a Link
}

// EmptyRoot names the empty tree.
var EmptyRoot = Sum(EmptyLeaf())

// EmptyLeaf returns the node of the empty tree. The caller owns it.
func EmptyLeaf() []byte { return AppendLeaf(nil, nil) }

// AppendLeaf appends the block of a leaf to dst. It allocates nothing when dst
// has room. The entries must ascend strictly by key and keep to every limit of
// the format; without the build tag invariants nobody checks.
func AppendLeaf(dst []byte, entries []LeafEntry) []byte {
	start := len(dst)
	s := measureLeaf(entries)
	size := s.total()
	dst = slices.Grow(dst, size)[:start+size]
	b := dst[start:]
	b[0], b[1], b[2] = majorArray<<5|leafFields, nodeVersion, 0
	at := 3
	copy(room(b, &at, s.prefix), firstKey(entries))
	keyEnds := room(b, &at, 2*s.n)
	keys := room(b, &at, s.keys)
	kinds := room(b, &at, s.kinds)
	valEnds := room(b, &at, 2*s.n)
	vals := room(b, &at, s.vals)
	at += putHead(b[at:], majorArray, s.links)
	k, v := 0, 0
	for i := range entries {
		e := &entries[i]
		k += copy(keys[k:], e.Key[s.prefix:])
		binary.LittleEndian.PutUint16(keyEnds[2*i:], uint16(k))
		if e.Kind == Inline {
			v += copy(vals[v:], e.Value)
		} else {
			if e.Kind == Blob {
				v += putUvarint(vals[v:], e.Size)
			}
			at += putCID(b[at:], e.Link)
		}
		if s.kinds > 0 {
			kinds[i] = byte(e.Kind)
		}
		binary.LittleEndian.PutUint16(valEnds[2*i:], uint16(v))
	}
	if invariants {
		mustBeLeaf(b, entries)
	}
	return dst
}

func firstKey(entries []LeafEntry) []byte {
	if len(entries) == 0 {
		return nil
	}
	return entries[0].Key
}

// leafSizes are the lengths of a leaf's fields in bytes.
type leafSizes struct {
	n, prefix, keys, kinds, vals int
	links, linkBytes             int // their number, and their length
}

func (s *leafSizes) total() int {
	return 3 + bytesLen(s.prefix) + bytesLen(2*s.n) + bytesLen(s.keys) + bytesLen(s.kinds) +
		bytesLen(2*s.n) + bytesLen(s.vals) + headSize(uint64(s.links)) + s.linkBytes
}

func measureLeaf(entries []LeafEntry) (s leafSizes) {
	s.n = len(entries)
	if s.n == 0 {
		return s
	}
	s.prefix = commonPrefix(entries[0].Key, entries[s.n-1].Key)
	for i := range entries {
		e := &entries[i]
		s.keys += len(e.Key) - s.prefix
		if e.Kind == Inline {
			s.vals += len(e.Value)
			continue
		}
		if e.Kind == Blob {
			s.vals += uvarintSize(e.Size)
		}
		s.links++
		s.linkBytes += linkLen(len(e.Link))
	}
	if s.links > 0 {
		s.kinds = s.n
	}
	return s
}

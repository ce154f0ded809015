package codec

import (
	"bytes"
	"encoding/binary"
)

// Node is a view of a node's block: it holds no copy of anything in it, and
// every slice that a method returns is a part of the block. It is valid as
// long as nobody changes the block, and safe for concurrent use.
//
// Items are numbered from 0 to Len()-1; other numbers give a panic or nonsense.
// The zero Node is no node; ParseNode makes one.
type Node struct {
	block   []byte
	entries uint64
	bytes   uint64

	// Offsets in the block.
	prefix, prefixEnd uint16
	keyEnds, keys     uint16
	table             uint16 // kinds of a leaf (0: all inline), stats of an inner node
	valEnds, vals     uint16 // of a leaf
	links             uint16 // the first one

	n      uint16
	weight uint16
	level  uint8
	odd    bool // a leaf's links are not all linkSize long

	heads heads
}

const statSize = 12 // bytes of stats for each child: two u48

// Block returns the bytes that n is a view of.
func (n *Node) Block() []byte { return n.block }

// Level is 0 for a leaf, and otherwise one more than that of the children.
func (n *Node) Level() int { return int(n.level) }

// Len is the number of items: entries of a leaf, children of an inner node.
func (n *Node) Len() int { return int(n.n) }

// Weight is the sum of the items' weights.
func (n *Node) Weight() int { return int(n.weight) }

// Sums returns the number of entries in the tree under n, n included, and the
// summed length of their keys and values.
func (n *Node) Sums() (entries, bytes uint64) { return n.entries, n.bytes }

// Prefix is the longest common prefix of all keys.
func (n *Node) Prefix() []byte { return n.block[n.prefix:n.prefixEnd:n.prefixEnd] }

// Suffix is what follows the prefix in the i-th key.
func (n *Node) Suffix(i int) []byte {
	from, to := n.suffixAt(i)
	return n.block[from:to:to]
}

// KeyLen is the length of the i-th key.
func (n *Node) KeyLen(i int) int {
	from, to := n.suffixAt(i)
	return int(n.prefixEnd-n.prefix) + to - from
}

// AppendKey appends the i-th key to dst. For an inner node it is the first key
// under the i-th child.
func (n *Node) AppendKey(dst []byte, i int) []byte {
	suffix := n.Suffix(i)
	return append(append(dst, n.Prefix()...), suffix...)
}

// suffixAt is where the i-th suffix begins and ends in the block.
func (n *Node) suffixAt(i int) (from, to int) {
	if n.n > maxHeads {
		return ends(n.block, n.keyEnds, n.keys, i)
	}
	return nearEnds(&n.heads.keyEnds, n.keys, i)
}

// valueAt is where what a leaf holds of its i-th value begins and ends in the block.
func (n *Node) valueAt(i int) (from, to int) {
	if n.n > maxHeads {
		return ends(n.block, n.valEnds, n.vals, i)
	}
	return nearEnds(&n.heads.valEnds, n.vals, i)
}

// nearEnds is ends for a table that the view has at hand.
func nearEnds(table *[maxHeads]uint16, data uint16, i int) (from, to int) {
	if i > 0 {
		from = int(table[i-1])
	}
	return int(data) + from, int(data) + int(table[i])
}

// ends looks up in a table of u16 where the i-th part of data begins and ends
// in the block.
func ends(block []byte, table, data uint16, i int) (from, to int) {
	at := int(table) + 2*i
	if i > 0 {
		from = int(binary.LittleEndian.Uint16(block[at-2:]))
	}
	to = int(binary.LittleEndian.Uint16(block[at:]))
	return int(data) + from, int(data) + to
}

// Kind says how a leaf keeps its i-th value.
func (n *Node) Kind(i int) Kind {
	if n.table == 0 {
		return Inline
	}
	return Kind(n.block[int(n.table)+i])
}

// HasOutOfLine tells whether a leaf has a value that is not Inline.
func (n *Node) HasOutOfLine() bool { return n.table != 0 && n.level == 0 }

// Inline is the i-th value of a leaf, when it is Inline.
func (n *Node) Inline(i int) []byte {
	from, to := n.valueAt(i)
	return n.block[from:to:to]
}

// Size is the length of the i-th value of a leaf in bytes, wherever they
// stand. A link counts as the length of its CID.
func (n *Node) Size(i int) uint64 {
	from, to := n.valueAt(i)
	switch n.Kind(i) {
	case Blob:
		v, _ := uvarint(n.block[from:to], 7)
		return v
	case Link:
		return uint64(len(n.Link(i)))
	}
	return uint64(to - from)
}

// Link is the CID of a leaf's i-th value, which is a Blob or a Link.
func (n *Node) Link(i int) []byte {
	kinds := n.block[n.table:][:i]
	nth := i - bytes.Count(kinds, inlineKind)
	if !n.odd {
		at := int(n.links) + nth*linkSize
		return n.block[at+linkHead : at+linkSize : at+linkSize]
	}
	r := reader{block: n.block, off: int(n.links)}
	for range nth {
		r.link("links")
	}
	from, to := r.link("links")
	return n.block[from:to:to]
}

var inlineKind = []byte{byte(Inline)}

// Child is the hash of an inner node's i-th child.
func (n *Node) Child(i int) Hash {
	at := int(n.links) + i*linkSize
	return Hash(n.block[at+linkSize-HashSize : at+linkSize])
}

// Count is the number of entries under the i-th child of an inner node.
func (n *Node) Count(i int) uint64 { return u48(n.block[int(n.table)+i*statSize:]) }

// Bytes is the summed length of keys and values under the i-th child of an
// inner node.
func (n *Node) Bytes(i int) uint64 { return u48(n.block[int(n.table)+i*statSize+6:]) }

// ItemWeight is the weight of the i-th item.
func (n *Node) ItemWeight(i int) int {
	k := n.KeyLen(i)
	if n.level > 0 {
		return InnerWeight(k)
	}
	if kind := n.Kind(i); kind != Inline {
		return LeafWeight(k, kind, len(n.Link(i)))
	}
	return LeafWeight(k, Inline, len(n.Inline(i)))
}

func u48(b []byte) uint64 {
	return uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint16(b[4:]))<<32
}

func putU48(b []byte, v uint64) {
	binary.LittleEndian.PutUint32(b, uint32(v))
	binary.LittleEndian.PutUint16(b[4:], uint16(v>>32))
}

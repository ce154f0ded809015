package codec

import (
	"encoding/binary"

	cid "github.com/ipfs/go-cid"
)

// valueCheck goes over the values of a leaf. What it learns it adds to the
// node: bytes, weight, and whether the links are of one length.
type valueCheck struct {
	*reader // stands at the first link
	node    *Node
	vals    []byte
}

func (v *valueCheck) check() {
	n := v.node
	if n.table == 0 {
		v.checkInline()
		return
	}
	at := 0
	for i := range int(n.n) {
		to := int(binary.LittleEndian.Uint16(v.block[int(n.valEnds)+2*i:]))
		if to < at || to > len(v.vals) {
			v.fail(int(n.valEnds)+2*i, "valEnds", ErrTable)
			return
		}
		v.value(i, at, to)
		if v.err != nil {
			return
		}
		at = to
	}
	if at != len(v.vals) {
		v.fail(int(n.valEnds)+2*int(n.n)-2, "valEnds", ErrTable)
		return
	}
}

// checkInline is check for a leaf whose values are all inline.
func (v *valueCheck) checkInline() {
	n := v.node
	if v.trusted {
		n.bytes += uint64(len(v.vals))
		n.weight += uint16(len(v.vals))
		return
	}
	prefix := int(n.prefixEnd - n.prefix)
	table := v.block[n.valEnds:][:2*int(n.n)]
	keyTable := v.block[n.keyEnds:][:len(table)]
	at, keyAt := 0, 0
	for i := 0; i < len(table); i += 2 {
		to := int(binary.LittleEndian.Uint16(table[i:]))
		keyTo := int(binary.LittleEndian.Uint16(keyTable[i:]))
		if to < at || to > len(v.vals) {
			v.fail(int(n.valEnds)+i, "valEnds", ErrTable)
			return
		}
		if !FitsInline(prefix+keyTo-keyAt, to-at) {
			v.fail(int(n.vals)+at, "vals", ErrKind)
			return
		}
		at, keyAt = to, keyTo
	}
	if at != len(v.vals) {
		v.fail(int(n.valEnds), "valEnds", ErrTable)
		return
	}
	n.bytes += uint64(at)
	n.weight += uint16(at)
}

// value checks the i-th value, which is kept in vals[from:to].
func (v *valueCheck) value(i, from, to int) {
	n := v.node
	kind := Kind(v.block[int(n.table)+i])
	size := uint64(to - from)
	switch kind {
	case Inline:
		if !FitsInline(n.KeyLen(i), to-from) {
			v.fail(int(n.vals)+from, "vals", ErrKind)
			return
		}
		n.weight += uint16(to - from)
	case Blob:
		size = v.blobSize(i, from, to)
		v.blobLink(size)
	case Link:
		if from != to {
			v.fail(int(n.vals)+from, "vals", ErrKind)
			return
		}
		size = uint64(v.anyLink())
	default:
		v.fail(int(n.table)+i, "kinds", ErrKind)
		return
	}
	if n.bytes += size; n.bytes > MaxSum {
		v.fail(int(n.vals)+from, "vals", ErrTooLarge)
	}
}

// blobSize reads the length of a value that stands out of line.
func (v *valueCheck) blobSize(i, from, to int) uint64 {
	n := v.node
	size, used := uvarint(v.vals[from:to], 7)
	switch {
	case used == 0 || used != to-from:
		v.fail(int(n.vals)+from, "vals", ErrSyntax)
	case size > MaxSum:
		v.fail(int(n.vals)+from, "vals", ErrTooLarge)
	case size <= MaxItem && FitsInline(n.KeyLen(i), int(size)):
		v.fail(int(n.vals)+from, "vals", ErrKind)
	}
	return size
}

// blobLink reads the link of a value that stands out of line: one raw block,
// or a chunk list.
func (v *valueCheck) blobLink(size uint64) {
	codec := byte(cid.Raw)
	if size > MaxBlob {
		codec = cid.DagCBOR
	}
	at := v.off
	from, to := v.link("links")
	if v.err != nil {
		return
	}
	if !isLink(v.block[at:], codec) {
		v.fail(at, "links", ErrLink)
		return
	}
	v.met(to - from)
}

// anyLink reads a link of the caller's and returns the length of its CID.
func (v *valueCheck) anyLink() int {
	at := v.off
	from, to := v.link("links")
	if v.err == nil && !validCID(v.block[from:to]) {
		v.fail(at, "links", ErrLink)
	}
	if v.err != nil {
		return 0
	}
	v.met(to - from)
	return to - from
}

// met takes note of a link whose CID has n bytes.
func (v *valueCheck) met(n int) {
	v.node.weight += uint16(LeafWeight(0, Link, n) - LeafWeight(0, Inline, 0))
	v.node.odd = v.node.odd || n != cidLen
}

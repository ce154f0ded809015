package pebblekv

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// The record of a node is the value under its id: a head, which says where the
// children lie, and the block. A head has one of three forms, told by its first
// byte.
//
//	0xff                                         a leaf
//	0xfe count {generation n difference…}…       an inner node
//	count(2, LE) id(12)…                         format 1, either
//
// The numbers of the second are varints. Children that follow each other and are
// of one generation, n of them, share it; the differences, signed, are those of
// a child's sequence from that of the child before it, whatever its generation, and of the
// first one's from 0. Children lie together more often than not, and so an id
// takes 1 to 4 bytes where the third has 12.
//
// A count of format 1 does not begin like the others: a node has 85 children at
// most (codec.MaxWeight).
const (
	leafForm  = 0xff
	innerForm = 0xfe

	// childMost is what a child takes of a head at most, in bytes, and headMost
	// what the rest of a head does.
	childMost = binary.MaxVarintLen32 + 1 + binary.MaxVarintLen64
	headMost  = 1 + binary.MaxVarintLen32
)

// appendHead appends what stands in front of a node's block.
func appendHead(dst []byte, children []kv.Hint) []byte {
	if len(children) == 0 {
		return append(dst, leafForm)
	}
	dst = binary.AppendUvarint(append(dst, innerForm), uint64(len(children)))
	before := uint64(0)
	for len(children) > 0 {
		g, n := idOf(children[0]).generation(), 1
		for n < len(children) && idOf(children[n]).generation() == g {
			n++
		}
		dst = binary.AppendUvarint(dst, uint64(g))
		dst = binary.AppendUvarint(dst, uint64(n))
		for _, c := range children[:n] {
			sequence := idOf(c).sequence()
			dst = binary.AppendVarint(dst, int64(sequence-before))
			before = sequence
		}
		children = children[n:]
	}
	return dst
}

// parseNode copies a node out of its record.
func parseNode(record []byte) (n kv.Node, err error) {
	children, block, err := readRecord(record, true)
	if err != nil {
		return n, err
	}
	n.Children = children
	n.Block = append(make([]byte, 0, len(block)), block...)
	return n, nil
}

// blockOf returns the block in a record, without copying.
func blockOf(record []byte) ([]byte, error) {
	_, block, err := readRecord(record, false)
	return block, err
}

// readRecord takes a record apart. The block is part of it. Hints of the children are
// made if wanted; none when there are none.
func readRecord(record []byte, wanted bool) (children []kv.Hint, block []byte, err error) {
	ok := false
	switch {
	case len(record) == 0:
	case record[0] == leafForm:
		return nil, record[1:], nil
	case record[0] == innerForm:
		children, block, ok = readChildren(record[1:], wanted)
	default:
		children, block, ok = readIDs(record, wanted)
	}
	if !ok {
		return nil, nil, fmt.Errorf("%w: record of a node, %d bytes", kv.ErrCorrupt, len(record))
	}
	return children, block, nil
}

// readChildren reads the children of an inner node.
func readChildren(b []byte, wanted bool) (children []kv.Hint, rest []byte, ok bool) {
	count, size := binary.Uvarint(b)
	if size <= 0 || count == 0 || count > uint64(len(b)) { // each takes a byte at least
		return nil, nil, false
	}
	b = b[size:]
	if wanted {
		children = make([]kv.Hint, 0, count)
	}
	sequence := uint64(0)
	for count > 0 {
		generation, size := binary.Uvarint(b)
		if size <= 0 || generation > math.MaxUint32 {
			return nil, nil, false
		}
		b = b[size:]
		n, size := binary.Uvarint(b)
		if size <= 0 || n == 0 || n > count {
			return nil, nil, false
		}
		b = b[size:]
		for count -= n; n > 0; n-- {
			difference, size := binary.Varint(b)
			if size <= 0 {
				return nil, nil, false
			}
			b = b[size:]
			if sequence += uint64(difference); wanted {
				children = append(children, makeID(uint32(generation), sequence).hint())
			}
		}
	}
	return children, b, true
}

// readIDs reads the children of a node of format 1.
func readIDs(b []byte, wanted bool) (children []kv.Hint, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	count := int(binary.LittleEndian.Uint16(b))
	if b = b[2:]; len(b) < count*idLen {
		return nil, nil, false
	}
	if wanted && count > 0 {
		children = make([]kv.Hint, count)
		for i := range children {
			copy(children[i][:], b[i*idLen:(i+1)*idLen])
		}
	}
	return children, b[count*idLen:], true
}

// appendPlace appends the value of an entry of the index: an id, the generation as a
// varint and the sequence without the zeros in front of it. One for which that
// is not shorter stands as it is, which is how all of them stood in format 1.
func appendPlace(dst []byte, i id) []byte {
	from := len(dst)
	dst = binary.AppendUvarint(dst, uint64(i.generation()))
	for sequence := i[4:]; ; sequence = sequence[1:] {
		if len(sequence) == 0 || sequence[0] != 0 {
			dst = append(dst, sequence...)
			break
		}
	}
	if len(dst)-from >= idLen {
		dst = append(dst[:from], i[:]...)
	}
	return dst
}

// placeMost is how long the value of an entry of the index is at most, in bytes,
// while it is made.
const placeMost = binary.MaxVarintLen32 + 8

// parsePlace reads what appendPlace appends. No node has the sequence 0.
func parsePlace(value []byte) (i id, ok bool) {
	if len(value) == idLen {
		return id(value), true
	}
	generation, size := binary.Uvarint(value)
	if size <= 0 || generation > math.MaxUint32 || len(value) > idLen {
		return i, false
	}
	sequence := value[size:]
	if len(sequence) == 0 || len(sequence) > 8 || sequence[0] == 0 {
		return i, false
	}
	binary.BigEndian.PutUint32(i[:4], uint32(generation))
	copy(i[idLen-len(sequence):], sequence)
	return i, true
}

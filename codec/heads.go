package codec

import "encoding/binary"

// heads are what a search looks at first, in one place beside the offsets rather
// than strewn over the block: the beginnings of the prefix and of the suffixes,
// filled up with zeros, as numbers that order as they do. Where there are more
// suffixes than room, every second has its place, or every third, and so on.
//
// Where there is room for all, the tables of the block are here too: then a search
// knows where key and value lie without having waited for the block.
type heads struct {
	prefix   [2]uint64
	suffixes [maxHeads]uint32
	keyEnds  [maxHeads]uint16
	valEnds  [maxHeads]uint16 // of a leaf
}

const (
	// maxHeads is as many items as all but a few nodes have.
	maxHeads = 24

	// maxPrefixHead is how many bytes of the prefix there are.
	maxPrefixHead = 16
)

// headStep is how far apart the items are that have a head.
func (n *Node) headStep() int { return 1 + (int(n.n)-1)/maxHeads }

// takeHeads fills the heads from the prefix and the suffixes, whose offsets were
// checked.
func (n *Node) takeHeads(keys []byte) {
	prefix := n.block[n.prefix:n.prefixEnd]
	n.heads.prefix[0] = keyHead(prefix)
	n.heads.prefix[1] = keyHead(prefix[min(8, len(prefix)):])
	table := n.block[n.keyEnds:][:2*int(n.n)]
	step, at := 1, 0
	if int(n.n) > maxHeads {
		step = n.headStep()
	} else {
		takeEnds(&n.heads.keyEnds, table)
	}
	for j, i := 0, 0; i < int(n.n); j, i = j+1, i+step {
		if i > 0 {
			at = int(binary.LittleEndian.Uint16(table[2*i-2:]))
		}
		to := int(binary.LittleEndian.Uint16(table[2*i:]))
		n.heads.suffixes[j] = shortHead(keys[at:to])
	}
}

// takeEnds copies a table of the block that has room.
func takeEnds(dst *[maxHeads]uint16, table []byte) {
	for i := 0; i < len(table); i += 2 {
		dst[i/2] = binary.LittleEndian.Uint16(table[i:])
	}
}

// begins tells whether key begins with the prefix.
func (n *Node) begins(key []byte) bool {
	size := int(n.prefixEnd - n.prefix)
	if size > maxPrefixHead || len(key) < maxPrefixHead {
		return len(key) >= size && string(key[:size]) == string(n.block[n.prefix:n.prefixEnd])
	}
	x := binary.BigEndian.Uint64(key) ^ n.heads.prefix[0]
	if size <= 8 {
		return x>>(64-8*size) == 0
	}
	y := binary.BigEndian.Uint64(key[8:]) ^ n.heads.prefix[1]
	return x == 0 && y>>(128-8*size) == 0
}

// narrow finds by the heads between which two items, lo and hi, Find's answer for
// a suffix is: one of them, or one between them.
func (n *Node) narrow(suffix []byte) (lo, hi int) {
	want := shortHead(suffix)
	size, step := int(n.n), 1
	if size > maxHeads {
		step = n.headStep()
		size = (size + step - 1) / step
	}
	for _, h := range n.heads.suffixes[:size] {
		if h < want {
			lo++
		}
	}
	hi = lo
	for hi < size && n.heads.suffixes[hi] == want {
		hi++
	}
	if step > 1 {
		lo = max((lo-1)*step+1, 0)
		hi = min(hi*step, int(n.n))
	}
	return lo, hi
}

// shortHead is the first four bytes of b, filled up with zeros, as a number that
// orders as they do.
func shortHead(b []byte) (head uint32) {
	if len(b) >= 4 {
		return binary.BigEndian.Uint32(b)
	}
	for i, c := range b {
		head |= uint32(c) << (24 - 8*i)
	}
	return head
}

package codec

import (
	"bytes"
	"encoding/binary"
)

// Find returns the least i with key(i) >= key, which is Len() when there is
// none, and whether that key is the one.
//
// It compares the prefix once and then searches by the first bytes of the
// suffixes, as numbers: four, which the view has at hand, and then eight. Where
// those are equal it compares in full.
func (n *Node) Find(key []byte) (i int, found bool) {
	if !n.begins(key) {
		if bytes.Compare(key, n.Prefix()) < 0 {
			return 0, false
		}
		return int(n.n), false
	}
	key = key[n.prefixEnd-n.prefix:]
	lo, hi := n.narrow(key)
	if hi-lo > 2 {
		lo, hi = n.halve(key, lo, hi)
	}
	return n.findSuffix(key, lo, hi)
}

// halve narrows further, by the first eight bytes of the suffixes.
func (n *Node) halve(key []byte, lo, hi int) (int, int) {
	want := keyHead(key)
	block, table, keys := n.block, int(n.keyEnds)-2, int(n.keys)
	for hi-lo > 1 {
		mid := int(uint(lo+hi) / 2) // never 0: the end of the one before is read with it
		ends := binary.LittleEndian.Uint32(block[table+2*mid:])
		from := int(ends & 0xffff)
		// A node of two items and more has at least eight bytes behind keys.
		head := binary.BigEndian.Uint64(block[keys+from:])
		if size := uint(ends>>16) - uint(from); size < 8 {
			head = head >> (64 - 8*size) << (64 - 8*size)
		}
		if head == want {
			break
		}
		if head < want {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, hi
}

// findSuffix does what Find does, for suffixes, when the answer is known to be
// lo, hi or between them.
func (n *Node) findSuffix(key []byte, lo, hi int) (int, bool) {
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		from, to := n.suffixAt(mid)
		switch c := bytes.Compare(n.block[from:to], key); {
		case c < 0:
			lo = mid + 1
		case c > 0:
			hi = mid
		default:
			return mid, true
		}
	}
	return lo, false
}

// keyHead is the first eight bytes of b, filled up with zeros, as a number that
// orders as they do.
func keyHead(b []byte) (head uint64) {
	if len(b) >= 8 {
		return binary.BigEndian.Uint64(b)
	}
	if len(b) >= 4 {
		head = uint64(binary.BigEndian.Uint32(b)) << 32
		return head | uint64(binary.BigEndian.Uint32(b[len(b)-4:]))<<(64-8*len(b))
	}
	for i, c := range b {
		head |= uint64(c) << (56 - 8*i)
	}
	return head
}

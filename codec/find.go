package codec

import "bytes"

// Find returns the least i with key(i) >= key, which is Len() when there is
// none, and whether that key is the one.
func (n *Node) Find(key []byte) (i int, found bool) {
	prefix := n.block[n.prefix:n.prefixEnd]
	if len(key) < len(prefix) || !bytes.Equal(key[:len(prefix)], prefix) {
		if bytes.Compare(key, prefix) < 0 {
			return 0, false
		}
		return int(n.n), false
	}
	key = key[len(prefix):]
	lo, hi := 0, int(n.n)
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		from, to := ends(n.block, n.keyEnds, n.keys, mid)
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

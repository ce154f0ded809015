package codec

import "math/bits"

// uvarint reads a LEB128 of at most max bytes at the start of b and returns it
// with its length. The length is 0 when there is none or it is longer than need
// be.
func uvarint(b []byte, max int) (v uint64, n int) {
	for n = range min(len(b), max) {
		c := b[n]
		v |= uint64(c&0x7f) << (7 * n)
		if c < 0x80 {
			if c == 0 && n > 0 {
				return 0, 0
			}
			return v, n + 1
		}
	}
	return 0, 0
}

// uvarintSize is the length of v as LEB128.
func uvarintSize(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

// putUvarint writes v as LEB128 at the start of b and returns its length.
func putUvarint(b []byte, v uint64) int {
	n := 0
	for ; v >= 0x80; n++ {
		b[n] = byte(v) | 0x80
		v >>= 7
	}
	b[n] = byte(v)
	return n + 1
}

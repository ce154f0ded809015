package codec

// The part of CBOR (RFC 8949) that occurs in blocks. Heads are in their
// shortest form and lengths are definite: DAG-CBOR knows no other.
const (
	majorUint  = 0
	majorNint  = 1
	majorBytes = 2
	majorText  = 3
	majorArray = 4
	majorMap   = 5
	majorTag   = 6

	tagLink = 42
)

// headSize is the length of the head with this argument.
func headSize(arg uint64) int {
	switch {
	case arg < 24:
		return 1
	case arg < 1<<8:
		return 2
	case arg < 1<<16:
		return 3
	case arg < 1<<32:
		return 5
	}
	return 9
}

// appendHead appends a head in its shortest form.
func appendHead(dst []byte, major byte, arg uint64) []byte {
	major <<= 5
	switch {
	case arg < 24:
		return append(dst, major|byte(arg))
	case arg < 1<<8:
		return append(dst, major|24, byte(arg))
	case arg < 1<<16:
		return append(dst, major|25, byte(arg>>8), byte(arg))
	case arg < 1<<32:
		return append(dst, major|26, byte(arg>>24), byte(arg>>16), byte(arg>>8), byte(arg))
	}
	dst = append(dst, major|27, byte(arg>>56), byte(arg>>48), byte(arg>>40), byte(arg>>32))
	return append(dst, byte(arg>>24), byte(arg>>16), byte(arg>>8), byte(arg))
}

func appendBytes(dst, b []byte) []byte {
	return append(appendHead(dst, majorBytes, uint64(len(b))), b...)
}

func appendText(dst []byte, s string) []byte {
	return append(appendHead(dst, majorText, uint64(len(s))), s...)
}

func appendInt(dst []byte, v int64) []byte {
	if v < 0 {
		return appendHead(dst, majorNint, uint64(-1-v))
	}
	return appendHead(dst, majorUint, uint64(v))
}

// putHead writes a head at the start of b and returns its length. The argument
// is below 2^16.
func putHead(b []byte, major byte, arg int) int {
	major <<= 5
	switch {
	case arg < 24:
		b[0] = major | byte(arg)
		return 1
	case arg < 1<<8:
		b[0], b[1] = major|24, byte(arg)
		return 2
	}
	b[0], b[1], b[2] = major|25, byte(arg>>8), byte(arg)
	return 3
}

// bytesLen is the length of a byte string of n bytes with its head.
func bytesLen(n int) int { return headSize(uint64(n)) + n }

// room writes the head of a byte string of n bytes at *at, moves *at behind
// the string, and returns it to be filled.
func room(b []byte, at *int, n int) []byte {
	from := *at + putHead(b[*at:], majorBytes, n)
	*at = from + n
	return b[from:*at]
}

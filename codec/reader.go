package codec

import "math"

// reader walks over a block. The first thing that is wrong stays in err, and
// everything read afterwards is zero.
type reader struct {
	block []byte
	off   int
	err   *DecodeError

	trusted bool // the block was made here: parts are found, and what they say is believed
}

func (r *reader) fail(off int, field string, err error) {
	if r.err == nil {
		r.err = &DecodeError{Offset: off, Field: field, Err: err}
	}
}

// head reads a head and returns its argument. Another major type is
// ErrSyntax.
func (r *reader) head(major byte, field string) uint64 {
	if r.err != nil {
		return 0
	}
	if r.off >= len(r.block) {
		r.fail(r.off, field, ErrSyntax)
		return 0
	}
	c := r.block[r.off]
	if c>>5 != major {
		r.fail(r.off, field, ErrSyntax)
		return 0
	}
	if c &= 31; c < 24 {
		r.off++
		return uint64(c)
	}
	return r.longHead(c, field)
}

// longHead reads the argument of a head that has it in the 1, 2, 4 or 8 bytes
// that follow.
func (r *reader) longHead(low byte, field string) uint64 {
	if low > 27 { // reserved, or an indefinite length
		r.fail(r.off, field, ErrSyntax)
		return 0
	}
	size := 1 << (low - 24)
	rest := r.block[r.off+1:]
	if len(rest) < size {
		r.fail(r.off, field, ErrSyntax)
		return 0
	}
	var arg uint64
	for _, b := range rest[:size] {
		arg = arg<<8 | uint64(b)
	}
	if headSize(arg) != 1+size {
		r.fail(r.off, field, ErrSyntax)
		return 0
	}
	r.off += 1 + size
	return arg
}

// span reads the head of a byte or text string and returns where its bytes
// begin and end.
func (r *reader) span(major byte, field string) (from, to int) {
	at := r.off
	n := r.head(major, field)
	if n > uint64(len(r.block)-r.off) {
		r.fail(at, field, ErrSyntax)
		return 0, 0
	}
	if r.err != nil {
		return 0, 0
	}
	from = r.off
	r.off += int(n)
	return from, r.off
}

// bytes reads a byte string and returns where it begins and ends.
func (r *reader) bytes(field string) (from, to int) { return r.span(majorBytes, field) }

// uint reads an unsigned integer of at most max.
func (r *reader) uint(max uint64, field string) uint64 {
	at := r.off
	v := r.head(majorUint, field)
	if v > max {
		r.fail(at, field, ErrTooLarge)
		return 0
	}
	return v
}

// int reads an integer, which may be negative.
func (r *reader) int(field string) int64 {
	major := byte(majorUint)
	if r.off < len(r.block) && r.block[r.off]>>5 == majorNint {
		major = majorNint
	}
	at := r.off
	v := r.head(major, field)
	if v > math.MaxInt64 {
		r.fail(at, field, ErrTooLarge)
		return 0
	}
	if major == majorNint {
		return -1 - int64(v)
	}
	return int64(v)
}

// key reads a key of a map, which must be this one.
func (r *reader) key(name string) {
	at := r.off
	from, to := r.span(majorText, name)
	if string(r.block[from:to]) != name {
		r.fail(at, name, ErrSyntax)
	}
}

// end checks that nothing follows.
func (r *reader) end() {
	if r.off != len(r.block) {
		r.fail(r.off, "block", ErrTrailing)
	}
}

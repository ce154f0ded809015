package codec

import (
	"bytes"
	"math"
	"unicode/utf8"
)

// CheckDAGCBOR tells whether a block of another format is one item of
// canonical DAG-CBOR: heads in their shortest form, definite lengths, text in
// UTF-8, maps with keys of text that strictly ascend (shorter first), floats of
// 64 bits and finite, no tag but links. So two blocks that pass and differ have
// different content. The items are at most so many, each key of a map counted,
// and nest at most so deep: a decoder that recurses is safe afterwards.
//
// The error is a *DecodeError, with ErrTooLarge where a limit is met.
func CheckDAGCBOR(block []byte, depth, items int) error {
	c := canon{reader: reader{block: block}, items: items}
	c.item(depth)
	if c.err == nil {
		c.end()
	}
	if c.err != nil { // a nil *DecodeError is no nil error
		return c.err
	}
	return nil
}

// canon walks over an item of DAG-CBOR.
type canon struct {
	reader
	items int // how many more there may be
}

const foreign = "item" // the name of every field of other formats

func (c *canon) item(depth int) {
	if c.err != nil {
		return
	}
	if depth == 0 || c.items == 0 {
		c.fail(c.off, foreign, ErrTooLarge)
		return
	}
	c.items--
	if c.off >= len(c.block) {
		c.fail(c.off, foreign, ErrSyntax)
		return
	}
	switch major := c.block[c.off] >> 5; major {
	case majorUint, majorNint:
		c.head(major, foreign)
	case majorBytes:
		c.span(majorBytes, foreign)
	case majorText:
		c.text()
	case majorArray:
		for n := c.head(major, foreign); n > 0 && c.err == nil; n-- {
			c.item(depth - 1)
		}
	case majorMap:
		c.pairs(depth)
	case majorTag:
		c.link()
	default:
		c.simple()
	}
}

func (c *canon) text() []byte {
	at := c.off
	from, to := c.span(majorText, foreign)
	if !utf8.Valid(c.block[from:to]) {
		c.fail(at, foreign, ErrSyntax)
	}
	return c.block[from:to]
}

func (c *canon) pairs(depth int) {
	var last []byte
	n := c.head(majorMap, foreign)
	for i := uint64(0); i < n && c.err == nil; i++ {
		at := c.off
		key := c.text()
		if i > 0 && (len(key) < len(last) || len(key) == len(last) && bytes.Compare(last, key) >= 0) {
			c.fail(at, foreign, ErrOrder)
		}
		if c.items--; c.items <= 0 {
			c.fail(at, foreign, ErrTooLarge)
		}
		last = key
		c.item(depth - 1)
	}
}

// link reads tag 42 over a byte string that begins with a zero.
func (c *canon) link() {
	at := c.off
	tag := c.head(majorTag, foreign)
	from, to := c.bytes(foreign)
	if c.err == nil && (tag != tagLink || to-from < 2 || c.block[from] != 0) {
		c.fail(at, foreign, ErrLink)
	}
}

// simple reads false, true, null, or a float.
func (c *canon) simple() {
	switch rest := c.block[c.off:]; {
	case rest[0] >= 0xf4 && rest[0] <= 0xf6:
		c.off++
	case rest[0] == 0xfb && len(rest) >= 9:
		var bits uint64
		for _, b := range rest[1:9] {
			bits = bits<<8 | uint64(b)
		}
		if f := math.Float64frombits(bits); math.IsNaN(f) || math.IsInf(f, 0) {
			c.fail(c.off, foreign, ErrSyntax)
			return
		}
		c.off += 9
	default:
		c.fail(c.off, foreign, ErrSyntax)
	}
}

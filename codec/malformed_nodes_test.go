package codec

import (
	"bytes"
	"slices"
)

// Rules of the array and of heads.
func malformedHeads() []malformed {
	leaf := rawLeaf().block()
	keyEnds := "\x46\x01\x00\x02\x00\x03\x00"
	node := func(rule, field string, err error, block []byte) malformed {
		return malformed{"node", rule, block, field, err}
	}
	list := []malformed{
		node("nothing at all", "block", ErrSyntax, nil),
		node("8,193 bytes, refused unread", "block", ErrTooLarge, make([]byte, MaxNode+1)),
		node("a byte behind the node", "block", ErrTrailing, append(bytes.Clone(leaf), 0)),
		node("two nodes in a row", "block", ErrTrailing, slices.Concat(leaf, leaf)),
		node("a map", "block", ErrSyntax, replaced(leaf, "\x89\x01\x00", "\xa9\x01\x00")),
		node("an indefinite array", "block", ErrSyntax, append(replaced(leaf, "\x89\x01\x00", "\x9f\x01\x00"), 0xff)),
		node("the array's head longer than needed", "block", ErrSyntax, replaced(leaf, "\x89\x01\x00", "\x98\x09\x01\x00")),
		node("a reserved head", "block", ErrSyntax, replaced(leaf, "\x89\x01\x00", "\x9c\x01\x00")),
		node("the version's head longer than needed", "version", ErrSyntax, replaced(leaf, "\x89\x01\x00", "\x89\x18\x01\x00")),
		node("a negative version", "version", ErrSyntax, replaced(leaf, "\x89\x01\x00", "\x89\x20\x00")),
		node("prefix as text", "prefix", ErrSyntax, replaced(leaf, "\x41a", "\x61a")),
		node("prefix with a head longer than needed", "prefix", ErrSyntax, replaced(leaf, "\x41a", "\x58\x01a")),
		node("prefix of indefinite length", "prefix", ErrSyntax, replaced(leaf, "\x41a", "\x5f\x41a\xff")),
		node("prefix longer than the block", "prefix", ErrSyntax, replaced(leaf, "\x41a", "\x59\xff\xffa")),
		node("prefix of 2^64-1 bytes", "prefix", ErrSyntax, replaced(leaf, "\x41a", "\x5b\xff\xff\xff\xff\xff\xff\xff\xffa")),
		node("keyEnds as an array of numbers", "keyEnds", ErrSyntax, replaced(leaf, keyEnds, "\x83\x01\x02\x03")),
		node("keyEnds in the order of big-endian", "keyEnds", ErrTable, replaced(leaf, keyEnds, "\x46\x00\x01\x00\x02\x00\x03")),
		node("ends within vals", "vals", ErrSyntax, leaf[:bytes.Index(leaf, []byte("v\x88"))+1]),
		node("ends before links", "links", ErrSyntax, leaf[:bytes.Index(leaf, []byte{0x82, 0xd8})]),
		node("ends within the last link", "links", ErrSyntax, leaf[:len(leaf)-1]),
	}
	return append(list,
		leafWith("version 0", "version", ErrVersion, func(r *rawNode) { r.version = []byte{0} }),
		leafWith("version 2", "version", ErrVersion, func(r *rawNode) { r.version = []byte{2} }),
		leafWith("an array of 8", "block", ErrSyntax, func(r *rawNode) { r.head = []byte{0x88} }),
		leafWith("an array of 10", "block", ErrSyntax, func(r *rawNode) { r.head = []byte{0x8a} }),
		leafWith("an array of 7", "block", ErrSyntax, func(r *rawNode) { r.head = []byte{0x87} }),
		leafWith("level 1 in an array of 9", "block", ErrSyntax, func(r *rawNode) { r.level = []byte{1} }),
		leafWith("level with a head longer than needed", "level", ErrSyntax, func(r *rawNode) { r.level = []byte{0x18, 0} }),
		innerWith("level 0 in an array of 7", "block", ErrSyntax, func(r *rawNode) { r.level = []byte{0} }),
		innerWith("level 32", "level", ErrTooLarge, func(r *rawNode) { r.level = []byte{0x18, 32} }),
		innerWith("level 256", "level", ErrTooLarge, func(r *rawNode) { r.level = []byte{0x19, 1, 0} }),
	)
}

// Rules of prefix, keyEnds and keys.
func malformedKeys() []malformed {
	return []malformed{
		leafWith("a longer prefix is common", "prefix", ErrPrefix, func(r *rawNode) {
			r.prefix, r.keys, r.keyEnds = nil, []byte("abacad"), u16s(2, 4, 6)
		}),
		leafWith("a single key not whole in the prefix", "prefix", ErrPrefix, func(r *rawNode) {
			r.keyEnds, r.keys, r.kinds, r.valEnds, r.vals = u16s(1), []byte("b"), nil, u16s(1), []byte("v")
			r.linkCount, r.links = 0, nil
		}),
		leafWith("no items but a prefix", "prefix", ErrPrefix, func(r *rawNode) {
			r.keyEnds, r.keys, r.kinds, r.valEnds, r.vals = nil, nil, nil, nil, nil
			r.linkCount, r.links = 0, nil
		}),
		leafWith("keyEnds of an odd length", "keyEnds", ErrTable, func(r *rawNode) { r.keyEnds = append(r.keyEnds, 0) }),
		leafWith("no keyEnds but keys", "keyEnds", ErrTable, func(r *rawNode) { r.prefix, r.keyEnds = nil, nil }),
		leafWith("keyEnds descend", "keyEnds", ErrTable, func(r *rawNode) { r.keyEnds = u16s(2, 1, 3) }),
		leafWith("keyEnds pass the end of keys", "keyEnds", ErrTable, func(r *rawNode) { r.keyEnds = u16s(1, 2, 4) }),
		leafWith("keyEnds stop before the end of keys", "keyEnds", ErrTable, func(r *rawNode) { r.keys = []byte("bcde") }),
		leafWith("a key twice", "keys", ErrOrder, func(r *rawNode) { r.keys = []byte("bcc") }),
		leafWith("keys descend", "keys", ErrOrder, func(r *rawNode) { r.keys = []byte("bdc") }),
		leafWith("a longer key before its prefix", "keys", ErrOrder, func(r *rawNode) {
			r.keys, r.keyEnds = []byte("bcdc"), u16s(1, 3, 4)
		}),
		leafWith("an empty suffix after the first", "keys", ErrOrder, func(r *rawNode) { r.keyEnds = u16s(1, 3, 3) }),
		leafWith("bytes compared as signed", "keys", ErrOrder, func(r *rawNode) { r.keys = []byte("\x80bc") }),
		leafWith("an empty key", "keys", ErrKey, func(r *rawNode) {
			r.prefix, r.keyEnds = nil, u16s(0, 1, 3)
		}),
		leafWith("a key of 1,025 bytes", "keys", ErrKey, func(r *rawNode) {
			r.keys, r.keyEnds = append([]byte("bc"), bytes.Repeat([]byte("d"), MaxKey)...), u16s(1, 2, 2+MaxKey)
		}),
		leafWith("a prefix of 1,025 bytes", "keys", ErrKey, func(r *rawNode) {
			r.prefix, r.keyEnds, r.keys = bytes.Repeat([]byte("p"), MaxKey+1), u16s(0), nil
			r.kinds, r.valEnds, r.vals = nil, u16s(1), []byte("v")
			r.linkCount, r.links = 0, nil
		}),
	}
}

// Rules of kinds, valEnds and vals.
func malformedValues() []malformed {
	const fits = MaxItem - 4 - 2 // for keys of two bytes
	blob := func(size []byte) func(*rawNode) {
		return func(r *rawNode) {
			n := uint16(len(size))
			r.vals, r.valEnds = append([]byte("v"), size...), u16s(1, 1+n, 1+n)
		}
	}
	return []malformed{
		leafWith("kinds too short", "kinds", ErrTable, func(r *rawNode) { r.kinds = []byte{0, 1} }),
		leafWith("kinds too long", "kinds", ErrTable, func(r *rawNode) { r.kinds = []byte{0, 1, 2, 0} }),
		leafWith("kind 3", "kinds", ErrKind, func(r *rawNode) { r.kinds = []byte{0, 1, 3} }),
		inlineWith("kinds although all are inline", "kinds", ErrKind, func(r *rawNode) { r.kinds = []byte{0, 0} }),
		leafWith("valEnds too short", "valEnds", ErrTable, func(r *rawNode) { r.valEnds = u16s(1, 3) }),
		leafWith("valEnds of an odd length", "valEnds", ErrTable, func(r *rawNode) { r.valEnds = append(r.valEnds, 0) }),
		leafWith("valEnds descend", "valEnds", ErrTable, func(r *rawNode) { r.valEnds = u16s(1, 3, 2) }),
		leafWith("valEnds pass the end of vals", "valEnds", ErrTable, func(r *rawNode) { r.valEnds = u16s(1, 4, 4) }),
		leafWith("valEnds stop before the end of vals", "valEnds", ErrTable, func(r *rawNode) { r.vals = append(r.vals, 0) }),
		inlineWith("valEnds descend", "valEnds", ErrTable, func(r *rawNode) { r.valEnds = u16s(2, 1) }),
		inlineWith("valEnds pass the end of vals", "valEnds", ErrTable, func(r *rawNode) { r.valEnds = u16s(1, 3) }),
		inlineWith("valEnds stop before the end of vals", "valEnds", ErrTable, func(r *rawNode) { r.valEnds = u16s(1, 1) }),
		inlineWith("no items but vals", "valEnds", ErrTable, func(r *rawNode) {
			r.prefix, r.keyEnds, r.keys, r.valEnds = nil, nil, nil, nil
		}),
		inlineWith("a value too long to be inline", "vals", ErrKind, func(r *rawNode) {
			r.vals, r.valEnds = make([]byte, fits+2), u16s(1, fits+2)
		}),
		leafWith("a value too long to be inline", "vals", ErrKind, func(r *rawNode) {
			r.vals = append(make([]byte, fits+1), 0x88, 0x27)
			r.valEnds = u16s(fits+1, fits+3, fits+3)
		}),
		leafWith("a blob that would have been inline", "vals", ErrKind, blob(leb(fits))),
		leafWith("a blob of no bytes", "vals", ErrKind, blob(leb(0))),
		leafWith("a blob without its length", "vals", ErrSyntax, blob(nil)),
		leafWith("a blob's length not in its shortest form", "vals", ErrSyntax, blob([]byte{0x88, 0xa7, 0})),
		leafWith("a blob's length cut short", "vals", ErrSyntax, blob([]byte{0x88, 0xa7})),
		leafWith("bytes behind a blob's length", "vals", ErrSyntax, blob([]byte{0x88, 0x27, 1})),
		leafWith("a blob's length of 8 bytes", "vals", ErrSyntax, blob(leb(1<<49))),
		leafWith("a blob of 2^48 bytes", "vals", ErrTooLarge, blob(leb(1<<48))),
		leafWith("values and keys of 2^48 bytes in all", "vals", ErrTooLarge, func(r *rawNode) {
			blob(leb(MaxSum - 3))(r)
			r.links[0] = ListCID([]byte("blob")).Bytes()
		}),
		leafWith("a link with bytes in vals", "vals", ErrKind, func(r *rawNode) {
			r.vals, r.valEnds = append(r.vals, 'x'), u16s(1, 3, 4)
		}),
		inlineWith("a weight over 3,840", "block", ErrTooLarge, func(r *rawNode) {
			r.keys, r.keyEnds = []byte("bcde"), u16s(1, 2, 3, 4)
			r.vals, r.valEnds = make([]byte, 4*1000), u16s(1000, 2000, 3000, 4000)
		}),
		inlineWith("a weight of 2^16+256", "block", ErrTooLarge, func(r *rawNode) {
			r.prefix, r.keyEnds, r.keys, r.valEnds, r.vals = bytes.Repeat([]byte("p"), MaxKey-1), nil, nil, nil, nil
			for i := range byte(64) {
				r.keys = append(r.keys, i)
				r.keyEnds = append(r.keyEnds, u16s(uint16(i)+1)...)
				r.valEnds = append(r.valEnds, u16s(0)...)
			}
		}),
		inlineWith("a weight over 3,840 by keys alone", "block", ErrTooLarge, func(r *rawNode) {
			r.prefix = bytes.Repeat([]byte("p"), MaxKey-1)
			r.keys, r.keyEnds = []byte("bcde"), u16s(1, 2, 3, 4)
			r.vals, r.valEnds = nil, u16s(0, 0, 0, 0)
		}),
	}
}

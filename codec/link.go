package codec

import (
	"encoding/binary"

	cid "github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash/core"
)

// How a link to a CIDv1 of sha2-256 begins in CBOR: tag 42, a byte string of
// 37 bytes, the leading 0 that DAG-CBOR asks for, and then the CID.
//
//	d8 2a  58 25  00  01 71 12 20 <32 bytes>
const (
	linkHead = 5                 // tag, head of the byte string, leading 0
	linkSize = linkHead + cidLen // one link whole
)

// linkWord is the eight bytes with which a link to a CIDv1 begins, less its
// codec, as a little-endian number.
const linkWord = 0xd8 | 0x2a<<8 | 0x58<<16 | 0x25<<24 | 0x00<<32 | 0x01<<40 | mh.SHA2_256<<56

// isLink tells whether b begins with a whole link to a CIDv1 of this codec and
// sha2-256.
func isLink(b []byte, codec byte) bool {
	return len(b) >= linkSize &&
		binary.LittleEndian.Uint64(b) == linkWord|uint64(codec)<<48 &&
		b[8] == HashSize
}

// putLink writes a link to a CIDv1 of dag-cbor at the start of b and returns
// its length.
func putLink(b []byte, h Hash) int {
	binary.LittleEndian.PutUint64(b, linkWord|cid.DagCBOR<<48)
	b[8] = HashSize
	copy(b[9:linkSize], h[:])
	return linkSize
}

// linkLen is the length of a link whose CID has n bytes.
func linkLen(n int) int { return 2 + headSize(uint64(1+n)) + 1 + n }

// putCID writes a link to any CID at the start of b and returns its length.
func putCID(b, c []byte) int {
	b[0], b[1] = 0xd8, tagLink
	at := 2 + putHead(b[2:], majorBytes, 1+len(c))
	b[at] = 0
	return at + 1 + copy(b[at+1:], c)
}

// appendCID appends a link to any CID.
func appendCID(dst []byte, c cid.Cid) []byte {
	s := c.KeyString()
	dst = append(dst, 0xd8, tagLink)
	dst = appendHead(dst, majorBytes, uint64(1+len(s)))
	dst = append(dst, 0)
	return append(dst, s...)
}

// link reads a link and returns where its CID begins and ends. It checks the
// CBOR and the length, not the CID.
func (r *reader) link(field string) (from, to int) {
	at := r.off
	if r.head(majorTag, field) != tagLink {
		r.fail(at, field, ErrSyntax)
	}
	from, to = r.bytes(field)
	if r.err != nil {
		return 0, 0
	}
	if to-from < 1 || r.block[from] != 0 {
		r.fail(from, field, ErrLink)
		return 0, 0
	}
	if from++; to-from > MaxLink {
		r.fail(at, field, ErrTooLarge)
		return 0, 0
	}
	return from, to
}

// hashLink reads a link to a CIDv1 of dag-cbor and sha2-256.
func (r *reader) hashLink(field string) (h Hash) {
	at := r.off
	_, to := r.link(field)
	if r.err == nil && !isLink(r.block[at:], cid.DagCBOR) {
		r.fail(at, field, ErrLink)
	}
	if r.err != nil {
		return Hash{}
	}
	return Hash(r.block[to-HashSize : to])
}

// validCID tells whether b is a CID, of version 0 or 1, whole and in its only
// form. Which codec and which hash does not matter.
func validCID(b []byte) bool {
	if len(b) == 34 && b[0] == mh.SHA2_256 && b[1] == HashSize {
		return true
	}
	if len(b) == 0 || b[0] != 1 {
		return false
	}
	b = b[1:]
	var v uint64
	for range 3 { // codec, hash function, length of the digest
		n := 0
		if v, n = uvarint(b, 9); n == 0 {
			return false
		}
		b = b[n:]
	}
	return v == uint64(len(b))
}

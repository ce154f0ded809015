package codec

import (
	"bytes"
	"slices"

	cid "github.com/ipfs/go-cid"
)

// Rules of a leaf's links.
func malformedLinks() []malformed {
	hash := fakeHash(1)
	v0 := append([]byte{0x12, 0x20}, hash[:]...)
	sha512 := append([]byte{1, 0x55, 0x13, 0x40}, make([]byte, 64)...)
	identity := []byte{1, 0x55, 0, 1, 'x'}
	blob := func(rule string, c []byte) malformed {
		return leafWith("a blob "+rule, "links", ErrLink, func(r *rawNode) { r.links[0] = c })
	}
	link := func(rule string, err error, c []byte) malformed {
		return leafWith("a link "+rule, "links", err, func(r *rawNode) { r.links[1] = c })
	}
	raw := func(rule string, err error, old, new string) malformed {
		return malformed{"node", "leaf: " + rule, replaced(rawLeaf().block(), old, new), "links", err}
	}
	const first = "\x82\xd8\x2a\x58\x25\x00"
	return []malformed{
		leafWith("a link missing", "links", ErrLink, func(r *rawNode) { r.linkCount, r.links = 1, r.links[:1] }),
		leafWith("a link too many", "links", ErrLink, func(r *rawNode) { r.linkCount, r.links = 3, append(r.links, r.links[0]) }),
		leafWith("links announced that do not follow", "links", ErrSyntax, func(r *rawNode) { r.links = r.links[:1] }),
		leafWith("links that were not announced", "links", ErrLink, func(r *rawNode) { r.linkCount = 1 }),
		inlineWith("a link although all are inline", "links", ErrLink, func(r *rawNode) {
			r.linkCount, r.links = 1, [][]byte{hash.CID().Bytes()}
		}),
		leafWith("links in another order", "links", ErrLink, func(r *rawNode) { slices.Reverse(r.links) }),
		leafWith("a blob over 1 MiB that is no chunk list", "links", ErrLink, func(r *rawNode) {
			r.vals, r.valEnds = slicesOf([]byte("v"), leb(MaxBlob+1)), u16s(1, 4, 4)
		}),
		leafWith("a blob of 1 MiB that is a chunk list", "links", ErrLink, func(r *rawNode) {
			r.vals, r.valEnds = slicesOf([]byte("v"), leb(MaxBlob)), u16s(1, 4, 4)
			r.links[0] = hash.CID().Bytes()
		}),
		blob("up to 1 MiB that is dag-cbor", hash.CID().Bytes()),
		blob("under a CIDv0", v0),
		blob("under sha2-512", sha512),
		blob("under the identity", identity),
		blob("under sha2-256 cut to 31 bytes", append([]byte{1, 0x55, 0x12, 31}, make([]byte, 31)...)),
		link("without a CID", ErrLink, nil),
		link("of version 2", ErrLink, append([]byte{2, 0x55, 0x12, 0x20}, hash[:]...)),
		link("of version 0 that is too short", ErrLink, v0[:33]),
		link("of version 0 that is too long", ErrLink, append(bytes.Clone(v0), 0)),
		link("with a digest too short", ErrLink, append([]byte{1, 0x55, 0x12, 0x20}, hash[:31]...)),
		link("with bytes behind the digest", ErrLink, slicesOf([]byte{1, 0x55, 0x12, 0x20}, hash[:], []byte{0})),
		link("with a codec not in its shortest form", ErrLink, append([]byte{1, 0xd5, 0, 0x12, 0x20}, hash[:]...)),
		link("with a hash function not in its shortest form", ErrLink, append([]byte{1, 0x55, 0x92, 0, 0x20}, hash[:]...)),
		link("with a length not in its shortest form", ErrLink, append([]byte{1, 0x55, 0x12, 0xa0, 0}, hash[:]...)),
		link("that ends within the codec", ErrLink, []byte{1, 0xd5}),
		link("of 129 bytes", ErrTooLarge, append([]byte{1, 0x55, 0, 125}, make([]byte, 125)...)),
		raw("another tag than 42", ErrSyntax, first, "\x82\xd8\x2b\x58\x25\x00"),
		raw("a tag with a head longer than needed", ErrSyntax, first, "\x82\xd9\x00\x2a\x58\x25\x00"),
		raw("a link without a tag", ErrSyntax, first, "\x82\x58\x25\x00"),
		raw("a link as text", ErrSyntax, first, "\x82\xd8\x2a\x78\x25\x00"),
		raw("a link with a head longer than needed", ErrSyntax, first, "\x82\xd8\x2a\x59\x00\x25\x00"),
		raw("a link that does not begin with 0", ErrLink, first, "\x82\xd8\x2a\x58\x25\x01"),
		raw("a link of no bytes", ErrLink, first, "\x82\xd8\x2a\x40\x58\x25\x00"),
	}
}

// Rules of inner nodes.
func malformedInners() []malformed {
	child := func(rule string, c []byte) malformed {
		return innerWith("a child "+rule, "links", ErrLink, func(r *rawNode) { r.links[1] = c })
	}
	hash := fakeHash(1)
	return []malformed{
		innerWith("no children", "block", ErrTooFew, func(r *rawNode) {
			r.prefix, r.keyEnds, r.keys, r.stats = nil, nil, nil, []byte{}
			r.linkCount, r.links = 0, nil
		}),
		innerWith("one child", "block", ErrTooFew, func(r *rawNode) {
			r.prefix, r.keyEnds, r.keys, r.stats = []byte("ab"), u16s(0), nil, u48s(3, 100)
			r.linkCount, r.links = 1, r.links[:1]
		}),
		innerWith("a key twice", "keys", ErrOrder, func(r *rawNode) { r.keys = []byte("bb") }),
		innerWith("an empty key", "keys", ErrKey, func(r *rawNode) { r.prefix, r.keyEnds = nil, u16s(0, 2) }),
		innerWith("a longer prefix is common", "prefix", ErrPrefix, func(r *rawNode) {
			r.prefix, r.keys, r.keyEnds = nil, []byte("abac"), u16s(2, 4)
		}),
		innerWith("stats too short", "stats", ErrTable, func(r *rawNode) { r.stats = r.stats[:23] }),
		innerWith("stats too long", "stats", ErrTable, func(r *rawNode) { r.stats = append(r.stats, 0) }),
		innerWith("stats of one child", "stats", ErrTable, func(r *rawNode) { r.stats = r.stats[:12] }),
		innerWith("a child without entries", "stats", ErrStats, func(r *rawNode) { r.stats = u48s(3, 100, 0, 0) }),
		innerWith("2^48 entries in all", "stats", ErrTooLarge, func(r *rawNode) { r.stats = u48s(MaxSum, 100, 1, 1) }),
		innerWith("2^48 bytes in all", "stats", ErrTooLarge, func(r *rawNode) { r.stats = u48s(1, MaxSum, 1, 1) }),
		innerWith("a link missing", "links", ErrLink, func(r *rawNode) { r.linkCount, r.links = 1, r.links[:1] }),
		innerWith("a link too many", "links", ErrLink, func(r *rawNode) { r.linkCount, r.links = 3, append(r.links, r.links[0]) }),
		innerWith("links announced that do not follow", "links", ErrSyntax, func(r *rawNode) { r.links = r.links[:1] }),
		child("under raw", RawCID(nil).Bytes()),
		child("under dag-pb", cid.NewCidV1(cid.DagProtobuf, hash.CID().Hash()).Bytes()),
		child("under a CIDv0", append([]byte{0x12, 0x20}, hash[:]...)),
		child("under sha2-512", append([]byte{1, 0x71, 0x13, 0x40}, make([]byte, 64)...)),
		child("under sha3-256", append([]byte{1, 0x71, 0x16, 0x20}, hash[:]...)),
		child("under the identity", []byte{1, 0x71, 0, 1, 'x'}),
		child("without a CID", nil),
		innerWith("a weight over 3,840", "block", ErrTooLarge, func(r *rawNode) {
			r.prefix, r.keyEnds, r.keys, r.stats = nil, nil, nil, nil
			for i := range MaxWeight/InnerWeight(1) + 1 {
				r.keys = append(r.keys, byte(i))
				r.keyEnds = append(r.keyEnds, u16s(uint16(i+1))...)
				r.stats = append(r.stats, u48s(1, 1)...)
			}
			r.linkCount = len(r.keys)
			r.links = slices.Repeat(r.links[:1], r.linkCount)
		}),
	}
}

package codec

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	cid "github.com/ipfs/go-cid"
)

func malformedLists() []malformed {
	two := func(lengths [2]uint64, links [2]cid.Cid) []byte {
		return ChunkList{Total: lengths[0] + lengths[1], Lengths: lengths[:], Links: links[:]}.Append(nil)
	}
	a, b := RawCID([]byte("a")), RawCID([]byte("b"))
	la, lb := ListCID([]byte("a")), ListCID([]byte("b"))
	good := two([2]uint64{5, 6}, [2]cid.Cid{a, b}) // 83 0b 82 05 06 82 ...
	list := func(rule, field string, err error, block []byte) malformed {
		return malformed{"list", rule, block, field, err}
	}
	of := func(n int) []byte { return chunkList(n, func(int) (uint64, cid.Cid) { return 5, a }).Append(nil) }
	raw := func(c []byte) []byte { return appendRawLink(bytes.Clone(good[:len(good)-linkSize]), c) }
	return []malformed{
		list("nothing at all", "block", ErrSyntax, nil),
		list("an array of 2", "block", ErrSyntax, replaced(good, "\x83\x0b\x82", "\x82\x0b\x82")),
		list("an array of 4", "block", ErrSyntax, replaced(good, "\x83\x0b\x82", "\x84\x0b\x82")),
		list("a byte behind it", "block", ErrTrailing, append(bytes.Clone(good), 0)),
		list("total as bytes", "total", ErrSyntax, replaced(good, "\x83\x0b\x82", "\x83\x41\x0b\x82")),
		list("total with a head longer than needed", "total", ErrSyntax, replaced(good, "\x83\x0b\x82", "\x83\x18\x0b\x82")),
		list("total is not the sum", "total", ErrStats, replaced(good, "\x83\x0b\x82", "\x83\x0c\x82")),
		list("total of 2^48", "total", ErrTooLarge, two([2]uint64{MaxSum, 1}, [2]cid.Cid{la, a})),
		list("a length of 2^48", "lengths", ErrTooLarge, replaced(good, "\x83\x0b\x82\x05", "\x83\x0b\x82\x1b\x00\x01\x00\x00\x00\x00\x00\x00")),
		list("no items", "lengths", ErrTooFew, of(0)),
		list("one item", "lengths", ErrTooFew, of(1)),
		list("8,193 items announced", "lengths", ErrTooLarge, replaced(good, "\x83\x0b\x82", "\x83\x0b\x99\x20\x01")),
		list("2^64-1 items announced", "lengths", ErrTooLarge, replaced(good, "\x83\x0b\x82", "\x83\x0b\x9b\xff\xff\xff\xff\xff\xff\xff\xff")),
		list("8,192 items announced in a short block", "lengths", ErrSyntax, replaced(good, "\x83\x0b\x82", "\x83\x0b\x99\x20\x00")),
		list("a chunk of no bytes", "lengths", ErrStats, replaced(good, "\x83\x0b\x82\x05\x06", "\x83\x06\x82\x00\x06")),
		list("a length with a head longer than needed", "lengths", ErrSyntax, replaced(good, "\x83\x0b\x82\x05\x06", "\x83\x0b\x82\x18\x05\x06")),
		list("a link missing", "links", ErrLink, replaced(good, "\x06\x82\xd8", "\x06\x81\xd8")),
		list("a link too many", "links", ErrLink, replaced(good, "\x06\x82\xd8", "\x06\x83\xd8")),
		list("ends within the last link", "links", ErrSyntax, good[:len(good)-1]),
		list("ends before the last link", "lengths", ErrSyntax, good[:len(good)-linkSize]),
		list("links with a head longer than needed", "links", ErrSyntax, replaced(good, "\x06\x82\xd8", "\x06\x98\x02\xd8")),
		list("a chunk over 1 MiB", "links", ErrTooLarge, two([2]uint64{5, MaxBlob + 1}, [2]cid.Cid{a, b})),
		list("a chunk before a list", "links", ErrLink, two([2]uint64{5, 6}, [2]cid.Cid{a, lb})),
		list("a chunk between lists", "links", ErrLink, chunkList(3, func(i int) (uint64, cid.Cid) {
			return 5, []cid.Cid{la, a, lb}[i]
		}).Append(nil)),
		list("a chunk under dag-pb", "links", ErrLink, raw(cid.NewCidV1(cid.DagProtobuf, a.Hash()).Bytes())),
		list("a chunk under a CIDv0", "links", ErrLink, two([2]uint64{5, 1 << 33}, [2]cid.Cid{a, cid.NewCidV0(a.Hash())})),
		list("a chunk under sha2-512", "links", ErrLink, raw(append([]byte{1, 0x55, 0x13, 0x40}, make([]byte, 64)...))),
		list("a chunk without a tag", "links", ErrSyntax, replaced(good, "\x06\x82\xd8\x2a\x58", "\x06\x82\x58\x27\x58")),
	}
}

// rawCommit has the six entries of a commit's map as they stand in the block,
// each free to be wrong.
type rawCommit struct{ head, v, seq, meta, root, time, parents string }

func rawRoot(c []byte) string { return string(appendRawLink(nil, c)) }

func goodCommit() *rawCommit {
	return &rawCommit{
		"\xa6", "\x61v\x01", "\x63seq\x02", "\x64meta\xa2\x61b\x41x\x62aa\x40",
		"\x64root" + rawRoot(fakeHash(1).CID().Bytes()), "\x64time\x19\x03\xe8",
		"\x67parents\x81" + rawRoot(fakeHash(2).CID().Bytes()),
	}
}

func (r *rawCommit) block() []byte {
	return []byte(r.head + r.v + r.seq + r.meta + r.root + r.time + r.parents)
}

func commitWith(rule, field string, err error, change func(*rawCommit)) malformed {
	r := goodCommit()
	change(r)
	return malformed{"commit", rule, r.block(), field, err}
}

func malformedCommits() []malformed {
	good := goodCommit().block()
	hash := fakeHash(1)
	meta := func(rule string, err error, entries string) malformed {
		return commitWith("meta: "+rule, "meta", err, func(r *rawCommit) { r.meta = "\x64meta" + entries })
	}
	root := func(rule string, err error, c []byte) malformed {
		return commitWith("a root "+rule, "root", err, func(r *rawCommit) { r.root = "\x64root" + rawRoot(c) })
	}
	parents := func(rule string, err error, cids ...[]byte) malformed {
		return commitWith("parents: "+rule, "parents", err, func(r *rawCommit) {
			r.parents = "\x67parents" + string(appendHead(nil, majorArray, uint64(len(cids))))
			for _, c := range cids {
				r.parents += rawRoot(c)
			}
		})
	}
	seq := func(rule string, err error, v string) malformed {
		return commitWith("seq "+rule, "seq", err, func(r *rawCommit) { r.seq = "\x63seq" + v })
	}
	time := func(rule string, err error, v string) malformed {
		return commitWith("time "+rule, "time", err, func(r *rawCommit) { r.time = "\x64time" + v })
	}
	list := []malformed{
		{"commit", "nothing at all", nil, "block", ErrSyntax},
		{"commit", "a byte behind it", append(bytes.Clone(good), 0), "block", ErrTrailing},
		{"commit", "ends within parents", good[:len(good)-1], "parents", ErrSyntax},
		commitWith("an array", "block", ErrSyntax, func(r *rawCommit) { r.head = "\x86" }),
		commitWith("a map of 5", "block", ErrSyntax, func(r *rawCommit) { r.head, r.parents = "\xa5", "" }),
		commitWith("a map of 7", "block", ErrSyntax, func(r *rawCommit) { r.head = "\xa7"; r.parents += "\x68whatever\x00" }),
		commitWith("an indefinite map", "block", ErrSyntax, func(r *rawCommit) { r.head = "\xbf"; r.parents += "\xff" }),
		commitWith("version 2", "v", ErrVersion, func(r *rawCommit) { r.v = "\x61v\x02" }),
		commitWith("version 1 with a head longer than needed", "v", ErrSyntax, func(r *rawCommit) { r.v = "\x61v\x18\x01" }),
		commitWith("no version", "v", ErrSyntax, func(r *rawCommit) { r.head, r.v = "\xa5", "" }),
		commitWith("keys in another order", "root", ErrSyntax, func(r *rawCommit) { r.root, r.time = r.time, r.root }),
		commitWith("keys sorted by bytes alone", "seq", ErrSyntax, func(r *rawCommit) { r.seq, r.meta = r.meta, r.seq }),
		commitWith("a key as bytes", "seq", ErrSyntax, func(r *rawCommit) { r.seq = "\x43seq\x02" }),
		seq("0", ErrStats, "\x00"), seq("1 with a parent", ErrStats, "\x01"),
		seq("negative", ErrSyntax, "\x20"), seq("with a head longer than needed", ErrSyntax, "\x18\x02"),
		seq("of 2^63", ErrTooLarge, "\x1b\x80\x00\x00\x00\x00\x00\x00\x00"),
		commitWith("seq 2 without parents", "seq", ErrStats, func(r *rawCommit) { r.parents = "\x67parents\x80" }),
		time("as a float", ErrSyntax, "\xfb\x40\x8f\x40\x00\x00\x00\x00\x00"), time("null", ErrSyntax, "\xf6"),
		time("of 2^63", ErrTooLarge, "\x1b\x80\x00\x00\x00\x00\x00\x00\x00"),
		time("of -2^63-1", ErrTooLarge, "\x3b\x80\x00\x00\x00\x00\x00\x00\x00"),
		meta("an array", ErrSyntax, "\x80"), meta("a value that is text", ErrSyntax, "\xa1\x61a\x61x"),
		meta("a key that is bytes", ErrSyntax, "\xa1\x41a\x41x"), meta("a key that is not UTF-8", ErrKey, "\xa1\x61\xff\x41x"),
		meta("a key twice", ErrOrder, "\xa2\x61a\x40\x61a\x40"), meta("keys descend", ErrOrder, "\xa2\x61b\x40\x61a\x40"),
		meta("a longer key before a shorter", ErrOrder, "\xa2\x62aa\x40\x61b\x40"),
		meta("257 entries announced", ErrTooLarge, "\xb9\x01\x01"),
		meta("257 entries", ErrTooLarge, "\xb9\x01\x01"+manyMeta(MaxMeta+1)),
		root("under raw", ErrLink, RawCID(nil).Bytes()), root("under a CIDv0", ErrLink, append([]byte{0x12, 0x20}, hash[:]...)),
		root("under sha2-512", ErrLink, append([]byte{1, 0x71, 0x13, 0x40}, make([]byte, 64)...)), root("without a CID", ErrLink, nil),
		root("of 129 bytes", ErrTooLarge, append([]byte{1, 0x55, 0, 125}, make([]byte, 125)...)),
		commitWith("a root that is no link", "root", ErrSyntax, func(r *rawCommit) { r.root = "\x64root\xf6" }),
		parents("one that is raw", ErrLink, RawCID(nil).Bytes()),
		parents("one twice in a row", ErrLink, hash.CID().Bytes(), hash.CID().Bytes()),
		parents("one twice", ErrLink, hash.CID().Bytes(), fakeHash(3).CID().Bytes(), hash.CID().Bytes()),
	}
	seventeen := [][]byte{}
	for i := range MaxParents + 1 {
		seventeen = append(seventeen, fakeHash(i).CID().Bytes())
	}
	return slices.Concat(list, []malformed{parents("17", ErrTooLarge, seventeen...)})
}

func manyMeta(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "\x63%03d\x40", i)
	}
	return b.String()
}

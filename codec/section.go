package codec

import (
	"bytes"

	cid "github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash/core"
)

// Sections reads the narrow form of CARv1 that a proof has, from memory: one
// root, which is a CIDv1 of dag-cbor and sha2-256; sections whose CIDs are CIDv1
// of dag-cbor or raw and of sha2-256; every length in its shortest form. It
// copies nothing. The zero value is at its end.
//
//	3a | a2 65 "roots" 81 <link> 67 "version" 01     59 bytes
//	length | CID, 36 bytes | block                   length as LEB128, of both
//	length | CID, 36 bytes | block
//	…
type Sections struct {
	car []byte
	off int
}

// Section is one block of a CAR and what it is called there. Whether the block
// has this hash is for the reader to find out.
type Section struct {
	Raw   bool // the codec: raw, or else dag-cbor
	Hash  Hash
	Block []byte // a part of the CAR
}

// CID returns the section's name.
func (s Section) CID() cid.Cid {
	if s.Raw {
		return makeCID(cid.Raw, s.Hash)
	}
	return makeCID(cid.DagCBOR, s.Hash)
}

// carHead is what stands before the root's link, and carTail what does behind.
const (
	carHead = "\x3a\xa2\x65roots\x81"
	carTail = "\x67version\x01"

	carHeadSize = len(carHead) + linkSize + len(carTail)
)

// maxSection is the most that a section's length says.
const maxSection = cidLen + MaxBlob

// AppendSectionsHead appends the header of a CAR with one root.
func AppendSectionsHead(dst []byte, root Hash) []byte {
	dst = append(dst, carHead...)
	var link [linkSize]byte
	putLink(link[:], root)
	dst = append(dst, link[:]...)
	return append(dst, carTail...)
}

// AppendSection appends a section.
func AppendSection(dst []byte, s Section) []byte {
	var length [10]byte
	dst = append(dst, length[:putUvarint(length[:], uint64(cidLen+len(s.Block)))]...)
	codec := byte(cid.DagCBOR)
	if s.Raw {
		codec = cid.Raw
	}
	dst = append(dst, 1, codec, mh.SHA2_256, HashSize)
	dst = append(dst, s.Hash[:]...)
	return append(dst, s.Block...)
}

// OpenSections reads the header and returns the root, with a reader of what
// follows. What is wrong is a *DecodeError.
func OpenSections(car []byte) (Hash, Sections, error) {
	if len(car) < carHeadSize ||
		!bytes.HasPrefix(car, []byte(carHead)) ||
		!isLink(car[len(carHead):], cid.DagCBOR) ||
		string(car[carHeadSize-len(carTail):carHeadSize]) != carTail {
		return Hash{}, Sections{}, &DecodeError{Offset: 0, Field: "header", Err: ErrSyntax}
	}
	root := Hash(car[carHeadSize-len(carTail)-HashSize:][:HashSize])
	return root, Sections{car, carHeadSize}, nil
}

// More tells whether another section follows.
func (r *Sections) More() bool { return r.off < len(r.car) }

// Offset is where the next section begins.
func (r *Sections) Offset() int { return r.off }

// Next reads a section. It is an error when none follows.
func (r *Sections) Next() (Section, error) {
	rest := r.car[r.off:]
	size, n := uvarint(rest, 4)
	switch {
	case n == 0:
		return Section{}, r.fail(ErrSyntax)
	case size > maxSection:
		return Section{}, r.fail(ErrTooLarge)
	case size < cidLen || size > uint64(len(rest)-n):
		return Section{}, r.fail(ErrSyntax)
	}
	rest = rest[n:][:size:size]
	codec := rest[1]
	if rest[0] != 1 || codec != cid.DagCBOR && codec != cid.Raw || rest[2] != mh.SHA2_256 || rest[3] != HashSize {
		return Section{}, r.fail(ErrLink)
	}
	r.off += n + int(size)
	return Section{Raw: codec == cid.Raw, Hash: Hash(rest[4:cidLen]), Block: rest[cidLen:]}, nil
}

func (r *Sections) fail(err error) error {
	return &DecodeError{Offset: r.off, Field: "section", Err: err}
}

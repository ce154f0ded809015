package codec

import (
	"crypto/sha256"
	"fmt"

	cid "github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash/core"
)

// HashSize is the length of a Hash in bytes.
const HashSize = 32

// Hash is the SHA-256 of a block: how nodes and commits are named in memory.
// A cid.Cid is made of it at the edges only.
type Hash [HashSize]byte

// Sum hashes a block.
func Sum(block []byte) Hash { return sha256.Sum256(block) }

// CID returns the name of a node or commit with this hash: CIDv1, dag-cbor,
// sha2-256.
func (h Hash) CID() cid.Cid { return makeCID(cid.DagCBOR, h) }

// String returns the CID as text.
func (h Hash) String() string { return h.CID().String() }

// HashOf returns the hash in the name of a node or commit. A CID of another
// version, codec or hash function is refused.
func HashOf(c cid.Cid) (Hash, error) {
	p := c.Prefix()
	if p.Version != 1 || p.Codec != cid.DagCBOR || p.MhType != mh.SHA2_256 || p.MhLength != HashSize {
		return Hash{}, fmt.Errorf("codec: %v is not a CIDv1 of dag-cbor and sha2-256", c)
	}
	b := c.Bytes()
	return Hash(b[len(b)-HashSize:]), nil
}

// RawCID returns the name of a blob: CIDv1, raw, sha2-256.
func RawCID(block []byte) cid.Cid { return makeCID(cid.Raw, Sum(block)) }

// ListCID returns the name of a chunk list: CIDv1, dag-cbor, sha2-256.
func ListCID(block []byte) cid.Cid { return makeCID(cid.DagCBOR, Sum(block)) }

// cidLen is the length of every CID made here: version, codec, hash function,
// hash length, hash.
const cidLen = 4 + HashSize

func makeCID(codec byte, h Hash) cid.Cid {
	var b [cidLen]byte
	b[0], b[1], b[2], b[3] = 1, codec, mh.SHA2_256, HashSize
	copy(b[4:], h[:])
	c, err := cid.Cast(b[:])
	if err != nil {
		panic("codec: a CID of fixed shape must parse: " + err.Error())
	}
	return c
}

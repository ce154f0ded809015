package pebblekv

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/cockroachdb/pebble/v2/sstable/colblk"
	"github.com/cockroachdb/pebble/v2/vfs"
	mh "github.com/multiformats/go-multihash"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// hashFunction is how a blob gets its name.
type hashFunction struct {
	code   uint64 // of the multihash
	length int    // of the digest, in bytes
}

// manyFunctions is how many hash functions beside SHA-256 are tried at most.
const manyFunctions = 16

// sha256Prefix begins the multihash of a SHA-256 digest.
var sha256Prefix = []byte{mh.SHA2_256, codec.HashSize}

// sha256Name is what a block is called that is named by SHA-256: all of a tree's own.
func sha256Name(block []byte) []byte {
	h := codec.Sum(block)
	return append(bytes.Clone(sha256Prefix), h[:]...)
}

// named remembers how the blob is named that is called multihash.
func (r *rescue) named(multihash []byte) {
	if bytes.HasPrefix(multihash, sha256Prefix) || !isMultihash(multihash) {
		return
	}
	code, n := binary.Uvarint(multihash)
	length, _ := binary.Uvarint(multihash[n:])
	f := hashFunction{code, int(length)}
	if len(r.functions) < manyFunctions && !slices.Contains(r.functions, f) {
		r.functions = append(r.functions, f)
	}
}

// values takes blobs that lie apart from their keys. What they are called is told by
// their content: each is stored under its SHA-256, and, because only its key says how a
// caller's linked block is named, under its name by each other function that any key
// of the store has, if it is one that this program can compute.
func (r *rescue) values(file vfs.File) error {
	return carve(file, valuesIndex(file), func(data []byte) error {
		return eachValue(data, func(value []byte) error {
			if err := r.set(blobKey(sha256Name(value)), value); err != nil {
				return err
			}
			for _, f := range r.functions {
				name, err := mh.Sum(value, f.code, f.length)
				if err != nil {
					continue // its reader could not verify it either
				}
				if err := r.set(blobKey(name), value); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// valuesIndex finds out where the blocks of a file of values begin, from the
// index in front of its footer.
func valuesIndex(file vfs.File) (known []extent) {
	info, err := file.Stat()
	if err != nil || info.Size() < footerLen || checkFooter(file) != nil {
		return nil
	}
	var foot [footerLen]byte
	if _, err := file.ReadAt(foot[:], info.Size()-footerLen); err != nil {
		return nil
	}
	at, length := int64(binary.LittleEndian.Uint64(foot[4:])), int64(binary.LittleEndian.Uint64(foot[12:]))
	if at < 0 || length < 0 || at+length+trailerLen > info.Size() || length > carveMost {
		return nil
	}
	raw := make([]byte, length+trailerLen)
	if _, err := file.ReadAt(raw, at); err != nil || blockEnd(raw) != int(length)+1 {
		return nil
	}
	data, err := unpack(raw[:length+1])
	if err != nil {
		return nil
	}
	defer func() {
		if recover() != nil {
			known = nil
		}
	}()
	d := colblk.DecodeBlock(data, 4)
	n := d.Rows()
	// One more than there are rows: where the last block ends too.
	offsets := colblk.DecodeColumn(&d, 1, n+1, colblk.DataTypeUint, colblk.DecodeUnsafeUints)
	for i := range n {
		from, to := int64(offsets.At(i)), int64(offsets.At(i+1))
		known = append(known, extent{from, to - from - trailerLen})
	}
	return known
}

package dataset

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
)

// Digest sums up entries, or any lists of byte strings, in their order: equal
// sums mean equal content. The zero value is an empty one. It belongs to one
// goroutine.
type Digest struct {
	h    hash.Hash
	head []byte
}

// Add adds the strings: their number, and each with its length.
func (d *Digest) Add(strings ...[]byte) {
	if d.h == nil {
		d.h = sha256.New()
	}
	d.head = binary.AppendUvarint(d.head[:0], uint64(len(strings)))
	for _, s := range strings {
		d.head = binary.AppendUvarint(d.head, uint64(len(s)))
	}
	d.h.Write(d.head)
	for _, s := range strings {
		d.h.Write(s)
	}
}

// String returns the first 16 bytes of the SHA-256 of what was added, in hex;
// empty when nothing was.
func (d *Digest) String() string {
	if d.h == nil {
		return ""
	}
	return hex.EncodeToString(d.h.Sum(nil)[:16])
}

// Bag sums up entries whatever their order. It tells mistakes, not forgeries.
// The zero value is an empty one.
type Bag struct {
	n, sum uint64
}

// Add adds an entry.
func (b *Bag) Add(key, value []byte) {
	var d Digest
	d.Add(key, value)
	b.n++
	b.sum += binary.LittleEndian.Uint64(d.h.Sum(nil))
}

// String returns the number of entries and their sum.
func (b *Bag) String() string { return fmt.Sprintf("%d:%016x", b.n, b.sum) }

package sync

import (
	"bytes"
	"encoding/binary"
	"slices"

	cid "github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// A run is edits in strictly ascending key order:
//
//	│ head │ more shared, LEB128, when the head says 63 │ suffix length, LEB128 │ suffix │ value │
//
// The low two bits of head are the kind of value, the others how many bytes the
// key shares with the one before, at most 63; the first shares none. The value
// is, by kind:
//
//	0 inline  │ length, LEB128 │ bytes │
//	1 blob    │ size, LEB128 │ 0x55 raw or 0x71 list │ digest, 32 bytes │
//	2 link    │ length, LEB128 │ CID │
//	3 delete  nothing
//
// There is one encoding: LEB128 is shortest, the shared part the longest there
// is, and inline exactly what a leaf holds inline.
const (
	kindDelete = 3
	sharedMore = 63
	rawCodec   = cid.Raw
	listCodec  = cid.DagCBOR
)

// runBytes is about how long a run is made.
const runBytes = 32 << 10

// runWriter appends edits to a run.
type runWriter struct {
	b    []byte
	last []byte
	n    int
}

func (w *runWriter) reset() { w.b, w.last, w.n = w.b[:0], w.last[:0], 0 }

// add appends an edit, the key of which is above the one before. v is nil for a
// deletion.
func (w *runWriter) add(key []byte, v *prolly.Value) {
	shared := 0
	if w.n > 0 {
		shared = commonPrefix(w.last, key)
	}
	kind := byte(kindDelete)
	if v != nil {
		kind = byte(v.Kind())
	}
	w.b = append(w.b, kind|byte(min(shared, sharedMore))<<2)
	if shared >= sharedMore {
		w.b = binary.AppendUvarint(w.b, uint64(shared-sharedMore))
	}
	w.b = appendBytes(w.b, key[shared:])
	if v != nil {
		w.b = appendValue(w.b, v)
	}
	w.last = append(w.last[:0], key...)
	w.n++
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

func appendValue(dst []byte, v *prolly.Value) []byte {
	switch v.Kind() {
	case codec.Link:
		return appendBytes(dst, v.Link.Bytes())
	case codec.Blob:
		c := v.Blob()
		dst = append(binary.AppendUvarint(dst, v.Size), byte(c.Type()))
		h := c.Hash()
		return append(dst, h[len(h)-codec.HashSize:]...)
	}
	return appendBytes(dst, v.Bytes)
}

func commonPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// runReader takes a run apart. Keys and values yielded are valid until the next
// call.
type runReader struct {
	rest []byte
	key  []byte
	n    int
}

// next returns the next edit; ok is false at the end of the run.
func (r *runReader) next() (e prolly.Edit, ok bool, err error) {
	if len(r.rest) == 0 {
		return e, false, nil
	}
	head := r.rest[0]
	r.rest = r.rest[1:]
	if err := r.readKey(int(head >> 2)); err != nil {
		return e, false, err
	}
	e.Key = r.key
	switch head & 3 {
	case byte(codec.Inline):
		e.Value, err = r.inline()
	case byte(codec.Blob):
		e.Value, err = r.blob()
	case byte(codec.Link):
		e.Value, err = r.link()
	case kindDelete:
		e.Delete = true
	}
	r.n++
	return e, err == nil, err
}

func (r *runReader) readKey(shared int) error {
	if shared == sharedMore {
		more, err := r.uvarint()
		if err != nil {
			return err
		}
		if more > codec.MaxKey {
			return malformed("a key of %d bytes", more)
		}
		shared += int(more)
	}
	if shared > len(r.key) || r.n == 0 && shared != 0 {
		return malformed("a key that shares %d bytes of %d", shared, len(r.key))
	}
	suffix, err := r.bytes()
	if err != nil {
		return err
	}
	switch {
	case shared+len(suffix) > codec.MaxKey || shared+len(suffix) == 0:
		return malformed("a key of %d bytes", shared+len(suffix))
	case r.n == 0:
	case len(suffix) == 0, shared < len(r.key) && suffix[0] < r.key[shared]:
		return malformed("keys out of order")
	case shared < len(r.key) && suffix[0] == r.key[shared]:
		return malformed("a key that shares more than it says")
	}
	r.key = append(r.key[:shared], suffix...)
	return nil
}

func (r *runReader) uvarint() (uint64, error) {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || n > 1 && r.rest[n-1] == 0 {
		return 0, malformed("a number that is cut short or not in its shortest form")
	}
	r.rest = r.rest[n:]
	return v, nil
}

func (r *runReader) take(n uint64) ([]byte, error) {
	if n > uint64(len(r.rest)) {
		return nil, malformed("%d bytes where %d are left", n, len(r.rest))
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b, nil
}

func (r *runReader) bytes() ([]byte, error) {
	n, err := r.uvarint()
	if err != nil {
		return nil, err
	}
	return r.take(n)
}

func (r *runReader) inline() (prolly.Value, error) {
	b, err := r.bytes()
	if err == nil && !codec.FitsInline(len(r.key), len(b)) {
		err = malformed("%d bytes inline", len(b))
	}
	return prolly.Value{Bytes: b, Size: uint64(len(b))}, err
}

func (r *runReader) blob() (prolly.Value, error) {
	size, err := r.uvarint()
	if err != nil {
		return prolly.Value{}, err
	}
	b, err := r.take(1 + codec.HashSize)
	if err != nil {
		return prolly.Value{}, err
	}
	if size > codec.MaxSum || size <= codec.MaxItem && codec.FitsInline(len(r.key), int(size)) ||
		(b[0] == rawCodec) != (size <= codec.MaxBlob) || b[0] != rawCodec && b[0] != listCodec {
		return prolly.Value{}, malformed("a value of %d bytes under codec %#x", size, b[0])
	}
	return prolly.OutOfLine(blobCID(uint64(b[0]), b[1:]), size), nil
}

// blobCID names a block by its codec and SHA-256.
func blobCID(codecType uint64, digest []byte) cid.Cid {
	h := append([]byte{mh.SHA2_256, codec.HashSize}, digest...)
	return cid.NewCidV1(codecType, h)
}

func (r *runReader) link() (prolly.Value, error) {
	b, err := r.bytes()
	if err != nil {
		return prolly.Value{}, err
	}
	c, err := parseCID(b)
	if err != nil {
		return prolly.Value{}, err
	}
	return prolly.Value{Link: c, Size: uint64(len(b))}, nil
}

// parseCID reads a CID that fills b.
func parseCID(b []byte) (cid.Cid, error) {
	if len(b) > codec.MaxLink {
		return cid.Undef, malformed("a CID of %d bytes", len(b))
	}
	n, c, err := cid.CidFromBytes(b)
	if err != nil || n != len(b) || !bytes.Equal(c.Bytes(), b) {
		return cid.Undef, malformed("a CID")
	}
	return c, nil
}

// checkRun verifies a run whose first key must be above after, unless that is
// empty. It calls f with each edit.
func checkRun(run, after []byte, f func(prolly.Edit) error) (last []byte, n int, err error) {
	if len(run) == 0 {
		return nil, 0, malformed("a run without entries")
	}
	r := runReader{rest: run}
	for {
		e, ok, err := r.next()
		if err != nil {
			return nil, 0, err
		}
		if !ok {
			return slices.Clone(r.key), r.n, nil
		}
		if r.n == 1 && len(after) > 0 && bytes.Compare(e.Key, after) <= 0 {
			return nil, 0, malformed("keys out of order")
		}
		if err := f(e); err != nil {
			return nil, 0, err
		}
	}
}

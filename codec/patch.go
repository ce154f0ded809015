package codec

import (
	"bytes"
	"iter"

	cid "github.com/ipfs/go-cid"
)

// MaxPatch is how long the block of a patch is at most, in bytes.
const MaxPatch = 1 << 20

const (
	patchVersion = 1
	null         = 0xf6 // in CBOR
)

// PatchChange is what becomes of a key: it has Old before and New after.
type PatchChange struct {
	Key      []byte
	Old, New PatchValue
}

// PatchValue is a value, or none.
type PatchValue struct {
	None  bool   // no such key; the rest is empty
	Kind  Kind   // as a leaf keeps it under this key
	Value []byte // Inline
	Size  uint64 // Blob: length in bytes
	Link  []byte // Blob and Link: the CID
}

// AppendPatchChange appends a change as it stands in a patch.
func AppendPatchChange(dst []byte, c *PatchChange) []byte {
	dst = appendBytes(appendHead(dst, majorArray, 3), c.Key)
	return appendPatchValue(appendPatchValue(dst, &c.Old), &c.New)
}

func appendPatchValue(dst []byte, v *PatchValue) []byte {
	switch {
	case v.None:
		return append(dst, null)
	case v.Kind == Inline:
		return appendBytes(dst, v.Value)
	case v.Kind == Blob:
		dst = appendHead(appendHead(dst, majorArray, 2), majorUint, v.Size)
	}
	dst = appendHead(append(dst, 0xd8, tagLink), majorBytes, uint64(1+len(v.Link)))
	return append(append(dst, 0), v.Link...)
}

// AppendPatch appends the block of a patch of n changes, which were appended to
// body one after the other, in the order of their keys. Whether ParsePatch takes
// it is up to them.
func AppendPatch(dst []byte, n int, body []byte) []byte {
	dst = appendHead(appendHead(dst, majorArray, 2), majorUint, patchVersion)
	return append(appendHead(dst, majorArray, uint64(n)), body...)
}

// PatchOverhead is how much longer than its body the block of a patch is at
// most, in bytes.
const PatchOverhead = 2 + 9

// Patch is a checked block of changes, by ascending key.
type Patch struct {
	block []byte
	n     int
	at    int // where the changes begin
}

// ParsePatch checks the block of a patch against every rule of FORMAT.md,
// section 7. The block is not copied; what is wrong is a *DecodeError.
func ParsePatch(block []byte) (Patch, error) {
	r := reader{block: block}
	if len(block) > MaxPatch {
		r.fail(0, "block", ErrTooLarge)
	}
	if r.head(majorArray, "block") != 2 {
		r.fail(0, "block", ErrSyntax)
	}
	at := r.off
	if r.head(majorUint, "version") != patchVersion {
		r.fail(at, "version", ErrVersion)
	}
	n := r.head(majorArray, "changes")
	p := Patch{block: block, at: r.off}
	var last []byte
	for ; n > 0 && r.err == nil; n-- { // each takes a byte at least
		at := r.off
		c := r.patchChange()
		switch {
		case p.n > 0 && bytes.Compare(last, c.Key) >= 0:
			r.fail(at, "key", ErrOrder)
		case c.Old.same(&c.New):
			r.fail(at, "changes", ErrKind)
		}
		last = c.Key
		p.n++
	}
	r.end()
	if r.err != nil {
		return Patch{}, r.err
	}
	return p, nil
}

// Len returns the number of changes.
func (p Patch) Len() int { return p.n }

// Block returns the block that was parsed.
func (p Patch) Block() []byte { return p.block }

// Changes yields the changes by ascending key. Their bytes are the block's.
func (p Patch) Changes() iter.Seq[PatchChange] {
	return func(yield func(PatchChange) bool) {
		r := reader{block: p.block, off: p.at}
		for range p.n {
			if !yield(r.patchChange()) {
				return
			}
		}
	}
}

func (v *PatchValue) same(w *PatchValue) bool {
	return v.None == w.None && v.Kind == w.Kind && v.Size == w.Size &&
		bytes.Equal(v.Value, w.Value) && bytes.Equal(v.Link, w.Link)
}

func (r *reader) patchChange() (c PatchChange) {
	at := r.off
	if r.head(majorArray, "changes") != 3 {
		r.fail(at, "changes", ErrSyntax)
	}
	at = r.off
	from, to := r.bytes("key")
	if r.err == nil && (from == to || to-from > MaxKey) {
		r.fail(at, "key", ErrKey)
	}
	c.Key = r.block[from:to:to]
	c.Old = r.patchValue(len(c.Key), "old")
	c.New = r.patchValue(len(c.Key), "new")
	return c
}

// patchValue reads a value of a key of keyLen bytes. What it is shows in its
// first byte.
func (r *reader) patchValue(keyLen int, field string) (v PatchValue) {
	if r.err != nil || r.off >= len(r.block) {
		r.fail(r.off, field, ErrSyntax)
		return v
	}
	at := r.off
	switch first := r.block[r.off]; {
	case first == null:
		v.None = true
		r.off++
	case first>>5 == majorBytes:
		from, to := r.bytes(field)
		if v.Value = r.block[from:to:to]; !FitsInline(keyLen, len(v.Value)) {
			r.fail(at, field, ErrKind)
		}
	case first>>5 == majorArray:
		v.Kind = Blob
		r.patchBlob(&v, keyLen, field)
	default:
		v.Kind = Link
		from, to := r.link(field)
		if v.Link = r.block[from:to:to]; r.err == nil && !validCID(v.Link) {
			r.fail(at, field, ErrLink)
		}
	}
	return v
}

// patchBlob reads a value that stands out of line.
func (r *reader) patchBlob(v *PatchValue, keyLen int, field string) {
	at := r.off
	if r.head(majorArray, field) != 2 {
		r.fail(at, field, ErrSyntax)
	}
	v.Size = r.uint(MaxSum, field)
	if v.Size <= MaxItem && FitsInline(keyLen, int(v.Size)) {
		r.fail(at, field, ErrKind)
	}
	codec := byte(cid.Raw)
	if v.Size > MaxBlob {
		codec = cid.DagCBOR
	}
	at = r.off
	from, to := r.link(field)
	if r.err == nil && !isLink(r.block[at:], codec) {
		r.fail(at, field, ErrLink)
	}
	v.Link = r.block[from:to:to]
}

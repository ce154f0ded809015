package engine

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/bits"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// A staging record is one atomic write in a branch's log:
//
//	│ version 1 │ count │ op … op │ CRC-32C, 4 bytes LE │
//	op: │ kind │ key length │ key │ then, unless it deletes, data length │ data │
//
// Counts and lengths are shortest LEB128. kind has the opKind in its low bits
// and sideBit for the side tree. data is the value's bytes; for a link its CID;
// for an out-of-line value its size in LEB128 and the CID of its root block. The
// checksum begins with the sequence number, so that a record found in another's
// place is noticed.

// opKind says what an op does to its key.
type opKind uint8

const (
	opDelete  opKind = 0
	opInline  opKind = 1
	opLink    opKind = 2
	opBlob    opKind = 3
	opKinds          = 4
	sideBit          = 0x10
	recordV1         = 1
	crcLen           = 4
	minRecord        = 2 + crcLen
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// op is one edit of a staging record. Its bytes are those of the record.
type op struct {
	root rootID
	kind opKind
	key  []byte
	data []byte
}

// appendRecordHead begins a record of count ops.
func appendRecordHead(dst []byte, count int) []byte {
	return binary.AppendUvarint(append(dst, recordV1), uint64(count))
}

// appendOp adds an op to a record.
func appendOp(dst []byte, o *op) []byte {
	kind := byte(o.kind)
	if o.root == theSide {
		kind |= sideBit
	}
	dst = binary.AppendUvarint(append(dst, kind), uint64(len(o.key)))
	dst = append(dst, o.key...)
	if o.kind == opDelete {
		return dst
	}
	return append(binary.AppendUvarint(dst, uint64(len(o.data))), o.data...)
}

// recordLen is the length of a record of ops, in bytes.
func recordLen(ops []op) int {
	n := 1 + uvarintLen(len(ops)) + crcLen
	for i := range ops {
		o := &ops[i]
		n += 1 + uvarintLen(len(o.key)) + len(o.key)
		if o.kind != opDelete {
			n += uvarintLen(len(o.data)) + len(o.data)
		}
	}
	return n
}

// uvarintLen is the length of a number's LEB128.
func uvarintLen(n int) int { return (bits.Len(uint(n)|1) + 6) / 7 }

// sealRecord adds the checksum to a record that begins at dst[0].
func sealRecord(dst []byte, seq uint64) []byte {
	return binary.LittleEndian.AppendUint32(dst, recordSum(dst, seq))
}

func recordSum(body []byte, seq uint64) uint32 {
	sum := ^uint32(0)
	for range 8 { // by hand: what crc32 is given goes to the heap
		sum = castagnoli[byte(sum)^byte(seq)] ^ sum>>8
		seq >>= 8
	}
	return crc32.Update(^sum, castagnoli, body)
}

// readRecord calls f with the ops of a record, after checking all of them. The
// error wraps ErrCorrupt, or is f's.
func readRecord(seq uint64, data []byte, f func(op) error) error {
	r, count, err := openRecord(seq, data)
	if err != nil {
		return err
	}
	check := r
	for range count {
		if _, err := check.op(); err != nil {
			return err
		}
	}
	if len(check.rest) != 0 {
		return fmt.Errorf("%w: staging record %d: %d bytes too many", ErrCorrupt, seq, len(check.rest))
	}
	for range count {
		o, err := r.op()
		if err != nil {
			return err
		}
		if err := f(o); err != nil {
			return err
		}
	}
	return nil
}

func openRecord(seq uint64, data []byte) (r recordReader, count uint64, err error) {
	r = recordReader{seq: seq}
	if len(data) < minRecord {
		return r, 0, r.corrupt("too short")
	}
	body := data[:len(data)-crcLen]
	if binary.LittleEndian.Uint32(data[len(body):]) != recordSum(body, seq) {
		return r, 0, r.corrupt("wrong checksum")
	}
	if body[0] != recordV1 {
		return r, 0, r.corrupt(fmt.Sprintf("unknown version %d", body[0]))
	}
	r.rest = body[1:]
	if count, err = r.uvarint(); err != nil {
		return r, 0, err
	}
	if count == 0 || count > uint64(len(r.rest)) {
		return r, 0, r.corrupt("impossible count")
	}
	return r, count, nil
}

// recordReader takes a record apart.
type recordReader struct {
	seq  uint64
	rest []byte
}

func (r *recordReader) corrupt(what string) error {
	return fmt.Errorf("%w: staging record %d: %s", ErrCorrupt, r.seq, what)
}

func (r *recordReader) uvarint() (uint64, error) {
	v, n, ok := shortUvarint(r.rest)
	if !ok {
		return 0, r.corrupt("malformed length")
	}
	r.rest = r.rest[n:]
	return v, nil
}

// shortUvarint reads a LEB128 number in its shortest form.
func shortUvarint(b []byte) (v uint64, n int, ok bool) {
	v, n = binary.Uvarint(b)
	if n <= 0 || n > 1 && b[n-1] == 0 {
		return 0, 0, false
	}
	return v, n, true
}

func (r *recordReader) bytes() ([]byte, error) {
	n, err := r.uvarint()
	if err != nil {
		return nil, err
	}
	if n > uint64(len(r.rest)) {
		return nil, r.corrupt("cut short")
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b, nil
}

func (r *recordReader) op() (o op, err error) {
	if len(r.rest) == 0 {
		return o, r.corrupt("cut short")
	}
	o.kind = opKind(r.rest[0] &^ sideBit)
	if r.rest[0]&sideBit != 0 {
		o.root = theSide
	}
	if o.kind >= opKinds {
		return o, r.corrupt(fmt.Sprintf("unknown kind %#x", r.rest[0]))
	}
	r.rest = r.rest[1:]
	if o.key, err = r.bytes(); err != nil {
		return o, err
	}
	if err := checkKey(o.key); err != nil {
		return o, r.corrupt(err.Error())
	}
	if o.kind == opDelete {
		return o, nil
	}
	if o.data, err = r.bytes(); err != nil {
		return o, err
	}
	return o, r.checkData(o)
}

// checkData checks the data of an op against its kind.
func (r *recordReader) checkData(o op) error {
	switch o.kind {
	case opInline:
		if !codec.FitsInline(len(o.key), len(o.data)) {
			return r.corrupt("value too long to be inline")
		}
	case opLink:
		if c, err := castCID(o.data); err != nil || checkLink(c) != nil {
			return r.corrupt("malformed link")
		}
	case opBlob:
		if _, _, err := splitBlob(o.data); err != nil {
			return r.corrupt("malformed out-of-line value")
		}
	}
	return nil
}

func castCID(b []byte) (cid.Cid, error) {
	n, c, err := cid.CidFromBytes(b)
	if err == nil && n != len(b) {
		err = fmt.Errorf("%w: bytes after a CID", ErrCorrupt)
	}
	return c, err
}

// joinBlob is the data of an opBlob.
func joinBlob(dst []byte, size uint64, c cid.Cid) []byte {
	return append(binary.AppendUvarint(dst, size), c.Bytes()...)
}

func splitBlob(data []byte) (size uint64, c cid.Cid, err error) {
	size, link, err := cutBlob(data)
	if err == nil {
		c, err = castCID(link)
	}
	return size, c, err
}

// cutBlob is splitBlob with the CID in binary, unread.
func cutBlob(data []byte) (size uint64, link []byte, err error) {
	size, n, ok := shortUvarint(data)
	if !ok || size == 0 || size > codec.MaxSum {
		return 0, nil, fmt.Errorf("%w: size of an out-of-line value", ErrCorrupt)
	}
	return size, data[n:], nil
}

// value is what an op's data stands for; the bytes are shared.
func (k opKind) value(data []byte) (prolly.Value, error) {
	switch k {
	case opInline:
		return prolly.Value{Bytes: data, Size: uint64(len(data))}, nil
	case opLink:
		c, err := castCID(data)
		return prolly.Value{Link: c, Size: uint64(len(data))}, err
	}
	size, link, err := cutBlob(data)
	if err != nil {
		return prolly.Value{}, err
	}
	return prolly.OutOfLineAt(link, size), nil
}

// valueTo sets v to what the version of an entry that is not removed stands for.
func (x *version) valueTo(v *prolly.Value) (err error) {
	if x.kind == opInline && v.Kind() == codec.Inline {
		v.Size = uint64(len(x.data))
		v.Bytes = x.data
		return nil
	}
	*v, err = x.kind.value(x.data)
	return err
}

// size is the length of what an op's data stands for.
func (k opKind) size(data []byte) (uint64, error) {
	if k == opBlob {
		size, _, err := cutBlob(data)
		return size, err
	}
	return uint64(len(data)), nil
}

// checkKey answers the tree's error for a key that it would refuse.
func checkKey(key []byte) error {
	if len(key) == 0 {
		return prolly.ErrKeyEmpty
	}
	if len(key) > codec.MaxKey {
		return prolly.ErrKeyTooLong
	}
	return nil
}

// checkLink answers the tree's error for a link that it would refuse.
func checkLink(c cid.Cid) error {
	if c.ByteLen() > codec.MaxLink {
		return prolly.ErrLinkTooLong
	}
	return nil
}

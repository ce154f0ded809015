package car

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	cid "github.com/ipfs/go-cid"
)

// A CARv1 file:
//
//	│ length, uvarint │ {"roots": [root], "version": 1}, DAG-CBOR │
//	│ length, uvarint │ CID │ block │
//	│ length, uvarint │ CID │ block │ …
//
// A CARv2 file has one inside:
//
//	│ 0a a1 67 "version" 02 │ 16 bytes │ offset u64 LE │ size u64 LE │ 8 bytes │ … CARv1 … │

var (
	pragmaV2     = []byte("\x0a\xa1\x67version\x02")
	headBegin    = []byte("\xa2\x65roots\x81\xd8\x2a\x58")
	headEnd      = []byte("\x67version\x01")
	headerV2     = 40
	identityBase = byte(0) // before a CID in DAG-CBOR
)

const (
	fileBuffer = 256 << 10
	maxHeader  = 1 << 10
	maxCID     = 256
)

// writer writes a CAR file.
type writer struct {
	w    *bufio.Writer
	n    uint64 // bytes written
	head []byte // scratch
}

func newWriter(w io.Writer, root cid.Cid) (*writer, error) {
	f := &writer{w: bufio.NewWriterSize(w, fileBuffer)}
	c := root.Bytes()
	if len(c)+1 > math.MaxUint8 || len(c)+1 < 24 {
		return nil, fmt.Errorf("%w: a root of %d bytes", ErrFormat, len(c))
	}
	head := append(bytes.Clone(headBegin), byte(len(c)+1), identityBase)
	head = append(append(head, c...), headEnd...)
	return f, f.section(head, nil)
}

// section writes two parts under one length.
func (f *writer) section(a, b []byte) error {
	f.head = binary.AppendUvarint(f.head[:0], uint64(len(a)+len(b)))
	for _, p := range [][]byte{f.head, a, b} {
		if _, err := f.w.Write(p); err != nil {
			return fmt.Errorf("car: write: %w", err)
		}
		f.n += uint64(len(p))
	}
	return nil
}

func (f *writer) flush() error {
	if err := f.w.Flush(); err != nil {
		return fmt.Errorf("car: write: %w", err)
	}
	return nil
}

// reader reads a CAR file, one block ahead.
type reader struct {
	r        *bufio.Reader
	root     cid.Cid
	maxBlock int
	left     budget

	next  cid.Cid // the block ahead; undefined at the end
	block []byte
	buf   []byte
	n     uint64 // bytes read
}

// budget is what may still be read.
type budget struct{ blocks, bytes uint64 }

func newReader(r io.Reader, maxBlock int, b budget) (*reader, error) {
	f := &reader{r: bufio.NewReaderSize(r, fileBuffer), maxBlock: maxBlock, left: b}
	if begin, err := f.r.Peek(len(pragmaV2)); err == nil && bytes.Equal(begin, pragmaV2) {
		if err := f.enterV2(); err != nil {
			return nil, err
		}
	}
	if err := f.header(); err != nil {
		return nil, err
	}
	return f, f.advance()
}

// enterV2 goes to the CARv1 inside a CARv2.
func (f *reader) enterV2() error {
	head := make([]byte, len(pragmaV2)+headerV2)
	if _, err := io.ReadFull(f.r, head); err != nil {
		return f.broken("header", err)
	}
	offset := binary.LittleEndian.Uint64(head[len(pragmaV2)+16:])
	size := binary.LittleEndian.Uint64(head[len(pragmaV2)+24:])
	if offset < uint64(len(head)) || offset > math.MaxInt64 || size > math.MaxInt64 {
		return fmt.Errorf("%w: data of %d bytes at %d", ErrFormat, size, offset)
	}
	if _, err := io.CopyN(io.Discard, f.r, int64(offset)-int64(len(head))); err != nil {
		return f.broken("padding", err)
	}
	f.r = bufio.NewReaderSize(io.LimitReader(f.r, int64(size)), fileBuffer)
	return nil
}

func (f *reader) header() error {
	n, err := f.length(maxHeader)
	if err != nil {
		return f.broken("header", err)
	}
	head := make([]byte, n)
	m, err := io.ReadFull(f.r, head)
	if f.n += uint64(m); err != nil {
		return f.broken("header", err)
	}
	rest, begins := bytes.CutPrefix(head, headBegin)
	rest, ends := bytes.CutSuffix(rest, headEnd)
	if !begins || !ends || len(rest) < 2 || int(rest[0]) != len(rest)-1 || rest[1] != identityBase {
		return fmt.Errorf("%w: not a header of version 1 with one root", ErrFormat)
	}
	if f.root, err = cid.Cast(rest[2:]); err != nil {
		return fmt.Errorf("%w: root: %w", ErrFormat, err)
	}
	return nil
}

// length reads the length of a section: io.EOF at the end of the file.
func (f *reader) length(limit int) (int, error) {
	var n uint64
	for shift := 0; ; shift += 7 {
		b, err := f.r.ReadByte()
		if err == io.EOF && shift > 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return 0, err
		}
		f.n++
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			break
		}
		if shift >= 28 {
			return 0, fmt.Errorf("%w: length of a section", ErrFormat)
		}
	}
	if n == 0 || n > uint64(limit) {
		return 0, fmt.Errorf("%w: a section of %d bytes, at most %d", ErrBudget, n, limit)
	}
	return int(n), nil
}

// broken is what is wrong with a file that cannot be read on.
func (f *reader) broken(what string, err error) error {
	switch {
	case errors.Is(err, ErrFormat) || errors.Is(err, ErrBudget):
		return err
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		return fmt.Errorf("%w: %s: it breaks off after %d bytes", ErrFormat, what, f.n)
	}
	return fmt.Errorf("car: read %s: %w", what, err)
}

// advance reads the next block. It is not verified yet.
func (f *reader) advance() error {
	f.next, f.block = cid.Undef, nil
	n, err := f.length(f.maxBlock + maxCID)
	if err == io.EOF {
		return nil
	}
	if err != nil {
		return f.broken("block", err)
	}
	if f.left.blocks == 0 || f.left.bytes < uint64(n) {
		return fmt.Errorf("%w: more than it may hold", ErrBudget)
	}
	f.left.blocks, f.left.bytes = f.left.blocks-1, f.left.bytes-uint64(n)
	if err := f.fill(n); err != nil {
		return f.broken("block", err)
	}
	m, c, err := cid.CidFromBytes(f.buf)
	if err != nil {
		return fmt.Errorf("%w: CID of a block before byte %d: %w", ErrFormat, f.n, err)
	}
	f.next, f.block = c, f.buf[m:]
	return nil
}

// fill reads n bytes into buf, which grows as they come.
func (f *reader) fill(n int) error {
	const step = 1 << 20
	f.buf = f.buf[:0]
	for len(f.buf) < n {
		at, k := len(f.buf), min(step, n-len(f.buf))
		if cap(f.buf) < at+k {
			f.buf = append(make([]byte, 0, max(2*cap(f.buf), at+k)), f.buf...)
		}
		f.buf = f.buf[:at+k]
		m, err := io.ReadFull(f.r, f.buf[at:])
		f.n += uint64(m)
		if err != nil {
			return err
		}
	}
	return nil
}

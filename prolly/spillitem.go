package prolly

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// itemCode writes items of a level as bytes and reads them back. The form is
// private to one run of one program.
//
//	entry   key · kind · inline bytes, or size (blobs only) and link
//	child   key · hash · count · bytes · hint
//
// Keys, inline bytes and links stand behind their lengths.
type itemCode struct{ level int }

func (c itemCode) append(dst []byte, s *items, i int) []byte {
	if c.level > 0 {
		e := &s.inner[i]
		dst = appendPart(dst, e.Key)
		dst = append(dst, e.Child[:]...)
		dst = binary.AppendUvarint(dst, e.Count)
		dst = binary.AppendUvarint(dst, e.Bytes)
		return append(dst, s.hints[i][:]...)
	}
	e := &s.leaf[i]
	dst = append(appendPart(dst, e.Key), byte(e.Kind))
	if e.Kind == codec.Inline {
		return appendPart(dst, e.Value)
	}
	if e.Kind == codec.Blob {
		dst = binary.AppendUvarint(dst, e.Size)
	}
	return appendPart(dst, e.Link)
}

func appendPart(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// read adds the next item to s. Its bytes are appended to buf.
func (c itemCode) read(r *bufio.Reader, s *items, buf []byte) ([]byte, error) {
	d := itemReader{r: r, buf: buf}
	if c.level > 0 {
		e := codec.InnerEntry{Key: d.part(codec.MaxKey)}
		copy(e.Child[:], d.fixed(codec.HashSize))
		e.Count, e.Bytes = d.number(), d.number()
		var h Hint
		copy(h[:], d.fixed(len(h)))
		s.inner, s.hints = append(s.inner, e), append(s.hints, h)
		return d.buf, d.err
	}
	e := codec.LeafEntry{Key: d.part(codec.MaxKey)}
	switch e.Kind = codec.Kind(d.byte()); e.Kind {
	case codec.Inline:
		e.Value = d.part(codec.MaxItem)
	case codec.Blob:
		e.Size = d.number()
		e.Link = d.part(codec.MaxLink)
	case codec.Link:
		e.Link = d.part(codec.MaxLink)
	default:
		d.fail(fmt.Errorf("%w: kind %d", errSpill, e.Kind))
	}
	s.leaf = append(s.leaf, e)
	return d.buf, d.err
}

// itemReader reads the parts of an item; after an error, nothing more.
type itemReader struct {
	r   *bufio.Reader
	buf []byte
	err error
}

func (d *itemReader) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

func (d *itemReader) byte() byte {
	if d.err != nil {
		return 0
	}
	b, err := d.r.ReadByte()
	if err != nil {
		d.fail(err)
	}
	return b
}

func (d *itemReader) number() uint64 {
	if d.err != nil {
		return 0
	}
	n, err := binary.ReadUvarint(d.r)
	if err != nil {
		d.fail(err)
	}
	return n
}

// part reads a length of at most limit, and as many bytes.
func (d *itemReader) part(limit int) []byte {
	n := d.number()
	if n > uint64(limit) {
		d.fail(fmt.Errorf("%w: a part of %d bytes", errSpill, n))
	}
	return d.fixed(int(n))
}

// fixed reads n bytes. Those of earlier parts stay where they are.
func (d *itemReader) fixed(n int) []byte {
	if d.err != nil {
		return nil
	}
	at := len(d.buf)
	d.buf = append(d.buf, make([]byte, n)...)
	b := d.buf[at:len(d.buf):len(d.buf)]
	if _, err := io.ReadFull(d.r, b); err != nil {
		d.fail(err)
	}
	return b
}

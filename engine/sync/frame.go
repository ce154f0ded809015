package sync

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A message is a sequence of frames:
//
//	│ kind, 1 byte │ length, LEB128 │ payload │
//
// and ends with one of kind frameEnd, whose payload is empty.
const (
	frameHead    = 'h' // where a branch is, and what follows
	frameCommit  = 'c' // the block of the head's commit
	frameStep    = 's' // a step begins, see step.go
	frameRun     = 'e' // entries of the step, see run.go
	frameBlock   = 'b' // CID and bytes, as a section of a CAR without its length
	frameStepEnd = 't' // nothing is lacking of the step
	frameLeaves  = 'l' // coded symbols of leaves
	frameEntries = 'n' // coded symbols of entries
	frameError   = 'x' // code, newline, text: the sender gave up
	frameEnd     = 'z'
)

// frameWriter writes frames. Errors stick.
type frameWriter struct {
	w   *bufio.Writer
	n   int64 // bytes written
	err error
}

func newFrameWriter(w io.Writer) *frameWriter {
	return &frameWriter{w: bufio.NewWriterSize(w, 32<<10)}
}

// write writes a frame whose payload is the parts.
func (f *frameWriter) write(kind byte, parts ...[]byte) error {
	if f.err != nil {
		return f.err
	}
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	var head [1 + binary.MaxVarintLen64]byte
	head[0] = kind
	n := 1 + binary.PutUvarint(head[1:], uint64(size))
	f.n += int64(n + size)
	_, f.err = f.w.Write(head[:n])
	for _, p := range parts {
		if f.err == nil {
			_, f.err = f.w.Write(p)
		}
	}
	return f.err
}

// end writes the last frame and flushes.
func (f *frameWriter) end() error {
	if err := f.write(frameEnd); err != nil {
		return err
	}
	f.err = f.w.Flush()
	return f.err
}

// fail tells the peer why there is no end.
func (f *frameWriter) fail(err error) error {
	code, _, text := codeOf(err)
	if err := f.write(frameError, []byte(code+"\n"+text)); err != nil {
		return err
	}
	f.err = f.w.Flush()
	return f.err
}

// frameReader reads frames within a budget.
type frameReader struct {
	r   *bufio.Reader
	m   *meter
	buf bytes.Buffer
}

func newFrameReader(r io.Reader, m *meter) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(r, 32<<10), m: m}
}

// next reads a frame; its payload is valid until the next call. A frame of kind
// frameError is returned as the error that it tells; frameEnd must be the last.
func (f *frameReader) next() (kind byte, payload []byte, err error) {
	if kind, err = f.r.ReadByte(); err != nil {
		return 0, nil, cut(err)
	}
	size, n, err := f.length()
	if err != nil {
		return 0, nil, err
	}
	limit := uint64(maxFrame)
	if kind == frameBlock {
		limit = maxBlockFrame
	}
	if size > limit {
		return 0, nil, malformed("a frame of %d bytes", size)
	}
	if err := f.m.addBytes(1 + n + int(size)); err != nil {
		return 0, nil, err
	}
	f.buf.Reset() // grows with what arrives, not with what is announced
	if _, err := io.CopyN(&f.buf, f.r, int64(size)); err != nil {
		return 0, nil, cut(err)
	}
	switch payload = f.buf.Bytes(); kind {
	case frameError:
		code, text, _ := strings.Cut(string(payload), "\n")
		return 0, nil, errorOf(code, text)
	case frameEnd:
		if size != 0 {
			return 0, nil, malformed("an end with %d bytes", size)
		}
		if _, err := f.r.ReadByte(); err != io.EOF {
			return 0, nil, errors.Join(malformed("bytes after the end"), notEOF(err))
		}
	}
	return kind, payload, nil
}

func (f *frameReader) length() (size uint64, n int, err error) {
	for shift := 0; ; shift += 7 {
		b, err := f.r.ReadByte()
		if err != nil {
			return 0, 0, cut(err)
		}
		n++
		size |= uint64(b&0x7f) << shift
		if b < 0x80 {
			if b == 0 && n > 1 {
				return 0, 0, malformed("a length that is not in its shortest form")
			}
			return size, n, nil
		}
		if n == 4 {
			return 0, 0, malformed("a frame's length")
		}
	}
}

// expect reads a frame that must be of a kind.
func (f *frameReader) expect(kind byte) ([]byte, error) {
	got, payload, err := f.next()
	if err == nil && got != kind {
		err = malformed("a frame of kind %q where %q belongs", got, kind)
	}
	return payload, err
}

// cut is the error of a stream that ended, or broke, before its end mark.
func cut(err error) error {
	if errors.Is(err, ErrBudget) || errors.Is(err, ErrSilent) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrTruncated, err)
}

func notEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

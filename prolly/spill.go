package prolly

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/zeebo/xxh3"
)

// spillWeight is what a builder holds of one stage-1 gap in memory. By chance
// no gap comes near: what does was made against the hash.
const spillWeight = 1 << 20

// errSpill: a temporary file does not give back what was written to it.
var errSpill = errors.New("temporary file is damaged")

// spill holds the items of a stage-1 gap that is too heavy for memory, in two
// temporary files: the items, to be read back once from the start, and what
// stage 2 decides by, to be looked up. Both are checked when they are read.
//
//	payload  | item 0 | item 1 | item 2 | …
//	marks    | block of 256 offsets and priorities | block | …
//	memory     first offset, least priority, checksum of each block
//
// It belongs to one goroutine.
type spill struct {
	payload *scratch
	marks   marks
	code    itemCode
	buf     []byte
	closed  bool
}

// tempFile is what a spill asks of a file.
type tempFile interface {
	io.Writer
	io.ReaderAt
	io.Closer
}

// openTemp makes a file that is gone when it is closed, or at once where the
// system allows.
func openTemp() (tempFile, error) {
	f, err := os.CreateTemp("", "prolly-*")
	if err != nil {
		return nil, err
	}
	if os.Remove(f.Name()) == nil {
		return f, nil
	}
	return namedTemp{f}, nil
}

// namedTemp is a file that cannot be removed while it is open.
type namedTemp struct{ *os.File }

func (f namedTemp) Close() error {
	return errors.Join(f.File.Close(), os.Remove(f.Name()))
}

// newSpill makes an empty one for items of a level.
func newSpill(level int, open func() (tempFile, error)) (*spill, error) {
	payload, err := newScratch(open)
	if err != nil {
		return nil, spillError(err)
	}
	m, err := newScratch(open)
	if err != nil {
		return nil, spillError(errors.Join(err, payload.close()))
	}
	return &spill{payload: payload, marks: marks{file: m}, code: itemCode{level}}, nil
}

func spillError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("prolly: spill: %w", err)
}

// add takes item i of s, which begins at off from the start of the gap.
func (s *spill) add(it *items, i int, off, p1 uint64) error {
	s.buf = s.code.append(s.buf[:0], it, i)
	if err := s.payload.write(s.buf); err != nil {
		return spillError(err)
	}
	return spillError(s.marks.add(off, priority2(p1), off+uint64(it.weight(i))))
}

// nodes calls f with the items of each node in turn. Their bytes are valid
// until f returns.
func (s *spill) nodes(f func(*items) error) error {
	if err := s.payload.flush(); err != nil {
		return spillError(err)
	}
	r := s.payload.reader()
	var run items
	var bytes []byte
	begin := 0
	err := s.marks.split(func(end int) error {
		run.reset(s.code.level)
		bytes = bytes[:0]
		for ; begin < end; begin++ {
			var err error
			if bytes, err = s.code.read(r.buf, &run, bytes); err != nil {
				return spillError(err)
			}
		}
		return f(&run)
	})
	if err != nil {
		return err
	}
	return spillError(r.verify())
}

// close removes the files. A second call does nothing.
func (s *spill) close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	return spillError(errors.Join(s.payload.close(), s.marks.file.close()))
}

// scratch is a temporary file that is written whole, then read whole or at places.
type scratch struct {
	file tempFile
	w    *bufio.Writer
	sum  xxh3.Hasher
	size int64
}

func newScratch(open func() (tempFile, error)) (*scratch, error) {
	f, err := open()
	if err != nil {
		return nil, err
	}
	return &scratch{file: f, w: bufio.NewWriterSize(f, 64<<10)}, nil
}

func (s *scratch) write(b []byte) error {
	s.sum.Write(b) // never fails
	s.size += int64(len(b))
	_, err := s.w.Write(b)
	return err
}

func (s *scratch) flush() error { return s.w.Flush() }
func (s *scratch) close() error { return s.file.Close() }

// scratchReader reads a scratch from the start.
type scratchReader struct {
	of  *scratch
	sum xxh3.Hasher
	buf *bufio.Reader
}

func (s *scratch) reader() *scratchReader {
	r := &scratchReader{of: s}
	whole := io.NewSectionReader(s.file, 0, s.size)
	r.buf = bufio.NewReaderSize(io.TeeReader(whole, &r.sum), 64<<10)
	return r
}

// verify tells whether what was read is all that was written.
func (r *scratchReader) verify() error {
	if _, err := r.buf.ReadByte(); err != io.EOF {
		return errors.Join(errSpill, err)
	}
	if r.sum.Sum64() != r.of.sum.Sum64() {
		return errSpill
	}
	return nil
}

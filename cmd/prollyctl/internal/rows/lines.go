package rows

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// MaxRow is the length in bytes of the longest row that is read.
const MaxRow = 1 << 30

var errRowTooLong = fmt.Errorf("longer than %d MiB", MaxRow>>20)

// lineReader takes a file apart into lines.
type lineReader struct {
	r      *bufio.Reader
	long   []byte // a line that outgrew the reader's buffer
	number int    // of the line that was read last
}

const readBuffer = 256 << 10

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(r, readBuffer)}
}

// next returns a line without its line feed, valid until the next call, and
// io.EOF when there is none. The caller may change it.
func (l *lineReader) next() ([]byte, error) {
	line, err := l.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		line, err = l.outgrown(line)
	}
	if err != nil && err != io.EOF {
		return nil, err
	}
	if err == io.EOF && len(line) == 0 {
		return nil, io.EOF
	}
	l.number++
	return bytes.TrimSuffix(line, []byte("\n")), nil
}

func (l *lineReader) outgrown(line []byte) ([]byte, error) {
	l.long = append(l.long[:0], line...)
	for {
		piece, err := l.r.ReadSlice('\n')
		l.long = append(l.long, piece...)
		if len(l.long) > MaxRow {
			l.number++
			return nil, errRowTooLong
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return l.long, err
		}
	}
}

// linesReader reads the format Lines.
type linesReader struct {
	lines   *lineReader
	numbers bool // the line number is the key
	key     []byte
}

func (r *linesReader) line() int { return r.lines.number }

func (r *linesReader) next() (prolly.Entry, error) {
	line, err := r.lines.next()
	if err != nil {
		return prolly.Entry{}, err
	}
	line = bytes.TrimSuffix(line, []byte("\r"))
	if r.numbers {
		r.key = fmt.Appendf(r.key[:0], "%0*d", NumberWidth, r.lines.number)
		return entry(r.key, line), nil
	}
	key, value, _ := bytes.Cut(line, []byte("\t"))
	return entry(key, value), nil
}

// NumberWidth is the number of digits of a key that is a line number, so that
// keys sort as the lines do.
const NumberWidth = 12

// linesWriter writes the format Lines.
type linesWriter struct{ target }

var errLines = errors.New("the format lines cannot hold it; use jsonl")

func (w *linesWriter) Write(e prolly.Entry) error {
	value, err := w.bytes(e)
	if err != nil {
		return err
	}
	if bytes.ContainsAny(e.Key, "\t\n") || bytes.ContainsRune(value, '\n') || bytes.HasSuffix(value, []byte("\r")) {
		return refuse(e.Key, errLines)
	}
	w.row = append(append(append(append(w.row[:0], e.Key...), '\t'), value...), '\n')
	_, err = w.w.Write(w.row)
	return err
}

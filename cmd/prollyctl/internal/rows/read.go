package rows

import (
	"errors"
	"io"
	"iter"

	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Options say how a file is read. The zero value is good.
type Options struct {
	// Header: the first record of a CSV file names its columns. Those called
	// key and value are read; where there are none, two columns are as good.
	Header bool

	// LineNumbers: in Lines, a whole line is a value, and its number, in
	// NumberWidth digits, the key.
	LineNumbers bool
}

// reader reads one format.
type reader interface {
	// next returns a row's entry, valid until the next call, or io.EOF. Any
	// other error is about the row that begins at line.
	next() (prolly.Entry, error)
	line() int
}

// Read yields the entries of a file, which is called name in errors. An entry's
// bytes are valid until the next step. A malformed row ends the sequence with
// a LineError.
func Read(name string, r io.Reader, f Format, o Options) iter.Seq2[prolly.Entry, error] {
	return func(yield func(prolly.Entry, error) bool) {
		rows := newReader(r, f, o)
		for {
			e, err := rows.next()
			if err == nil {
				err = prolly.CheckEdit(prolly.Edit{Key: e.Key, Value: e.Value})
			}
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(prolly.Entry{}, locate(name, rows.line(), err))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// locate says where an error is, unless it is one of reading.
func locate(name string, line int, err error) error {
	var failed readError
	if errors.As(err, &failed) {
		return failed.error // it names the file
	}
	return &LineError{File: name, Line: line, Err: err}
}

// readError tells an error of the file apart from one in it.
type readError struct{ error }

// source marks the errors of a reader as readErrors.
type source struct{ r io.Reader }

func (s source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		err = readError{err}
	}
	return n, err
}

func newReader(r io.Reader, f Format, o Options) reader {
	lines := newLineReader(source{r})
	switch f {
	case CSV:
		return &csvReader{lines: lines, header: o.Header, key: 0, value: 1, columns: 2}
	case Lines:
		return &linesReader{lines: lines, numbers: o.LineNumbers}
	}
	return &jsonReader{lines: lines}
}

// entry is one of bytes. Without a value it has an empty one.
func entry(key, value []byte) prolly.Entry {
	if value == nil {
		value = []byte{}
	}
	return prolly.Entry{Key: key, Value: prolly.Value{Bytes: value, Size: uint64(len(value))}}
}

package rows

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// csvReader reads the format CSV. A quoted field keeps all of its bytes, a
// carriage return before a line feed included. Empty lines are skipped.
type csvReader struct {
	lines  *lineReader
	first  int // line at which the record begins
	buf    []byte
	fields [][]byte

	header              bool // still to come
	key, value, columns int
}

func (r *csvReader) line() int { return r.first }

func (r *csvReader) next() (prolly.Entry, error) {
	if r.header {
		r.header = false
		if err := r.readHeader(); err != nil {
			return prolly.Entry{}, err
		}
	}
	if err := r.record(); err != nil {
		return prolly.Entry{}, err
	}
	if len(r.fields) != r.columns {
		return prolly.Entry{}, fmt.Errorf("%d fields where %d were expected", len(r.fields), r.columns)
	}
	return entry(r.fields[r.key], r.fields[r.value]), nil
}

// readHeader finds out which columns are wanted.
func (r *csvReader) readHeader() error {
	if err := r.record(); err != nil {
		return err
	}
	r.columns = len(r.fields)
	key, value := r.column("key"), r.column("value")
	switch {
	case key >= 0 && value >= 0:
		r.key, r.value = key, value
	case r.columns != 2:
		return fmt.Errorf("the header has %d columns, and none of them are called key and value", r.columns)
	}
	return nil
}

func (r *csvReader) column(name string) int {
	for i, f := range r.fields {
		if strings.EqualFold(string(bytes.TrimSpace(f)), name) {
			return i
		}
	}
	return -1
}

// record reads the fields of the next record.
func (r *csvReader) record() error {
	for {
		line, err := r.lines.next()
		if err != nil {
			r.first = r.lines.number
			return err
		}
		r.first = r.lines.number
		if r.first == 1 {
			line = bytes.TrimPrefix(line, byteOrderMark)
		}
		if len(line) > 0 && string(line) != "\r" {
			r.buf = append(r.buf[:0], line...)
			return r.split()
		}
	}
}

var (
	errQuote  = errors.New(`a quote within a field that does not begin with one`)
	errBehind = errors.New(`something between a closing quote and the comma`)
	errOpen   = errors.New(`a quote that is never closed`)
)

// split takes r.buf, which it extends as long as a quote is open, apart.
func (r *csvReader) split() error {
	r.fields = r.fields[:0]
	for at := 0; ; at++ {
		var err error
		var from, to int // positions, because the buffer may move
		if at < len(r.buf) && r.buf[at] == '"' {
			from = at + 1
			to, at, err = r.quoted(from)
		} else {
			from = at
			to, at, err = r.bare(at)
		}
		if err != nil {
			return err
		}
		r.fields = append(r.fields, r.buf[from:to:to])
		if at == len(r.buf) {
			return nil
		}
	}
}

// bare reads a field without quotes. It returns where the field ends, and where
// the comma after it, or the end of the record, is.
func (r *csvReader) bare(from int) (to, at int, err error) {
	to, at = len(r.buf), len(r.buf)
	if i := bytes.IndexByte(r.buf[from:], ','); i >= 0 {
		to, at = from+i, from+i
	} else if to > from && r.buf[to-1] == '\r' {
		to--
	}
	if bytes.IndexByte(r.buf[from:to], '"') >= 0 {
		err = errQuote
	}
	return to, at, err
}

// quoted reads a field whose opening quote stands before from, and removes the
// doubling of quotes in it. It returns as bare does.
func (r *csvReader) quoted(from int) (to, at int, err error) {
	to, at = from, from
	for seen := from; ; seen = at {
		i := bytes.IndexByte(r.buf[seen:], '"')
		for i < 0 {
			seen = len(r.buf)
			if err := r.more(); err != nil {
				return 0, 0, err
			}
			i = bytes.IndexByte(r.buf[seen:], '"')
		}
		to += copy(r.buf[to:], r.buf[at:seen+i])
		at = seen + i + 1
		if at < len(r.buf) && r.buf[at] == '"' {
			r.buf[to] = '"'
			to, at = to+1, at+1
			continue
		}
		rest := r.buf[at:]
		if string(rest) == "\r" {
			return to, len(r.buf), nil
		}
		if len(rest) > 0 && rest[0] != ',' {
			return 0, 0, errBehind
		}
		return to, at, nil
	}
}

// more adds a line to a record whose quote is open. Fields found before point
// to the buffer as it was, which stays as it is when append moves it.
func (r *csvReader) more() error {
	line, err := r.lines.next()
	if err == io.EOF {
		return errOpen
	}
	if err != nil {
		return err
	}
	if len(r.buf)+len(line) > MaxRow {
		return errRowTooLong
	}
	r.buf = append(append(r.buf, '\n'), line...)
	return nil
}

// csvWriter writes the format CSV.
type csvWriter struct{ target }

func (w *csvWriter) Write(e prolly.Entry) error {
	value, err := w.bytes(e)
	if err != nil {
		return err
	}
	w.row = append(appendField(w.row[:0], e.Key), ',')
	w.row = append(appendField(w.row, value), '\n')
	_, err = w.w.Write(w.row)
	return err
}

// appendField quotes a field that would be read differently without quotes.
func appendField(dst, field []byte) []byte {
	if !bytes.ContainsAny(field, "\",\r\n") && !bytes.HasPrefix(field, byteOrderMark) {
		return append(dst, field...)
	}
	dst = append(dst, '"')
	for {
		i := bytes.IndexByte(field, '"')
		if i < 0 {
			return append(append(dst, field...), '"')
		}
		dst = append(append(dst, field[:i+1]...), '"')
		field = field[i+1:]
	}
}

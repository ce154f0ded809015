package rows

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/djson"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// jsonReader reads the format JSONL.
type jsonReader struct{ lines *lineReader }

func (r *jsonReader) line() int { return r.lines.number }

func (r *jsonReader) next() (prolly.Entry, error) {
	for {
		line, err := r.lines.next()
		if err != nil {
			return prolly.Entry{}, err
		}
		if r.lines.number == 1 {
			line = bytes.TrimPrefix(line, byteOrderMark)
		}
		if len(bytes.TrimSpace(line)) > 0 {
			return parseEntry(line)
		}
	}
}

var byteOrderMark = []byte("\ufeff")

var (
	errMember = errors.New(`an entry is {"key": …, "value": …}`)
	errKey    = errors.New("a key is no link")
)

// parseEntry reads {"key": …, "value": …}, in either order.
func parseEntry(line []byte) (prolly.Entry, error) {
	var e prolly.Entry
	var hasKey, hasValue bool
	p := djson.NewParser(line)
	if err := p.Expect('{'); err != nil {
		return e, err
	}
	for {
		name, err := p.String()
		if err == nil {
			err = p.Expect(':')
		}
		if err != nil {
			return e, err
		}
		v, err := p.Value()
		switch {
		case err != nil:
			return e, fmt.Errorf("%s: %w", quote(name), err)
		case string(name) == "key" && !hasKey && !v.Link.Defined():
			e.Key, hasKey = v.Bytes, true
		case string(name) == "value" && !hasValue:
			e.Value, hasValue = value(v), true
		case string(name) == "key" && v.Link.Defined():
			return e, errKey
		default:
			return e, fmt.Errorf("unexpected member %s: %w", quote(name), errMember)
		}
		if !p.Next(',') {
			break
		}
	}
	if err := p.Expect('}'); err != nil {
		return e, err
	}
	if !hasKey || !hasValue {
		return e, errMember
	}
	return e, p.End()
}

func quote(name []byte) []byte { return djson.AppendString(nil, name[:min(len(name), 40)]) }

func value(v djson.Value) prolly.Value {
	if v.Link.Defined() {
		return prolly.Value{Link: v.Link, Size: uint64(v.Link.ByteLen())}
	}
	return prolly.Value{Bytes: v.Bytes, Size: uint64(len(v.Bytes))}
}

// jsonWriter writes the format JSONL.
type jsonWriter struct{ target }

func (w *jsonWriter) Write(e prolly.Entry) error {
	if err := WriteEntry(w.w, e, w.open); err != nil {
		return err
	}
	return w.w.WriteByte('\n')
}

// WriteEntry writes {"key": …, "value": …}, without a line feed.
func WriteEntry(w *bufio.Writer, e prolly.Entry, open Opener) error {
	b := djson.AppendBytes(append(w.AvailableBuffer(), `{"key":`...), e.Key)
	if _, err := w.Write(append(b, `,"value":`...)); err != nil {
		return err
	}
	if err := WriteValue(w, e.Value, open); err != nil {
		return fmt.Errorf("value of %q: %w", e.Key, err)
	}
	return w.WriteByte('}')
}

// WriteValue writes a value's JSON form. One that stands out of line is written
// piece by piece when it is long.
func WriteValue(w *bufio.Writer, v prolly.Value, open Opener) error {
	if v.Link.Defined() {
		_, err := w.Write(djson.AppendLink(w.AvailableBuffer(), v.Link))
		return err
	}
	if v.Size > wholeValue && v.Bytes == nil {
		return writeLong(w, v, open)
	}
	b, err := ReadValue(v, open)
	if err != nil {
		return err
	}
	_, err = w.Write(djson.AppendBytes(w.AvailableBuffer(), b))
	return err
}

// wholeValue is the size of the longest value that is written at once.
const wholeValue = 1 << 20

// writeLong reads a value twice, first to see whether it is UTF-8.
func writeLong(w io.Writer, v prolly.Value, open Opener) (err error) {
	r, err := open(v)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	isText := true
	err = characters(r, func(piece []byte) error {
		if isText = utf8.Valid(piece); !isText {
			return io.EOF
		}
		return nil
	})
	if err != nil && err != io.EOF {
		return err
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if isText {
		return writeText(w, r)
	}
	return writeBase64(w, r)
}

func writeText(w io.Writer, r io.Reader) error {
	if _, err := io.WriteString(w, `"`); err != nil {
		return err
	}
	var buf []byte
	err := characters(r, func(piece []byte) error {
		buf = djson.AppendText(buf[:0], piece)
		_, err := w.Write(buf)
		return err
	})
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, `"`)
	return err
}

func writeBase64(w io.Writer, r io.Reader) error {
	if _, err := io.WriteString(w, djson.BytesHead); err != nil {
		return err
	}
	enc := base64.NewEncoder(base64.RawStdEncoding, w)
	if _, err := io.Copy(enc, r); err != nil {
		return err
	}
	if err := enc.Close(); err != nil {
		return err
	}
	_, err := io.WriteString(w, djson.BytesTail)
	return err
}

// characters calls f with pieces of what r reads, none of which ends within a
// character, unless the last does.
func characters(r io.Reader, f func([]byte) error) error {
	buf := make([]byte, 64<<10)
	have := 0
	for {
		n, err := io.ReadFull(r, buf[have:])
		have += n
		last := err == io.EOF || err == io.ErrUnexpectedEOF
		if err != nil && !last {
			return err
		}
		end := have
		if !last {
			end -= cutShort(buf[:have])
		}
		if end > 0 {
			if err := f(buf[:end]); err != nil {
				return err
			}
		}
		if last {
			return nil
		}
		have = copy(buf, buf[end:have])
	}
}

// cutShort is how many bytes at the end of b begin a character that is not
// whole.
func cutShort(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if tail := b[len(b)-n:]; utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return n
		}
	}
	return 0
}

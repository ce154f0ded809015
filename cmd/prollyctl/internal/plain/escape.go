package plain

import (
	"fmt"
	"io"
	"unicode"
	"unicode/utf8"
)

const joiner = '\u200d' // in many emoji; moves no cursor

// Safe tells whether a terminal may be given r as it is.
func Safe(r rune) bool { return unicode.IsGraphic(r) || r == joiner }

// Append appends b, escaped, to dst.
func Append(dst, b []byte) []byte {
	from := 0
	for i := 0; i < len(b); {
		if c := b[i]; c >= ' ' && c < utf8.RuneSelf-1 && c != '\\' {
			i++
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		dst = appendRune(append(dst, b[from:i]...), r, b[i:i+n])
		i += n
		from = i
	}
	return append(dst, b[from:]...)
}

// Bytes returns b, escaped.
func Bytes(b []byte) string { return string(Append(nil, b)) }

// String returns s, escaped.
func String(s string) string { return string(Append(nil, []byte(s))) }

// Clean returns s with all escaped that is not Safe, but backslashes as they
// are: for messages, in which escapes stand already.
func Clean(s string) string {
	var dst []byte
	for b := []byte(s); len(b) > 0; {
		r, n := utf8.DecodeRune(b)
		if r == '\\' {
			dst = append(dst, '\\')
		} else {
			dst = appendRune(dst, r, b[:n])
		}
		b = b[n:]
	}
	return string(dst)
}

// Head returns the beginning of b, escaped, with an ellipsis when there is more
// than about max bytes of it.
func Head(b []byte, max int) string {
	if len(b) <= max {
		return Bytes(b)
	}
	for i := max; i > max-utf8.UTFMax && i > 0; i-- { // do not cut a character
		if utf8.RuneStart(b[i]) {
			max = i
			break
		}
	}
	return Bytes(b[:max]) + "…"
}

// appendRune appends r, which was decoded from raw.
func appendRune(dst []byte, r rune, raw []byte) []byte {
	switch {
	case r == utf8.RuneError && len(raw) == 1:
		return fmt.Appendf(dst, `\x%02x`, raw[0])
	case r == '\\':
		return append(dst, `\\`...)
	case r == '\n':
		return append(dst, `\n`...)
	case r == '\r':
		return append(dst, `\r`...)
	case r == '\t':
		return append(dst, `\t`...)
	case Safe(r):
		return append(dst, raw...)
	case r < utf8.RuneSelf:
		return fmt.Appendf(dst, `\x%02x`, r)
	case r > 0xffff:
		return fmt.Appendf(dst, `\U%08x`, r)
	}
	return fmt.Appendf(dst, `\u%04x`, r)
}

// Writer passes text on with everything escaped that is not Safe, except line
// feeds, tabs and backslashes. Flush must be called at the end.
type Writer struct {
	w    io.Writer
	rest []byte // the beginning of a character
	buf  []byte
}

// NewWriter returns a Writer onto w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Write implements io.Writer.
func (w *Writer) Write(p []byte) (int, error) {
	b := p
	if len(w.rest) > 0 {
		b = append(w.rest, p...)
	}
	w.buf = w.buf[:0]
	for len(b) > 0 && utf8.FullRune(b) {
		r, n := utf8.DecodeRune(b)
		if r == '\n' || r == '\t' || r == '\\' {
			w.buf = append(w.buf, b[0])
		} else {
			w.buf = appendRune(w.buf, r, b[:n])
		}
		b = b[n:]
	}
	w.rest = append([]byte(nil), b...)
	if _, err := w.w.Write(w.buf); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush writes what is left of a character that was cut short.
func (w *Writer) Flush() error {
	_, err := w.w.Write(Append(nil, w.rest))
	w.rest = nil
	return err
}

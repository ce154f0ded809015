package djson

import (
	"encoding/base64"
	"unicode/utf8"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/plain"
)

// AppendBytes appends b as a string, or as base64 when it is not UTF-8.
func AppendBytes(dst, b []byte) []byte {
	if utf8.Valid(b) {
		return AppendString(dst, b)
	}
	dst = append(dst, BytesHead...)
	dst = base64.RawStdEncoding.AppendEncode(dst, b)
	return append(dst, BytesTail...)
}

// What stands around the base64 of bytes.
const (
	BytesHead = `{"/":{"bytes":"`
	BytesTail = `"}}`
)

// AppendLink appends c as a link.
func AppendLink(dst []byte, c cid.Cid) []byte {
	dst = append(dst, `{"/":"`...)
	dst = append(dst, c.String()...)
	return append(dst, `"}`...)
}

// AppendString appends text, which is UTF-8, as a JSON string.
func AppendString(dst, text []byte) []byte {
	return append(AppendText(append(dst, '"'), text), '"')
}

// AppendText appends what stands between the quotes of a JSON string.
func AppendText(dst, text []byte) []byte {
	from := 0
	for i := 0; i < len(text); {
		if c := text[i]; c >= ' ' && c < utf8.RuneSelf-1 && c != '"' && c != '\\' {
			i++
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		if r != '"' && r != '\\' && plain.Safe(r) {
			i += n
			continue
		}
		dst = appendEscape(append(dst, text[from:i]...), r)
		i += n
		from = i
	}
	return append(dst, text[from:]...)
}

func appendEscape(dst []byte, r rune) []byte {
	switch r {
	case '"', '\\':
		return append(dst, '\\', byte(r))
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	if r > 0xffff {
		r -= 0x10000
		return appendHex(appendHex(dst, 0xd800+r>>10), 0xdc00+r&0x3ff)
	}
	return appendHex(dst, r)
}

func appendHex(dst []byte, r rune) []byte {
	const digits = "0123456789abcdef"
	return append(dst, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}

// Bytes are marshalled by encoding/json as AppendBytes has them.
type Bytes []byte

// MarshalJSON implements json.Marshaler.
func (b Bytes) MarshalJSON() ([]byte, error) { return AppendBytes(nil, b), nil }

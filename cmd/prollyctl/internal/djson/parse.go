package djson

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"

	cid "github.com/ipfs/go-cid"
)

// Parser reads the forms from one piece of JSON text, from left to right.
type Parser struct {
	text []byte // rewritten in place as strings are decoded
	at   int
}

// NewParser returns a parser of text, which belongs to it and to what it
// returns: strings are decoded in place.
func NewParser(text []byte) Parser { return Parser{text: text} }

// Value is bytes or, when Link is defined, a link.
type Value struct {
	Bytes []byte
	Link  cid.Cid
}

// ErrSyntax: the text is not JSON, or not of the form asked for.
var ErrSyntax = errors.New("malformed JSON")

func (p *Parser) fail(want string) error {
	if p.at >= len(p.text) {
		return fmt.Errorf("%w: it ends where %s was expected", ErrSyntax, want)
	}
	return fmt.Errorf("%w: column %d: %s expected", ErrSyntax, p.at+1, want)
}

func (p *Parser) space() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\t', '\r', '\n':
			p.at++
		default:
			return
		}
	}
}

// Next skips c, and white space before it, and tells whether it was there.
func (p *Parser) Next(c byte) bool {
	p.space()
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

// Expect skips c, and white space before it.
func (p *Parser) Expect(c byte) error {
	if !p.Next(c) {
		return p.fail(fmt.Sprintf("%q", c))
	}
	return nil
}

// End wants nothing but white space to be left.
func (p *Parser) End() error {
	if p.space(); p.at < len(p.text) {
		return p.fail("the end of the line")
	}
	return nil
}

// Value reads bytes or a link. The bytes are part of the parser's text or,
// decoded from base64, new.
func (p *Parser) Value() (v Value, err error) {
	if !p.Next('{') {
		v.Bytes, err = p.String()
		return v, err
	}
	if err := p.member("/"); err != nil {
		return v, err
	}
	if p.Next('{') {
		if v.Bytes, err = p.base64(); err != nil {
			return v, err
		}
		if err = p.Expect('}'); err != nil {
			return v, err
		}
		return v, p.Expect('}')
	}
	s, err := p.String()
	if err != nil {
		return v, err
	}
	if v.Link, err = cid.Decode(string(s)); err != nil {
		return v, fmt.Errorf("link %q: %w", s, err)
	}
	return v, p.Expect('}')
}

// member reads a name and the colon after it.
func (p *Parser) member(name string) error {
	at := p.at
	s, err := p.String()
	if err != nil {
		return err
	}
	if string(s) != name {
		p.at = at
		return p.fail(fmt.Sprintf("%q", name))
	}
	return p.Expect(':')
}

func (p *Parser) base64() ([]byte, error) {
	if err := p.member("bytes"); err != nil {
		return nil, err
	}
	s, err := p.String()
	if err != nil {
		return nil, err
	}
	if bytes.ContainsAny(s, "\r\n") { // the decoder would skip them
		return nil, fmt.Errorf("%w: line break in base64", ErrSyntax)
	}
	for range 2 {
		s = bytes.TrimSuffix(s, []byte("="))
	}
	b, err := base64.RawStdEncoding.AppendDecode([]byte{}, s)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	return b, nil
}

// String reads a string and returns its text, which is UTF-8 and part of the
// parser's.
func (p *Parser) String() ([]byte, error) {
	if p.space(); p.at >= len(p.text) || p.text[p.at] != '"' {
		return nil, p.fail("a string")
	}
	p.at++
	from := p.at
	for p.at < len(p.text) {
		switch c := p.text[p.at]; {
		case c == '"':
			s := p.text[from:p.at:p.at]
			p.at++
			return s, p.valid(s, from)
		case c == '\\':
			return p.escaped(from)
		case c < ' ':
			return nil, p.fail("an escape in place of a control character")
		}
		p.at++
	}
	return nil, p.fail("the end of a string")
}

// escaped goes on with a string that began at from and has its first escape
// here. Text never grows by decoding.
func (p *Parser) escaped(from int) ([]byte, error) {
	to := p.at
	for p.at < len(p.text) {
		switch c := p.text[p.at]; {
		case c == '"':
			s := p.text[from:to:to]
			p.at++
			return s, p.valid(s, from)
		case c == '\\':
			r, err := p.escape()
			if err != nil {
				return nil, err
			}
			to = len(utf8.AppendRune(p.text[:to], r))
			continue
		case c < ' ':
			return nil, p.fail("an escape in place of a control character")
		default:
			p.text[to] = c
			to++
		}
		p.at++
	}
	return nil, p.fail("the end of a string")
}

func (p *Parser) valid(s []byte, from int) error {
	if !utf8.Valid(s) {
		return fmt.Errorf("%w: column %d: the string is not UTF-8", ErrSyntax, from)
	}
	return nil
}

var simpleEscapes = map[byte]rune{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape reads one escape, or two that are a surrogate pair.
func (p *Parser) escape() (rune, error) {
	if p.at+1 >= len(p.text) {
		p.at = len(p.text)
		return 0, p.fail("an escape")
	}
	if p.text[p.at+1] != 'u' {
		r, ok := simpleEscapes[p.text[p.at+1]]
		if !ok {
			return 0, p.fail("an escape")
		}
		p.at += 2
		return r, nil
	}
	r, ok := p.hex(p.at)
	if !ok {
		return 0, p.fail(`an escape of four hexadecimal digits`)
	}
	if !utf16.IsSurrogate(r) {
		p.at += 6
		return r, nil
	}
	low, ok := p.hex(p.at + 6)
	if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
		return 0, p.fail("a surrogate pair")
	}
	p.at += 12
	return r, nil
}

// hex reads the \u and its four digits at an offset.
func (p *Parser) hex(at int) (r rune, ok bool) {
	if at+6 > len(p.text) || p.text[at] != '\\' || p.text[at+1] != 'u' {
		return 0, false
	}
	for _, c := range p.text[at+2 : at+6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

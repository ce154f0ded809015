package main

import (
	"context"
	"fmt"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/djson"
	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/plain"
	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/rows"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// entryPrinter writes entries to stdout in the form that was asked for.
type entryPrinter struct {
	list
	open     rows.Opener
	keysOnly bool
}

func (s *session) entries(ctx context.Context) *entryPrinter {
	return &entryPrinter{list: list{a: s.app}, open: s.opener(ctx)}
}

// one prints an entry that stands alone.
func (p *entryPrinter) one(e prolly.Entry) error {
	if p.a.output == text {
		return p.text(e)
	}
	if err := p.json(e); err != nil {
		return err
	}
	return p.a.stdout.WriteByte('\n')
}

// add prints one of several entries; end comes after the last.
func (p *entryPrinter) add(e prolly.Entry) error {
	if p.a.output == text {
		return p.text(e)
	}
	if err := p.next(); err != nil {
		return err
	}
	return p.json(e)
}

func (p *entryPrinter) text(e prolly.Entry) error {
	b := plain.Append(p.a.stdout.AvailableBuffer(), e.Key)
	if !p.keysOnly {
		b = appendValue(append(b, '\t'), e.Value)
	}
	_, err := p.a.stdout.Write(append(b, '\n'))
	return err
}

func (p *entryPrinter) json(e prolly.Entry) error {
	if !p.keysOnly {
		return rows.WriteEntry(p.a.stdout, e, p.open)
	}
	b := djson.AppendBytes(append(p.a.stdout.AvailableBuffer(), `{"key":`...), e.Key)
	_, err := p.a.stdout.Write(append(b, '}'))
	return err
}

// appendValue appends a value as text: inline bytes escaped, of others what and
// how long they are.
func appendValue(dst []byte, v prolly.Value) []byte {
	switch {
	case v.Link.Defined():
		return fmt.Appendf(dst, "<link %v>", v.Link)
	case v.Blob().Defined():
		return fmt.Appendf(dst, "<%s, %v>", many(v.Size, "byte", "bytes"), v.Blob())
	}
	return plain.Append(dst, v.Bytes)
}

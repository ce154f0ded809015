package rows

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Opener reads a value that stands out of line.
type Opener func(v prolly.Value) (io.ReadSeekCloser, error)

// Writer writes entries to a file.
type Writer interface {
	// Write writes one row. It keeps nothing of e.
	Write(e prolly.Entry) error
}

// NewWriter returns a writer of a format. Flushing w is the caller's.
func NewWriter(w *bufio.Writer, f Format, open Opener) Writer {
	t := target{w: w, open: open}
	switch f {
	case CSV:
		return &csvWriter{t}
	case Lines:
		return &linesWriter{t}
	}
	return &jsonWriter{t}
}

// target is where rows go.
type target struct {
	w    *bufio.Writer
	open Opener
	row  []byte // scratch
}

var errLink = errors.New("its value is a link, which only jsonl can hold")

// bytes returns an entry's value for a format that knows bytes only.
func (t *target) bytes(e prolly.Entry) ([]byte, error) {
	if e.Value.Link.Defined() {
		return nil, refuse(e.Key, errLink)
	}
	b, err := ReadValue(e.Value, t.open)
	if err != nil {
		return nil, fmt.Errorf("value of %q: %w", e.Key, err)
	}
	return b, nil
}

func refuse(key []byte, err error) error { return fmt.Errorf("entry %q: %w", key, err) }

// ReadValue returns a value's bytes, which are read when they stand out of
// line.
func ReadValue(v prolly.Value, open Opener) ([]byte, error) {
	if !v.Blob().Defined() {
		return v.Bytes, nil
	}
	r, err := open(v)
	if err != nil {
		return nil, err
	}
	// The size is the leaf's word: room is made as the blocks confirm it.
	b := bytes.NewBuffer(make([]byte, 0, min(v.Size, wholeValue)+bytes.MinRead))
	_, err = b.ReadFrom(r)
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	if uint64(b.Len()) != v.Size {
		return nil, fmt.Errorf("%w: %d bytes where %d are named", prolly.ErrCorrupt, b.Len(), v.Size)
	}
	return b.Bytes(), nil
}

package engine

import (
	"bufio"
	"bytes"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// sortedRuns holds runs of edits in temporary files, each sorted by key, and
// merges them. Where several runs have a key, the one added last wins. It
// belongs to one goroutine.
type sortedRuns struct {
	files []*os.File
	w     *bufio.Writer
	op    []byte // scratch
}

// mergeBytes is what all runs together may take for reading, in bytes.
const mergeBytes = 16 << 20

func (r *sortedRuns) empty() bool { return len(r.files) == 0 }

// add writes a run of the edits in the given order.
func (r *sortedRuns) add(edits []prolly.Edit, order []int) error {
	f, err := os.CreateTemp("", "prolly-load-*")
	if err != nil {
		return fmt.Errorf("engine: load: temporary file: %w", err)
	}
	r.files = append(r.files, f)
	if r.w == nil {
		r.w = bufio.NewWriterSize(f, 1<<18)
	} else {
		r.w.Reset(f)
	}
	for _, i := range order {
		if err := r.write(&edits[i]); err != nil {
			return fmt.Errorf("engine: load: temporary file: %w", err)
		}
	}
	if err := r.w.Flush(); err != nil {
		return fmt.Errorf("engine: load: temporary file: %w", err)
	}
	return nil
}

// write adds one edit: │ length, uvarint │ op │, the op as in a staging record.
func (r *sortedRuns) write(e *prolly.Edit) error {
	o := opOf(e.Key, e.Value)
	r.op = appendOp(r.op[:0], &o)
	var head [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(head[:], uint64(len(r.op)))
	if _, err := r.w.Write(head[:n]); err != nil {
		return err
	}
	_, err := r.w.Write(r.op)
	return err
}

// opOf is the op that sets key to a value whose blocks are stored.
func opOf(key []byte, v prolly.Value) op {
	switch v.Kind() {
	case codec.Link:
		return op{kind: opLink, key: key, data: v.Link.Bytes()}
	case codec.Blob:
		return op{kind: opBlob, key: key, data: joinBlob(nil, v.Size, v.Blob())}
	}
	return op{kind: opInline, key: key, data: v.Bytes}
}

// close removes the files.
func (r *sortedRuns) close() error {
	var err error
	for _, f := range r.files {
		err = errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	r.files = nil
	return err
}

// merged yields the ops of all runs in key order, each key once. Their bytes
// are valid until the next step.
func (r *sortedRuns) merged() iter.Seq2[op, error] {
	return func(yield func(op, error) bool) {
		var h runHeap
		size := max(16<<10, mergeBytes/len(r.files))
		for i, f := range r.files {
			if _, err := f.Seek(0, io.SeekStart); err != nil {
				yield(op{}, err)
				return
			}
			c := &runCursor{run: i, r: bufio.NewReaderSize(f, size)}
			more, err := c.next()
			if err != nil {
				yield(op{}, err)
				return
			}
			if more {
				h = append(h, c)
			}
		}
		heap.Init(&h)
		var last []byte
		for len(h) > 0 {
			c := h[0]
			if last == nil || !bytes.Equal(c.op.key, last) {
				last = append(last[:0], c.op.key...)
				if !yield(c.op, nil) {
					return
				}
			}
			more, err := c.next()
			if err != nil {
				yield(op{}, err)
				return
			}
			if more {
				heap.Fix(&h, 0)
			} else {
				heap.Pop(&h)
			}
		}
	}
}

// runCursor stands at an op of a run.
type runCursor struct {
	run int
	r   *bufio.Reader
	buf []byte
	op  op
}

func (c *runCursor) next() (bool, error) {
	n, err := binary.ReadUvarint(c.r)
	if err == io.EOF {
		return false, nil
	}
	if err == nil && n > codec.MaxKey+codec.MaxItem+64 {
		err = fmt.Errorf("%w: an op of %d bytes", ErrCorrupt, n)
	}
	if err != nil {
		return false, fmt.Errorf("engine: load: temporary file: %w", err)
	}
	if uint64(cap(c.buf)) < n {
		c.buf = make([]byte, n)
	}
	if _, err := io.ReadFull(c.r, c.buf[:n]); err != nil {
		return false, fmt.Errorf("engine: load: temporary file: %w", err)
	}
	rd := recordReader{rest: c.buf[:n]}
	c.op, err = rd.op()
	return err == nil, err
}

// runHeap orders cursors by key, and of equal keys the later run first.
type runHeap []*runCursor

func (h runHeap) Len() int      { return len(h) }
func (h runHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h runHeap) Less(i, j int) bool {
	if c := bytes.Compare(h[i].op.key, h[j].op.key); c != 0 {
		return c < 0
	}
	return h[i].run > h[j].run
}
func (h *runHeap) Push(x any) { *h = append(*h, x.(*runCursor)) }
func (h *runHeap) Pop() any {
	old := *h
	c := old[len(old)-1]
	*h = old[:len(old)-1]
	return c
}

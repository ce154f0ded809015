package sync

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// spoolMemory is how much of a spool is held in memory, in bytes. Tests lower it.
var spoolMemory = int64(8 << 20)

// spool holds what a peer sent, verified piece by piece, until all of it is
// there: in memory, and beyond spoolMemory in a temporary file. What it knows
// about each block and run takes about 100 bytes of memory. It belongs to one
// goroutine.
type spool struct {
	mem    []byte
	file   *os.File
	size   int64
	steps  []*step
	blocks map[string]extent // by multihash
}

type extent struct {
	at int64
	n  int
}

func newSpool() *spool { return &spool{blocks: map[string]extent{}} }

// close gives the temporary file back.
func (s *spool) close() error {
	if s.file == nil {
		return nil
	}
	err := errors.Join(s.file.Close(), os.Remove(s.file.Name()))
	s.file = nil
	return err
}

// put appends bytes.
func (s *spool) put(b []byte) (extent, error) {
	x := extent{s.size, len(b)}
	if s.file == nil && s.size+int64(len(b)) > spoolMemory {
		f, err := os.CreateTemp("", "prolly-sync-*")
		if err != nil {
			return x, fmt.Errorf("sync: spool: %w", err)
		}
		s.file = f
		if _, err := f.Write(s.mem); err != nil {
			return x, fmt.Errorf("sync: spool: %w", err)
		}
		s.mem = nil
	}
	if s.file == nil {
		s.mem = append(s.mem, b...)
	} else if _, err := s.file.WriteAt(b, s.size); err != nil {
		return x, fmt.Errorf("sync: spool: %w", err)
	}
	s.size += int64(len(b))
	return x, nil
}

// get returns bytes that were put. They must not be changed.
func (s *spool) get(x extent) ([]byte, error) {
	if s.file == nil {
		return s.mem[x.at : x.at+int64(x.n) : x.at+int64(x.n)], nil
	}
	b := make([]byte, x.n)
	if _, err := s.file.ReadAt(b, x.at); err != nil {
		return nil, fmt.Errorf("sync: spool: %w", err)
	}
	return b, nil
}

// has tells whether a block was received.
func (s *spool) has(c cid.Cid) bool {
	_, ok := s.blocks[string(c.Hash())]
	return ok
}

// block returns a block that was received; ok is false when it was not.
func (s *spool) block(c cid.Cid) (b []byte, ok bool, err error) {
	x, ok := s.blocks[string(c.Hash())]
	if !ok {
		return nil, false, nil
	}
	b, err = s.get(x)
	return b, true, err
}

// edits yields the edits of a step in key order; their bytes are valid until the
// next.
func (s *spool) edits(st *step) iter.Seq2[prolly.Edit, error] {
	return func(yield func(prolly.Edit, error) bool) {
		deletes := st.deletes
		for _, x := range st.runs {
			b, err := s.get(x)
			r := runReader{rest: b}
			for err == nil {
				var e prolly.Edit
				var ok bool
				if e, ok, err = r.next(); err != nil || !ok {
					break
				}
				for len(deletes) > 0 && bytes.Compare(deletes[0], e.Key) < 0 {
					if !yield(prolly.Edit{Key: deletes[0], Delete: true}, nil) {
						return
					}
					deletes = deletes[1:]
				}
				if len(deletes) > 0 && bytes.Equal(deletes[0], e.Key) {
					deletes = deletes[1:]
				}
				if !yield(e, nil) {
					return
				}
			}
			if err != nil {
				yield(prolly.Edit{}, err)
				return
			}
		}
		for _, key := range deletes {
			if !yield(prolly.Edit{Key: key, Delete: true}, nil) {
				return
			}
		}
	}
}

// overlay reads blobs of the spool before those of a store.
type overlay struct {
	prolly.NodeStore
	s *spool
}

// ReadBlob implements prolly.NodeStore.
func (o overlay) ReadBlob(ctx context.Context, c cid.Cid) (io.ReadCloser, error) {
	b, ok, err := o.s.block(c)
	if err != nil {
		return nil, err
	}
	if ok {
		return io.NopCloser(bytes.NewReader(b)), nil
	}
	return o.NodeStore.ReadBlob(ctx, c)
}

// read returns a block of the spool or of the engine.
func (s *spool) read(e *engine.Engine) blockReader {
	return func(ctx context.Context, c cid.Cid) ([]byte, error) {
		if b, ok, err := s.block(c); ok || err != nil {
			return b, err
		}
		return e.ReadBlock(ctx, c)
	}
}

// missing names the blocks that entries need and that are neither here nor
// received: those of values, and those that links name, which may stay missing.
func (s *spool) missing(ctx context.Context, e *engine.Engine, depth int64) (values, links []cid.Cid, err error) {
	seen := map[string]struct{}{} // blocks that were looked for
	absent := func(c cid.Cid) (bool, error) {
		if s.has(c) {
			return false, nil
		}
		here, err := e.HasBlock(ctx, c)
		return !here, err
	}
	look := func(c cid.Cid) error {
		no, err := absent(c)
		if no {
			values = append(values, c)
		}
		if no && err == nil {
			return errNotBelow // nobody knows yet what is there
		}
		return err
	}
	for _, st := range s.steps {
		for edit, err := range s.edits(st) {
			if err != nil {
				return nil, nil, err
			}
			v := edit.Value
			if edit.Delete || v.Kind() == codec.Inline {
				continue
			}
			if v.Kind() == codec.Blob {
				if err := valueLinks(ctx, v.Blob(), depth, s.read(e), seen, look); err != nil {
					return nil, nil, err
				}
				continue
			}
			if _, ok := seen[string(v.Link.Hash())]; ok {
				continue
			}
			seen[string(v.Link.Hash())] = struct{}{}
			no, err := absent(v.Link)
			if err != nil {
				return nil, nil, err
			}
			if no {
				links = append(links, v.Link)
			}
		}
	}
	return values, links, nil
}

package engine

import (
	"bytes"
	"context"
	"errors"
	"io"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// reader reads one of a branch's trees at a moment: a transaction's own writes,
// if there are any, over the layers up to seq, newest first, over the folded
// tree.
type reader struct {
	own    *overlay // nil: none
	ownSeq uint64
	layers []*layer
	seq    uint64
	root   rootID
	tree   prolly.Tree
	ns     prolly.NodeStore // where out-of-line values are
}

// reader returns a reader of st for those who may see up to seq.
func (s *state) reader(root rootID, seq uint64, ns prolly.NodeStore) reader {
	return reader{layers: s.layers, seq: seq, root: root, tree: s.trees[root], ns: ns}
}

// find returns the staged version of key that the reader sees.
func (r *reader) find(key []byte) (version, bool) {
	if r.own != nil {
		if v, ok := r.own.get(key, r.ownSeq); ok {
			return v, true
		}
	}
	for _, l := range r.layers {
		o := l.over[r.root]
		if o.empty() {
			continue
		}
		if v, ok := o.get(key, r.seq); ok {
			return v, true
		}
	}
	return version{}, false
}

func (r *reader) get(ctx context.Context, key []byte) ([]byte, error) {
	v, ok := r.find(key)
	if !ok {
		return r.tree.Get(ctx, key)
	}
	if v.kind == opInline {
		return append([]byte{}, v.data...), nil
	}
	return r.readOutOfLine(ctx, v)
}

func (r *reader) view(ctx context.Context, key []byte, f func([]byte) error) error {
	v, ok := r.find(key)
	if !ok {
		return r.tree.View(ctx, key, f)
	}
	if v.kind == opInline {
		return f(v.data)
	}
	b, err := r.readOutOfLine(ctx, v)
	if err != nil {
		return err
	}
	return f(b)
}

func (r *reader) has(ctx context.Context, key []byte) (bool, error) {
	if v, ok := r.find(key); ok {
		return v.kind != opDelete, nil
	}
	return r.tree.Has(ctx, key)
}

func (r *reader) lookup(ctx context.Context, key []byte) (prolly.Entry, error) {
	v, ok := r.find(key)
	if !ok {
		return r.tree.Lookup(ctx, key)
	}
	if v.kind == opDelete {
		return prolly.Entry{}, ErrNotFound
	}
	val, err := v.kind.value(bytes.Clone(v.data))
	return prolly.Entry{Key: bytes.Clone(key), Value: val}, err
}

func (r *reader) size(ctx context.Context, key []byte) (uint64, error) {
	v, ok := r.find(key)
	if !ok {
		return r.tree.Size(ctx, key)
	}
	if v.kind == opDelete {
		return 0, ErrNotFound
	}
	return v.kind.size(v.data)
}

func (r *reader) open(ctx context.Context, key []byte) (io.ReadSeekCloser, error) {
	v, ok := r.find(key)
	if !ok {
		return r.tree.Open(ctx, key)
	}
	if v.kind == opInline {
		return &inlineReader{Reader: bytes.NewReader(v.data)}, nil
	}
	return r.openOutOfLine(ctx, v)
}

// openOutOfLine opens a version that is not inline.
func (r *reader) openOutOfLine(ctx context.Context, v version) (io.ReadSeekCloser, error) {
	size, c, err := v.blob()
	if err != nil {
		return nil, err
	}
	return prolly.OpenBlob(ctx, r.ns, c.Bytes(), size)
}

func (r *reader) readOutOfLine(ctx context.Context, v version) ([]byte, error) {
	size, c, err := v.blob()
	if err != nil {
		return nil, err
	}
	return prolly.ReadBlob(ctx, r.ns, c.Bytes(), size)
}

// blob names the blob of a version that is not inline.
func (v version) blob() (size uint64, c cid.Cid, err error) {
	switch v.kind {
	case opDelete:
		return 0, cid.Undef, ErrNotFound
	case opLink:
		return 0, cid.Undef, prolly.ErrIsLink
	}
	return splitBlob(v.data)
}

// inlineReader reads a staged inline value.
type inlineReader struct{ *bytes.Reader }

// errReaderClosed answers uses of a value's reader after its Close.
var errReaderClosed = errors.New("engine: value reader is closed")

func (r *inlineReader) Read(p []byte) (int, error) {
	if r.Reader == nil {
		return 0, errReaderClosed
	}
	return r.Reader.Read(p)
}

func (r *inlineReader) Seek(offset int64, whence int) (int64, error) {
	if r.Reader == nil {
		return 0, errReaderClosed
	}
	return r.Reader.Seek(offset, whence)
}

func (r *inlineReader) Close() error {
	r.Reader = nil
	return nil
}

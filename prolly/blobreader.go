package prolly

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// blobReader reads an out-of-line value piece by piece: it holds one chunk and
// the lists on the way to it.
type blobReader struct {
	ctx  context.Context
	ns   NodeStore
	root cid.Cid
	size uint64

	pos   uint64
	chunk []byte // the chunk that pos is in, when at <= pos < at+len(chunk)
	at    uint64

	lists  map[cid.Cid]codec.ChunkList // on the path of the last read
	closed bool
}

// errClosedReader answers uses after Close.
var errClosedReader = errors.New("prolly: value reader is closed")

// Open returns a reader of the value of key, inline or not: large values are
// read piece by piece. It belongs to one goroutine. ErrNotFound when there is
// no such key, ErrIsLink when its value is a link.
func (t Tree) Open(ctx context.Context, key []byte) (io.ReadSeekCloser, error) {
	n, i, err := t.find(ctx, key)
	if err != nil {
		return nil, err
	}
	switch n.Kind(i) {
	case codec.Inline:
		b := n.Inline(i)
		return &blobReader{ctx: ctx, size: uint64(len(b)), chunk: b}, nil
	case codec.Link:
		return nil, ErrIsLink
	}
	return OpenBlob(ctx, t.ns, n.Link(i), n.Size(i))
}

// OpenBlob returns a reader of an out-of-line value of size bytes by the CID,
// in binary, of its root block.
func OpenBlob(ctx context.Context, ns NodeStore, link []byte, size uint64) (io.ReadSeekCloser, error) {
	_, c, err := cid.CidFromBytes(link)
	if err != nil {
		return nil, fmt.Errorf("%w: link of a blob: %w", ErrCorrupt, err)
	}
	return &blobReader{ctx: ctx, ns: ns, root: c, size: size}, nil
}

func (r *blobReader) Close() error {
	r.closed, r.chunk, r.lists = true, nil, nil
	return nil
}

func (r *blobReader) Seek(offset int64, whence int) (int64, error) {
	if r.closed {
		return 0, errClosedReader
	}
	switch whence {
	case io.SeekCurrent:
		offset += int64(r.pos)
	case io.SeekEnd:
		offset += int64(r.size)
	case io.SeekStart:
	default:
		return 0, fmt.Errorf("prolly: seek: unknown whence %d", whence)
	}
	if offset < 0 {
		return 0, errors.New("prolly: seek before the beginning of a value")
	}
	r.pos = uint64(offset)
	return offset, nil
}

func (r *blobReader) Read(p []byte) (int, error) {
	if r.closed {
		return 0, errClosedReader
	}
	if len(p) == 0 {
		return 0, nil
	}
	if r.pos >= r.size {
		return 0, io.EOF
	}
	if r.pos < r.at || r.pos >= r.at+uint64(len(r.chunk)) {
		if err := r.load(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.chunk[r.pos-r.at:])
	r.pos += uint64(n)
	return n, nil
}

// load reads the chunk that pos is in.
func (r *blobReader) load() error {
	c, at, size := r.root, uint64(0), r.size
	path := map[cid.Cid]codec.ChunkList{}
	for c.Type() == cid.DagCBOR {
		l, err := r.list(c)
		if err != nil {
			return err
		}
		if l.Total != size {
			return fmt.Errorf("%w: chunk list %v holds %d bytes where %d are named", ErrCorrupt, c, l.Total, size)
		}
		if path[c] = l; len(path) > maxListDepth {
			return fmt.Errorf("%w: chunk lists nested deeper than %d", ErrCorrupt, maxListDepth)
		}
		i := 0
		for at+l.Lengths[i] <= r.pos {
			at += l.Lengths[i]
			i++
		}
		c, size = l.Links[i], l.Lengths[i]
	}
	if size > codec.MaxBlob {
		return fmt.Errorf("%w: chunk %v is said to have %d bytes", ErrCorrupt, c, size)
	}
	b, err := readBlock(r.ctx, r.ns, c, size)
	if err != nil {
		return err
	}
	r.chunk, r.at, r.lists = b, at, path
	return nil
}

// maxListDepth: three levels of 8,192 chunks of 128 KiB pass the longest value.
const maxListDepth = 4

func (r *blobReader) list(c cid.Cid) (codec.ChunkList, error) {
	if l, ok := r.lists[c]; ok {
		return l, nil
	}
	b, err := readList(r.ctx, r.ns, c)
	if err != nil {
		return codec.ChunkList{}, err
	}
	l, err := codec.ParseChunkList(b)
	if err != nil {
		return l, fmt.Errorf("%w: chunk list %v: %w", ErrCorrupt, c, err)
	}
	return l, nil
}

var _ io.ReadSeekCloser = (*blobReader)(nil)

// WriteTo lets bytes.Buffer and io.Copy take whole chunks.
func (r *blobReader) WriteTo(w io.Writer) (int64, error) {
	var sum int64
	for r.pos < r.size {
		if r.pos < r.at || r.pos >= r.at+uint64(len(r.chunk)) {
			if err := r.load(); err != nil {
				return sum, err
			}
		}
		n, err := io.Copy(w, bytes.NewReader(r.chunk[r.pos-r.at:]))
		sum += n
		r.pos += uint64(n)
		if err != nil {
			return sum, err
		}
	}
	return sum, nil
}

// OpenValue returns a reader of a value out of line that the tree yielded.
// ErrBadValue for any other.
func (t Tree) OpenValue(ctx context.Context, v Value) (io.ReadSeekCloser, error) {
	if v.blob == nil {
		return nil, fmt.Errorf("%w: it does not stand out of line", ErrBadValue)
	}
	return OpenBlob(ctx, t.ns, v.blob, v.Size)
}

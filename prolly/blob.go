package prolly

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/ipfs/boxo/chunker"
	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// writeBlob stores value out of line: one raw block up to codec.MaxBlob,
// content-defined chunks under a chunk list beyond.
func writeBlob(ctx context.Context, ns NodeStore, value []byte) (cid.Cid, error) {
	if len(value) <= codec.MaxBlob {
		c := codec.RawCID(value)
		return c, writeBlock(ctx, ns, c, value)
	}
	return writeChunks(ctx, ns, bytes.NewReader(value))
}

func writeBlock(ctx context.Context, ns NodeStore, c cid.Cid, block []byte) error {
	if err := ns.WriteBlob(ctx, c, block); err != nil {
		return fmt.Errorf("prolly: write blob: %w", err)
	}
	return nil
}

// writeChunks stores what r holds, more than codec.MaxBlob bytes, and returns
// the CID of the root list. It holds one chunk and one list a level.
func writeChunks(ctx context.Context, ns NodeStore, r io.Reader) (cid.Cid, error) {
	w := listWriter{ctx: ctx, ns: ns}
	chunks := chunk.NewBuzhash(r)
	for {
		if err := ctx.Err(); err != nil {
			return cid.Undef, err
		}
		b, err := chunks.NextBytes()
		if err == io.EOF {
			break
		}
		if err != nil {
			return cid.Undef, err
		}
		c := codec.RawCID(b)
		if err := writeBlock(ctx, ns, c, b); err != nil {
			return cid.Undef, err
		}
		if err := w.add(0, c, uint64(len(b))); err != nil {
			return cid.Undef, err
		}
	}
	return w.finish()
}

// listWriter gathers chunks into full lists, lists into lists of lists, and so
// on up.
type listWriter struct {
	ctx   context.Context
	ns    NodeStore
	lists []codec.ChunkList // the unfinished list of each level
	block []byte
}

func (w *listWriter) add(level int, c cid.Cid, size uint64) error {
	if level == len(w.lists) {
		w.lists = append(w.lists, codec.ChunkList{})
	}
	if len(w.lists[level].Links) == codec.MaxChunks {
		if err := w.flush(level); err != nil {
			return err
		}
	}
	l := &w.lists[level]
	l.Total += size
	l.Lengths = append(l.Lengths, size)
	l.Links = append(l.Links, c)
	return nil
}

// flush stores the list of a level and names it in the one above.
func (w *listWriter) flush(level int) error {
	l := w.lists[level]
	c, err := w.write(l)
	if err != nil {
		return err
	}
	w.lists[level] = codec.ChunkList{}
	return w.add(level+1, c, l.Total)
}

func (w *listWriter) write(l codec.ChunkList) (cid.Cid, error) {
	w.block = l.Append(w.block[:0])
	c := codec.ListCID(w.block)
	return c, writeBlock(w.ctx, w.ns, c, w.block)
}

// finish stores the unfinished lists and returns the root. A list of one item
// is no list: the item stands for it.
func (w *listWriter) finish() (cid.Cid, error) {
	for level := 0; ; level++ {
		l := w.lists[level]
		top := level == len(w.lists)-1
		switch {
		case top && len(l.Links) == 1:
			return l.Links[0], nil
		case top:
			return w.write(l)
		case len(l.Links) == 1:
			if err := w.add(level+1, l.Links[0], l.Total); err != nil {
				return cid.Undef, err
			}
		default:
			if err := w.flush(level); err != nil {
				return cid.Undef, err
			}
		}
	}
}

// readBlob returns the size bytes of the value whose root block is named by
// the CID in link.
func readBlob(ctx context.Context, ns NodeStore, link []byte, size uint64) ([]byte, error) {
	_, c, err := cid.CidFromBytes(link)
	if err != nil {
		return nil, fmt.Errorf("%w: link of a blob: %w", ErrCorrupt, err)
	}
	r := &blobReader{ctx: ctx, ns: ns, root: c, size: size}
	// The size is the tree's word, not yet the blocks': grow as they confirm it.
	b := bytes.NewBuffer(make([]byte, 0, min(size, codec.MaxBlob)+bytes.MinRead))
	if _, err := b.ReadFrom(r); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// readBlock reads the block c, at most limit bytes of it, and verifies it.
func readBlock(ctx context.Context, ns NodeStore, c cid.Cid, limit int) (b []byte, err error) {
	rc, err := ns.ReadBlob(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("prolly: read blob %v: %w", c, err)
	}
	defer func() { err = errors.Join(err, rc.Close()) }()
	b, err = io.ReadAll(io.LimitReader(rc, int64(limit)+1))
	if err != nil {
		return nil, fmt.Errorf("prolly: read blob %v: %w", c, err)
	}
	if len(b) > limit {
		return nil, fmt.Errorf("%w: block %v is longer than %d bytes", ErrCorrupt, c, limit)
	}
	if sum := codec.Sum(b); !bytes.Equal(sum[:], digest(c)) {
		return nil, fmt.Errorf("%w: block %v has another hash", ErrCorrupt, c)
	}
	return b, nil
}

// digest returns the SHA-256 in a CID that the format demands.
func digest(c cid.Cid) []byte {
	h := c.Hash()
	return h[max(0, len(h)-codec.HashSize):]
}

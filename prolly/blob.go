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

// StoreReader is StoreValue for a value that is read from r to its end. It holds
// codec.MaxBlob bytes, a chunk, and a list a level, however long the value is.
// An error of r is returned as it is; what was written until then stays in ns,
// named by nothing.
func StoreReader(ctx context.Context, ns NodeStore, key []byte, r io.Reader) (Value, error) {
	if err := checkKey(key); err != nil {
		return Value{}, err
	}
	var head bytes.Buffer
	_, err := io.CopyN(&head, r, codec.MaxBlob+1)
	if err == io.EOF {
		return storeValue(ctx, ns, len(key), Value{Bytes: head.Bytes()})
	}
	if err != nil {
		return Value{}, err
	}
	all := counted{r: io.MultiReader(&head, r)}
	c, err := writeChunks(ctx, ns, &all)
	if all.err != nil { // the chunker takes io.ErrUnexpectedEOF for the end
		return Value{}, all.err
	}
	if err != nil {
		return Value{}, err
	}
	return OutOfLine(c, all.n), nil
}

// counted counts what is read, and ends what grows too long.
type counted struct {
	r   io.Reader
	n   uint64
	err error // other than io.EOF; it stays
}

func (c *counted) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.r.Read(p)
	if c.n += uint64(n); c.n > codec.MaxSum {
		err = ErrTooLarge
	}
	if err != io.EOF {
		c.err = err
	}
	return n, err
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

// ReadBlob returns an out-of-line value of size bytes by the CID, in binary, of
// its root block. The bytes are the caller's.
func ReadBlob(ctx context.Context, ns NodeStore, link []byte, size uint64) ([]byte, error) {
	_, c, err := cid.CidFromBytes(link)
	if err != nil {
		return nil, fmt.Errorf("%w: link of a blob: %w", ErrCorrupt, err)
	}
	if c.Type() != cid.DagCBOR && size > 0 && size <= codec.MaxBlob {
		return readBlock(ctx, ns, c, size) // which is the value, in memory of its own
	}
	r := &blobReader{ctx: ctx, ns: ns, root: c, size: size}
	// The size is the tree's word, not yet the blocks': grow as they confirm it.
	b := bytes.NewBuffer(make([]byte, 0, min(size, codec.MaxBlob)+bytes.MinRead))
	if _, err := b.ReadFrom(r); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// readBlock reads the block c, which has size bytes, and verifies it.
func readBlock(ctx context.Context, ns NodeStore, c cid.Cid, size uint64) ([]byte, error) {
	if l, ok := ns.(BlobLoader); ok {
		b, err := l.LoadBlob(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("prolly: read blob %v: %w", c, err)
		}
		if uint64(len(b)) != size {
			return nil, fmt.Errorf("%w: block %v has %d bytes where %d are named", ErrCorrupt, c, len(b), size)
		}
		return b, nil
	}
	return readVerified(ctx, ns, c, func(r io.Reader) ([]byte, error) {
		b := make([]byte, size)
		if n, err := io.ReadFull(r, b); err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil, fmt.Errorf("%w: block %v has %d bytes where %d are named", ErrCorrupt, c, n, size)
		} else if err != nil {
			return nil, err
		}
		var more [1]byte
		if n, err := r.Read(more[:]); n > 0 || err != io.EOF && err != nil {
			return nil, errors.Join(err, fmt.Errorf("%w: block %v has more than the %d bytes that are named", ErrCorrupt, c, size))
		}
		return b, nil
	})
}

// readList reads the chunk list c and verifies it.
func readList(ctx context.Context, ns NodeStore, c cid.Cid) ([]byte, error) {
	return readVerified(ctx, ns, c, func(r io.Reader) ([]byte, error) {
		b, err := io.ReadAll(io.LimitReader(r, codec.MaxChunkList+1))
		if err == nil && len(b) > codec.MaxChunkList {
			err = fmt.Errorf("%w: chunk list %v is longer than %d bytes", ErrCorrupt, c, codec.MaxChunkList)
		}
		return b, err
	})
}

// readVerified opens the block c, has it read, and compares its hash.
func readVerified(ctx context.Context, ns NodeStore, c cid.Cid, read func(io.Reader) ([]byte, error)) (b []byte, err error) {
	rc, err := ns.ReadBlob(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("prolly: read blob %v: %w", c, err)
	}
	defer func() { err = errors.Join(err, rc.Close()) }()
	if b, err = read(rc); err != nil {
		return nil, fmt.Errorf("prolly: read blob %v: %w", c, err)
	}
	return checkedBlob(c, b)
}

// checkedBlob returns a block that has the hash it should have.
func checkedBlob(c cid.Cid, b []byte) ([]byte, error) {
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

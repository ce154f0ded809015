package engine

import (
	"context"
	"errors"
	"io"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// PutReader stages a value that it reads from r to its end, in bounded memory
// however long it is, and returns how many bytes there were. Nobody waits for
// r: other writers, folds and collections go on, and what was read so far is
// kept for the call. When it fails the key keeps its value; what was written of
// the new one is garbage. An error of r is returned as it is.
func (b *Branch) PutReader(ctx context.Context, key []byte, r io.Reader, d ...Durability) (size uint64, err error) {
	if _, err := b.now(ctx); err != nil {
		return 0, err
	}
	if b.e.o.ReadOnly {
		return 0, ErrReadOnly
	}
	u := &upload{NodeStore: b.e.nodes, e: b.e, w: b.e.newWriter(), held: b.e.young.hold()}
	defer func() { err = errors.Join(err, u.close()) }()
	v, err := prolly.StoreReader(ctx, u, key, &contextReader{ctx, r})
	if err != nil {
		return 0, err
	}
	if v.Kind() == codec.Inline {
		return v.Size, b.Put(ctx, key, v.Bytes, d...)
	}
	return v.Size, b.stageOnce(ctx, []op{opOf(key, v)}, u.w, durable(d))
}

// upload is the NodeStore that a value is written to as it is read. It enters the
// world for each block alone, for between two of them it may have to wait long.
type upload struct {
	prolly.NodeStore
	e    *Engine
	w    *writer
	held *held
}

// WriteBlob implements prolly.NodeStore.
func (u *upload) WriteBlob(ctx context.Context, c cid.Cid, block []byte) error {
	inside, err := u.e.enter(ctx)
	if err != nil {
		return err
	}
	defer inside.leave()
	u.held.add(c.Hash())
	return u.w.WriteBlob(ctx, c, block)
}

// close gives up what was not staged.
func (u *upload) close() error {
	u.held.release()
	return u.w.drop()
}

// contextReader ends when its context does.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r *contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

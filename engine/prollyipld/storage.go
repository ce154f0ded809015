package prollyipld

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	cid "github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/storage"
	mh "github.com/multiformats/go-multihash"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Storage is a store of blocks as go-ipld-prime wants it: a key is a CID in
// binary. What is read was verified. All methods may be called by several
// goroutines at once.
type Storage struct{ b blocks }

// blocks is what stands behind a Storage.
type blocks interface {
	// ReadBlock answers prolly.ErrMissing when the block is not here.
	ReadBlock(ctx context.Context, c cid.Cid) ([]byte, error)
	PutBlock(ctx context.Context, c cid.Cid, block []byte) error
}

// NewStorage returns the blocks of an engine: nodes, commits, values and linked
// blocks. What is put is kept as by Engine.PutBlock: for good only when a tree
// links to it.
func NewStorage(e *engine.Engine) *Storage { return &Storage{e} }

// NewKVStorage returns the blocks of a store without an engine. What is put is
// visible when Put returns, and durable with the store's next Sync.
func NewKVStorage(s kv.Store) *Storage { return &Storage{bare{s}} }

var (
	_ storage.ReadableStorage          = (*Storage)(nil)
	_ storage.WritableStorage          = (*Storage)(nil)
	_ storage.StreamingReadableStorage = (*Storage)(nil)
)

// parse returns the CID that a key stands for.
func parse(key string) (cid.Cid, error) {
	c, err := cid.Cast([]byte(key))
	if err != nil {
		return c, fmt.Errorf("prollyipld: key %q: %w", key, err)
	}
	return c, nil
}

// Has tells whether a block is here.
func (s *Storage) Has(ctx context.Context, key string) (bool, error) {
	_, err := s.Get(ctx, key)
	if errors.Is(err, prolly.ErrMissing) {
		return false, nil
	}
	return err == nil, err
}

// Get returns a block, which the caller owns. The error wraps prolly.ErrMissing
// when it is not here, prolly.ErrCorrupt when it is not what the key names.
func (s *Storage) Get(ctx context.Context, key string) ([]byte, error) {
	c, err := parse(key)
	if err != nil {
		return nil, err
	}
	return s.b.ReadBlock(ctx, c)
}

// GetStream is Get as a reader.
func (s *Storage) GetStream(ctx context.Context, key string) (io.ReadCloser, error) {
	b, err := s.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

// Put stores a block that the key names.
func (s *Storage) Put(ctx context.Context, key string, block []byte) error {
	c, err := parse(key)
	if err != nil {
		return err
	}
	return s.b.PutBlock(ctx, c, block)
}

// bare reads and writes a store of package kv.
type bare struct{ s kv.Store }

func (b bare) ReadBlock(ctx context.Context, c cid.Cid) ([]byte, error) {
	block, err := b.s.ReadBlob(ctx, c)
	if p := c.Prefix(); errors.Is(err, kv.ErrNotFound) && p.MhType == mh.SHA2_256 && p.MhLength == codec.HashSize {
		var n kv.Node
		n, err = b.s.ReadNode(ctx, codec.Hash(c.Hash()[len(c.Hash())-codec.HashSize:]), kv.Hint{})
		block = n.Block
	}
	if errors.Is(err, kv.ErrNotFound) {
		return nil, fmt.Errorf("prollyipld: read %v: %w", c, prolly.ErrMissing)
	}
	if err != nil {
		return nil, fmt.Errorf("prollyipld: read %v: %w", c, err)
	}
	return block, verify(c, block)
}

func (b bare) PutBlock(ctx context.Context, c cid.Cid, block []byte) error {
	if err := verify(c, block); err != nil {
		return err
	}
	w := b.s.NewBatch()
	err := w.PutBlob(c, block)
	if err == nil {
		err = w.Commit(ctx)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return fmt.Errorf("prollyipld: put %v: %w", c, err)
	}
	return nil
}

// verify tells whether c names the block.
func verify(c cid.Cid, block []byte) error {
	d, err := c.Prefix().Sum(block)
	if err != nil {
		return fmt.Errorf("%w: %v: %w", engine.ErrHash, c, err)
	}
	if !d.Equals(c) {
		return fmt.Errorf("%w: block %v has another hash", prolly.ErrCorrupt, c)
	}
	return nil
}

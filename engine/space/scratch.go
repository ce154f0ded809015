package space

import (
	"context"
	"errors"
	"fmt"
	"io"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// scratch is a node store that keeps what is written in memory, over one that
// is only read: where to work out which root a difference leads to before
// anything is changed.
type scratch struct {
	over prolly.NodeStore // in memory
	base prolly.NodeStore
}

func newScratch(base prolly.NodeStore) scratch {
	return scratch{over: prolly.NewMemStore(), base: base}
}

func (s scratch) ReadNode(ctx context.Context, a prolly.Addr) ([]byte, []prolly.Hint, error) {
	b, h, err := s.over.ReadNode(ctx, prolly.Addr{Hash: a.Hash})
	if errors.Is(err, prolly.ErrMissing) {
		return s.base.ReadNode(ctx, a)
	}
	return b, h, err
}

func (s scratch) WriteNode(ctx context.Context, h codec.Hash, block []byte, children []prolly.Hint) (prolly.Hint, error) {
	return s.over.WriteNode(ctx, h, block, children)
}

func (s scratch) ReadBlob(ctx context.Context, c cid.Cid) (io.ReadCloser, error) {
	r, err := s.over.ReadBlob(ctx, c)
	if errors.Is(err, prolly.ErrMissing) {
		return s.base.ReadBlob(ctx, c)
	}
	return r, err
}

func (s scratch) WriteBlob(ctx context.Context, c cid.Cid, block []byte) error {
	return s.over.WriteBlob(ctx, c, block)
}

// applied returns the tree that the other side's changes make of t, written
// nowhere. ErrTooLarge when their keys were chosen to make every edit near them
// slow.
func applied(ctx context.Context, ns prolly.NodeStore, t prolly.Tree, changes []wireChange) (prolly.Tree, error) {
	t, err := t.In(newScratch(ns)).ApplyWithin(ctx, editsOf(changes), prolly.Limits{MaxGap: prolly.DefaultMaxGap})
	if errors.Is(err, prolly.ErrGap) {
		err = fmt.Errorf("%w: %w", ErrTooLarge, err)
	}
	return t, err
}

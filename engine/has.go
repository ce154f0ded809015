package engine

import (
	"context"
	"errors"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// HasBlock tells whether a block is stored, node or not, without verifying it. A
// block that its own CID contains is always there.
func (e *Engine) HasBlock(ctx context.Context, c cid.Cid) (bool, error) {
	if err := e.ready(ctx); err != nil || !c.Defined() {
		return false, err
	}
	if _, ok := inIdentity(c); ok {
		return true, nil
	}
	if err := e.keepLink(ctx, c); err != nil { // who asks may go on without it
		return false, err
	}
	ok, err := e.store.HasBlob(ctx, c)
	if err != nil {
		return false, storeError("look for block", err)
	}
	h, isHash := hashOfBlock(c)
	if ok || !isHash {
		return ok, nil
	}
	_, err = e.nodes.peek(ctx, prolly.Addr{Hash: h})
	if errors.Is(err, ErrMissing) {
		return false, nil
	}
	return err == nil, err
}

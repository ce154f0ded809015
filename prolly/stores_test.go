package prolly

import (
	"context"
	"io"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// discard takes nodes and keeps nothing: what a build costs without a store.
type discard struct{}

func (discard) ReadNode(context.Context, Addr) ([]byte, []Hint, error) { return nil, nil, ErrMissing }
func (discard) ReadBlob(context.Context, cid.Cid) (io.ReadCloser, error) {
	return nil, ErrMissing
}
func (discard) WriteBlob(context.Context, cid.Cid, []byte) error { return nil }
func (discard) WriteNode(context.Context, codec.Hash, []byte, []Hint) (Hint, error) {
	return Hint{}, nil
}

// overlay reads a memStore and writes nowhere.
type overlay struct{ *memStore }

func (overlay) WriteNode(context.Context, codec.Hash, []byte, []Hint) (Hint, error) {
	return Hint{}, nil
}

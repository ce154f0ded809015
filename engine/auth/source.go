package auth

import (
	"context"

	"github.com/ipfs/go-cid"
)

// Source gives blocks by their CID: those of a message, of a store, of both.
// A block that it does not have is ErrMissing; every other error ends the
// request. Blocks need not be verified: whoever reads them here does that.
type Source func(ctx context.Context, c cid.Cid) ([]byte, error)

// Blocks is a source of the blocks of a map.
func Blocks(m map[cid.Cid][]byte) Source {
	return func(_ context.Context, c cid.Cid) ([]byte, error) {
		if b, ok := m[c]; ok {
			return b, nil
		}
		return nil, ErrMissing
	}
}

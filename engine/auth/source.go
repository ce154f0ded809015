package auth

import (
	"context"
	"errors"
	"slices"

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

// Sources asks one source after the other.
func Sources(all ...Source) Source {
	all = slices.Clone(all)
	return func(ctx context.Context, c cid.Cid) ([]byte, error) {
		for _, s := range all {
			if b, err := s(ctx, c); !errors.Is(err, ErrMissing) {
				return b, err
			}
		}
		return nil, ErrMissing
	}
}

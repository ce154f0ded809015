package car

import (
	"context"
	"fmt"
	"io"

	cid "github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// maxListDepth is how deep chunk lists nest at most: three levels of full lists
// pass the longest value.
const maxListDepth = 4

// inName tells whether a block is contained in its CID.
func inName(c cid.Cid) bool { return c.Prefix().MhType == mh.IDENTITY }

// readBlob reads a block of a value, or a list, and verifies it.
func readBlob(ctx context.Context, ns prolly.NodeStore, c cid.Cid) ([]byte, error) {
	rc, err := ns.ReadBlob(ctx, c)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(rc, codec.MaxBlob+1))
	if cerr := rc.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, err
	}
	if h, err := codec.HashOf(c); c.Type() == cid.DagCBOR && (err != nil || codec.Sum(b) != h) || c.Type() == cid.Raw && !codec.RawCID(b).Equals(c) {
		return nil, fmt.Errorf("%w: block %v has another hash", prolly.ErrCorrupt, c)
	}
	return b, nil
}

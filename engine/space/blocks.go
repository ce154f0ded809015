package space

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	cid "github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/ipld/go-ipld-prime/traversal"
	"github.com/storacha/go-ucanto/core/ipld"
	"github.com/storacha/go-ucanto/core/ipld/block"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

// Bounds on the blocks that make up one invocation or receipt with all that it
// refers to.
const (
	maxBundleBlocks = 512
	maxBundleBytes  = 1 << 20
	maxBlock        = 256 << 10
)

// cidOf is the CID in a link.
func cidOf(l ipld.Link) (cid.Cid, error) {
	if c, ok := l.(cidlink.Link); ok {
		return c.Cid, nil
	}
	return cid.Undef, fmt.Errorf("%w: not a CID", ErrMalformed)
}

// mustCID is the CID in a link that was made here, or screened.
func mustCID(l ipld.Link) cid.Cid { return l.(cidlink.Link).Cid }

func linkOf(c cid.Cid) ipld.Link { return cidlink.Link{Cid: c} }

// decodeNode reads a DAG-CBOR block of a UCAN, a receipt or a message. All of
// them are maps; trees are not, so that nothing goes astray into one.
func decodeNode(b []byte) (datamodel.Node, error) {
	if len(b) > maxBlock {
		return nil, fmt.Errorf("%w: block of %d bytes", ErrTooLarge, len(b))
	}
	nb := basicnode.Prototype.Map.NewBuilder()
	o := dagcbor.DecodeOptions{AllowLinks: true, AllocationBudget: 8 * maxBlock, MaxDepth: 64}
	if err := o.Decode(nb, bytes.NewReader(b)); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	return nb.Build(), nil
}

// blockSource reads a block; engine.ErrMissing when it is not there.
type blockSource func(ctx context.Context, c cid.Cid) ([]byte, error)

// bundle gathers a block and all that it refers to, as far as it is there: the
// proofs of an invocation, the effects of a receipt. The root is the first.
func bundle(ctx context.Context, read blockSource, root cid.Cid) ([]ipld.Block, error) {
	var out []ipld.Block
	seen := map[cid.Cid]bool{root: true}
	size := 0
	for todo := []cid.Cid{root}; len(todo) > 0; {
		c := todo[0]
		todo = todo[1:]
		b, err := read(ctx, c)
		if errors.Is(err, engine.ErrMissing) && c != root {
			continue
		}
		if err != nil {
			return nil, err
		}
		n, err := decodeNode(b)
		if err != nil && c != root {
			continue // not of the kind that is gathered
		}
		if err != nil {
			return nil, err
		}
		out = append(out, block.NewBlock(linkOf(c), b))
		if size += len(b); size > maxBundleBytes || len(out) > maxBundleBlocks {
			return nil, fmt.Errorf("%w: what %v refers to", ErrTooLarge, c)
		}
		links, err := traversal.SelectLinks(n)
		if err != nil {
			return nil, fmt.Errorf("%w: %v", ErrMalformed, err)
		}
		for _, l := range links {
			if c, err := cidOf(l); err == nil && !seen[c] && c.Type() == cid.DagCBOR && len(seen) < 4*maxBundleBlocks {
				seen[c] = true
				todo = append(todo, c)
			}
		}
	}
	return out, nil
}

// sourceOf reads the blocks that a UCAN or a message came with.
func sourceOf(v ipld.View) blockSource {
	blocks := map[string][]byte{}
	var failed error
	for b, err := range v.Blocks() {
		if err != nil {
			failed = err
			break
		}
		blocks[b.Link().Binary()] = b.Bytes()
	}
	return func(_ context.Context, c cid.Cid) ([]byte, error) {
		if b, ok := blocks[c.KeyString()]; ok {
			return b, nil
		}
		return nil, errors.Join(failed, engine.ErrMissing)
	}
}

// putBlocks stores blocks, verified against their names.
func putBlocks(ctx context.Context, e *engine.Engine, blocks []ipld.Block) error {
	for _, b := range blocks {
		c, err := cidOf(b.Link())
		if err == nil {
			err = e.PutBlock(ctx, c, b.Bytes())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// isUCAN tells a UCAN from other blocks by its version field.
func isUCAN(b []byte) bool {
	n, err := decodeNode(b)
	if err != nil {
		return false
	}
	v, err := n.LookupByString("v")
	if err != nil {
		return false
	}
	s, err := v.AsString()
	return err == nil && strings.HasPrefix(s, "0.")
}

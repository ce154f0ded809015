package car

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// overlay is a NodeStore whose writes stay in memory, and of which it keeps only
// what is not stored below: when a tree is made again that is stored already, a
// few nodes that are not in it for long.
type overlay struct {
	prolly.NodeStore

	mu    sync.Mutex
	nodes map[codec.Hash]overlaid
}

type overlaid struct {
	block []byte
	hints []prolly.Hint
}

// maxOverlaid is how many nodes an overlay holds. A tree of the right shape
// needs a path or two for each part that is applied.
const maxOverlaid = 16 << 10

// ReadNode implements prolly.NodeStore.
func (o *overlay) ReadNode(ctx context.Context, a prolly.Addr) ([]byte, []prolly.Hint, error) {
	o.mu.Lock()
	n, ok := o.nodes[a.Hash]
	o.mu.Unlock()
	if ok {
		return n.block, n.hints, nil
	}
	return o.NodeStore.ReadNode(ctx, a)
}

// WriteNode implements prolly.NodeStore.
func (o *overlay) WriteNode(ctx context.Context, h codec.Hash, block []byte, hints []prolly.Hint) (prolly.Hint, error) {
	_, _, err := o.NodeStore.ReadNode(ctx, prolly.Addr{Hash: h})
	if err == nil || !errors.Is(err, prolly.ErrMissing) {
		return prolly.Hint{}, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.nodes) == maxOverlaid {
		return prolly.Hint{}, fmt.Errorf("%w: its entries make many nodes that it has not", ErrShape)
	}
	o.nodes[h] = overlaid{bytes.Clone(block), slices.Clone(hints)}
	return prolly.Hint{}, nil
}

// NodesReplaced implements prolly.NodeReplacer.
func (o *overlay) NodesReplaced(nodes []prolly.Replaced) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range nodes {
		delete(o.nodes, nodes[i].Hash)
	}
}

// WriteBlob implements prolly.NodeStore.
func (o *overlay) WriteBlob(context.Context, cid.Cid, []byte) error { return nil }

package space

import (
	"context"
	"errors"
	"fmt"

	cid "github.com/ipfs/go-cid"
	"github.com/storacha/go-ucanto/core/ipld"
	"github.com/storacha/go-ucanto/core/ipld/block"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// How many bytes of a difference go in one request, about; entries count, and the
// blocks that they link to. A service that takes no such request is asked with
// less, down to the least.
const (
	maxPart = maxRequest / 2
	minPart = 32 // an entry

	maxParts = 1 << 16 // of one Space.Sync
)

// part is how many bytes of a difference the client sends at once.
func (c *Client) part() int {
	if c.RequestBytes > 0 {
		return int(min(c.RequestBytes/2, maxPart))
	}
	return maxPart
}

// errPart: the service does not take a request because of its size.
var errPart = errors.New("a request larger than the service takes")

// portion is what is to be sent of the difference between from and the replica:
// all of it, or its first entries, which lead to a tree on the way. It sets head,
// ns and more.
func (p *pull) portion(ctx context.Context, from prolly.Tree) (changes []wireChange, blocks []ipld.Block, err error) {
	p.ns, p.head, p.more = p.s.e.Nodes(), p.replica, false
	blocks = []ipld.Block{} // not nil: they were gathered
	size, seen := 0, map[cid.Cid]bool{}
	for c, err := range wireDiff(ctx, p.s.e.Nodes(), from, p.replica) {
		if err != nil {
			return nil, nil, err
		}
		b, err := p.linked(ctx, c, seen)
		if err != nil {
			return nil, nil, err
		}
		n := c.size()
		if b != nil {
			n += len(b.Bytes())
		}
		if len(changes) > 0 && (size+n > p.part || len(changes) == maxChanges) {
			p.more = true
			break
		}
		if changes = append(changes, c); b != nil {
			blocks = append(blocks, b)
		}
		size += n
	}
	if size > maxRequest/4*3 {
		return nil, nil, fmt.Errorf("%w: an entry of %d bytes, with what it links to; a request has at most %d", ErrTooLarge, size, maxRequest)
	}
	if p.more {
		ns := newScratch(p.s.e.Nodes())
		p.ns = ns
		p.head, err = from.In(ns).Apply(ctx, editsOf(changes))
	}
	return changes, blocks, err
}

// linked is the block that a change links to; nil when there is none here, or it
// was seen.
func (p *pull) linked(ctx context.Context, c wireChange, seen map[cid.Cid]bool) (ipld.Block, error) {
	if c.To.Link == nil || seen[*c.To.Link] {
		return nil, nil
	}
	seen[*c.To.Link] = true
	b, err := p.s.e.ReadBlock(ctx, *c.To.Link)
	if errors.Is(err, engine.ErrMissing) || errors.Is(err, engine.ErrHash) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return block.NewBlock(linkOf(*c.To.Link), b), nil
}

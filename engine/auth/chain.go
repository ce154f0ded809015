package auth

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/storacha/go-ucanto/core/dag/blockstore"
	"github.com/storacha/go-ucanto/core/delegation"
	"github.com/storacha/go-ucanto/core/ipld"
	"github.com/storacha/go-ucanto/core/ipld/block"
	"github.com/storacha/go-ucanto/did"
)

// Chain is a UCAN with the proofs it leads to, as far as they are there, all
// screened. Nothing of it is validated. It does not change and is safe for
// concurrent use.
type Chain struct {
	root   *token
	tokens map[cid.Cid]*token
	order  []*token              // breadth first
	lists  map[cid.Cid][]cid.Cid // of the chains that authorizations name; nil without any
}

// screen is what reads blocks of anyone: within limits, and what the cache has
// not seen.
type screen struct {
	limits Limits
	cache  *cache // nil: none
	lists  Source // of lists that were not sent; nil: there are none
}

func (s *screen) token(c cid.Cid, b []byte) (*token, error) {
	if s.cache == nil {
		return readToken(c, b, s.limits)
	}
	return s.cache.readToken(c, b, s.limits)
}

// Load reads a UCAN and its proofs, and theirs, and screens each. Proofs that
// the source does not have stay out. The error is ErrMalformed, ErrBudget,
// ErrMissing for the UCAN itself, or one of the source's.
func Load(ctx context.Context, root cid.Cid, src Source, l Limits) (*Chain, error) {
	return (&screen{limits: l.withDefaults()}).load(ctx, root, src)
}

func (s *screen) load(ctx context.Context, root cid.Cid, src Source) (*Chain, error) {
	ch, l := &Chain{tokens: map[cid.Cid]*token{}}, s.limits
	total := 0
	level, seen := []cid.Cid{root}, map[cid.Cid]bool{root: true}
	for depth := 0; len(level) > 0; depth++ {
		var next []cid.Cid
		for _, c := range level {
			b, err := src(ctx, c)
			if errors.Is(err, ErrMissing) && c != root {
				continue
			} else if err != nil {
				return nil, fmt.Errorf("auth: load %s: %w", c, err)
			}
			if total += len(b); depth > l.Depth || len(ch.order) == l.Blocks || total > l.Bytes {
				return nil, fmt.Errorf("auth: load %s: %w: at depth %d, block %d, byte %d", root, ErrBudget, depth, len(ch.order), total)
			}
			t, err := s.token(c, b)
			if err != nil {
				return nil, fmt.Errorf("auth: load: %w", err)
			}
			ch.tokens[c] = t
			ch.order = append(ch.order, t)
			if err := ch.addList(ctx, t.list, src, s); err != nil {
				return nil, err
			}
			total += listedBytes * len(ch.lists[t.list])
			for _, p := range t.prf {
				if !seen[p] && isUCANLink(p) { // others are nobody's proof
					seen[p] = true
					next = append(next, p)
				}
			}
		}
		level = next
	}
	if ch.root = ch.order[0]; total > l.Bytes { // with the last list
		return nil, fmt.Errorf("auth: load %s: %w: %d bytes", root, ErrBudget, total)
	}
	return ch, nil
}

// addList reads the list of an authorization's chain, if there is one.
func (ch *Chain) addList(ctx context.Context, c cid.Cid, src Source, s *screen) error {
	if !c.Defined() || ch.lists[c] != nil {
		return nil
	}
	list, err := s.list(ctx, c, src)
	if err != nil || list == nil {
		return err
	}
	if ch.lists == nil {
		ch.lists = map[cid.Cid][]cid.Cid{}
	}
	ch.lists[c] = list
	return nil
}

// CID names the UCAN.
func (ch *Chain) CID() cid.Cid { return ch.root.cid }

// Issuer is who says to have signed the UCAN.
func (ch *Chain) Issuer() did.DID { return ch.root.iss }

// Audience is whom the UCAN is for.
func (ch *Chain) Audience() did.DID { return ch.root.aud }

// Capabilities are what the UCAN claims or delegates: at least one.
func (ch *Chain) Capabilities() []Capability { return append([]Capability(nil), ch.root.caps...) }

// CIDs names the UCAN and all proofs that are there, the nearer first.
func (ch *Chain) CIDs() []cid.Cid {
	all := make([]cid.Cid, len(ch.order))
	for i, t := range ch.order {
		all[i] = t.cid
	}
	return all
}

// Bytes is the length of all UCANs of the chain.
func (ch *Chain) Bytes() (n int) {
	for _, t := range ch.order {
		n += len(t.bytes)
	}
	return n
}

// Delegation is the UCAN as the library's value, with the blocks of the chain
// behind it.
func (ch *Chain) Delegation() delegation.Delegation { d, _ := ch.delegation(ch.root.cid); return d }

// Proof is a proof of the chain as the library's value, with the blocks of the
// chain behind it.
func (ch *Chain) Proof(c cid.Cid) (delegation.Delegation, bool) { return ch.delegation(c) }

func (ch *Chain) delegation(c cid.Cid) (delegation.Delegation, bool) {
	t, ok := ch.tokens[c]
	if !ok {
		return nil, false
	}
	blocks := make([]ipld.Block, len(ch.order))
	for i, t := range ch.order {
		blocks[i] = t.block()
	}
	r, err := blockstore.NewBlockReader(blockstore.WithBlocks(blocks))
	if err != nil {
		return nil, false
	}
	d, err := delegation.NewDelegation(t.block(), r)
	return d, err == nil
}

func (t *token) block() block.Block { return block.NewBlock(cidlink.Link{Cid: t.cid}, t.bytes) }

// above returns the chain from one of its proofs on.
func (ch *Chain) above(c cid.Cid) (*Chain, bool) {
	root, ok := ch.tokens[c]
	if !ok {
		return nil, false
	}
	sub := &Chain{root: root, tokens: map[cid.Cid]*token{c: root}, order: []*token{root}, lists: ch.lists}
	for i := 0; i < len(sub.order); i++ {
		for _, p := range sub.order[i].prf {
			if t, ok := ch.tokens[p]; ok && sub.tokens[p] == nil {
				sub.tokens[p] = t
				sub.order = append(sub.order, t)
			}
		}
	}
	return sub, true
}

// FromDelegation is the chain of a library's value that this process made or
// read.
func FromDelegation(ctx context.Context, d delegation.Delegation, l Limits) (*Chain, error) {
	blocks := map[cid.Cid][]byte{}
	for b, err := range d.Blocks() {
		if err != nil {
			return nil, fmt.Errorf("auth: %w", err)
		}
		blocks[linkCID(b.Link())] = b.Bytes()
	}
	return Load(ctx, linkCID(d.Link()), Blocks(blocks), l)
}

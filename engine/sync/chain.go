package sync

import (
	"context"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

// chain sends commits, each after its parents, as steps from trees that the
// other side has by then.
type chain struct {
	s     *sender
	g     *graph
	there map[cid.Cid]bool // commits whose trees are there; nil: all that do not travel
	last  cid.Cid          // a root that is there
}

func (h *chain) send(ctx context.Context, list []engine.Commit) error {
	for _, c := range list {
		base, err := h.base(ctx, c)
		if err != nil {
			return err
		}
		if err := h.s.commit(ctx, c, base); err != nil {
			return err
		}
		if h.last = c.Root; h.there != nil {
			h.there[c.CID] = true
		}
	}
	return nil
}

// base is the first parent's root, if the other side has it: it is likely to be
// the closest.
func (h *chain) base(ctx context.Context, c engine.Commit) (cid.Cid, error) {
	parents, err := h.g.parents(ctx, c)
	if err != nil {
		return cid.Undef, err
	}
	for _, p := range parents {
		if h.there == nil || h.there[p.CID] {
			return p.Root, nil
		}
	}
	return h.last, nil
}

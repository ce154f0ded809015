package prollyds

import (
	"context"
	"math"

	"github.com/ipfs/go-datastore/query"
)

// sorted finds entries in the order of the scan's orders: the tree's own does
// not serve, so that they are gathered first. With a limit no more than twice
// what it lets through is held.
func (s *scan) sorted(ctx context.Context, to sink) error {
	base := scan{plan: s.plan, m: s.m}
	base.orders, base.offset, base.limit = nil, 0, 0
	g := gathering{orders: s.orders, keep: math.MaxInt}
	if s.limit > 0 && s.limit <= math.MaxInt/2-s.offset {
		g.keep = s.offset + s.limit
	}
	if err := base.inOrder(ctx, &g); err != nil {
		return err
	}
	g.cut()
	for i := s.offset; i < len(g.found); i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		*to.slot() = g.found[i]
		if !to.add() {
			return nil
		}
		g.found[i] = query.Entry{} // the taker's now
	}
	return nil
}

// gathering keeps the first entries by its orders.
type gathering struct {
	orders []query.Order
	keep   int
	found  []query.Entry
	next   query.Entry
}

// gatherSlack is how many entries above keep are gathered at least before the
// surplus goes.
const gatherSlack = 1024

func (g *gathering) slot() *query.Entry { return &g.next }

func (g *gathering) add() bool {
	g.found = append(g.found, g.next)
	if len(g.found)-g.keep >= max(g.keep, gatherSlack) {
		g.cut()
	}
	return true
}

func (g *gathering) idle() bool { return true }

// cut sorts and lets the surplus go.
func (g *gathering) cut() {
	query.Sort(g.orders, g.found)
	if len(g.found) > g.keep {
		clear(g.found[g.keep:])
		g.found = g.found[:g.keep]
	}
}

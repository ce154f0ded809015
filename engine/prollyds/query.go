package prollyds

import (
	"context"
	"sync"

	"github.com/ipfs/go-datastore/query"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

// Query finds entries as they are at the moment of the call, whatever is
// written afterwards. Without orders results come in the order of their keys,
// which is also what orders by key, ascending and descending, cost nothing
// for; other orders gather the results before the first is returned.
//
// A filter or an order sees what the result will have: no value with KeysOnly.
// Sizes are always set. An offset costs a few node reads, not a walk, when
// there is no filter but on keys, nothing staged and no expiry time.
//
// Results end with ctx: its error, like any other, is the last result. They
// must be read to their end or closed. They belong to one goroutine; Close may
// be called by another one.
func (d *Datastore) Query(ctx context.Context, q query.Query) (query.Results, error) {
	if err := d.ready(ctx); err != nil {
		return nil, failed("query", err)
	}
	p, err := planOf(q)
	if err != nil {
		return nil, failed("query", err)
	}
	m, release, err := d.at(ctx)
	if err != nil {
		return nil, failed("query", err)
	}
	c, err := d.cursors.open(ctx, &scan{plan: p, m: m}, new(sync.Mutex), release)
	if err != nil {
		return nil, failed("query", err)
	}
	return c.results(q), nil
}

// at returns the branch as it is now for several reads that must agree, to be
// released.
func (d *Datastore) at(ctx context.Context) (m moment, release func(), err error) {
	at, err := d.b.Moment(ctx)
	if err != nil {
		return m, nil, err
	}
	m.tree = at.Tree()
	if side := at.Side(); !side.Empty() {
		m.side, m.now = side, d.o.now()
	}
	return m, at.Close, nil
}

// here is the branch for one read. Its two trees are not of one moment; see
// moment.gone.
func (d *Datastore) here() moment {
	m := moment{tree: d.b}
	if side := d.b.Side(); !side.Empty() {
		m.side, m.now = side, d.o.now()
	}
	return m
}

var (
	_ tree   = (*engine.Branch)(nil)
	_ tree   = engine.Side{}
	_ tree   = engine.View{}
	_ tree   = (*engine.Tx)(nil)
	_ tree   = (*engine.Root)(nil)
	_ ranked = engine.View{}

	_ measured = (*engine.Branch)(nil)
)

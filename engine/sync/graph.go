package sync

import (
	"cmp"
	"context"
	"errors"
	"slices"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

// graph walks commits: those of an engine, and those of a spool, which the engine
// does not have yet.
type graph struct {
	e     *engine.Engine
	extra map[cid.Cid]engine.Commit
	limit int64 // commits to look at
	seen  int64
}

func newGraph(e *engine.Engine, s *spool, limit int64) *graph {
	g := &graph{e: e, extra: map[cid.Cid]engine.Commit{}, limit: limit}
	if s != nil {
		for _, st := range s.steps {
			if st.commit != nil {
				g.extra[st.commit.CID] = *st.commit
			}
		}
	}
	return g
}

// read returns a commit. engine.ErrMissing when it is on neither side.
func (g *graph) read(ctx context.Context, c cid.Cid) (engine.Commit, error) {
	if x, ok := g.extra[c]; ok {
		return x, nil
	}
	if g.seen++; g.seen > g.limit {
		return engine.Commit{}, &BudgetError{"commits", g.limit}
	}
	return g.e.ReadCommit(ctx, c)
}

// parents returns the parents of c that are here. A history may be cut off.
func (g *graph) parents(ctx context.Context, c engine.Commit) ([]engine.Commit, error) {
	var out []engine.Commit
	for _, name := range c.Parents {
		p, err := g.read(ctx, name)
		if errors.Is(err, engine.ErrMissing) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if p.Seq >= c.Seq {
			return nil, malformed("commit %v has Seq %d, its parent %v %d", c.CID, c.Seq, p.CID, p.Seq)
		}
		out = append(out, p)
	}
	return out, nil
}

// painted is a commit on the way down, with the sides that reach it.
type painted struct {
	engine.Commit
	sides int
}

const (
	wantSide = 1
	haveSide = 2
)

// walk goes down from the commits wanted and those had at once, newest first, and
// calls f with each and the sides that reach it, once all of them are known. It
// ends when f answers false, or nothing is left that only the wanted reach.
func (g *graph) walk(ctx context.Context, want, have []engine.Commit, f func(painted) bool) error {
	var queue []*painted
	at := map[cid.Cid]*painted{}
	add := func(c engine.Commit, side int) {
		if p, ok := at[c.CID]; ok {
			p.sides |= side
			return
		}
		p := &painted{c, side}
		at[c.CID] = p
		i, _ := slices.BinarySearchFunc(queue, p, older)
		queue = slices.Insert(queue, i, p)
	}
	for _, c := range want {
		add(c, wantSide)
	}
	for _, c := range have {
		add(c, haveSide)
	}
	for len(queue) > 0 {
		p := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		delete(at, p.CID)
		if !f(*p) {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		parents, err := g.parents(ctx, p.Commit)
		if err != nil {
			return err
		}
		for _, q := range parents {
			add(q, p.sides)
		}
		if !slices.ContainsFunc(queue, func(q *painted) bool { return q.sides == wantSide }) {
			// Those at the border still have to be told.
			for _, q := range slices.Backward(queue) {
				if q.sides != haveSide && !f(*q) {
					return nil
				}
			}
			return nil
		}
	}
	return nil
}

// older orders the queue, the newest last.
func older(a, b *painted) int {
	return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Time, b.Time), cmp.Compare(a.CID.KeyString(), b.CID.KeyString()))
}

// between returns the commits that head descends from, itself included, and no
// commit had does, parents first; and whether any of them descends from one had.
func (g *graph) between(ctx context.Context, head engine.Commit, have []engine.Commit, limit int64) (list []engine.Commit, joined bool, err error) {
	over := false
	err = g.walk(ctx, []engine.Commit{head}, have, func(p painted) bool {
		switch p.sides {
		case wantSide:
			list = append(list, p.Commit)
		case wantSide | haveSide:
			joined = true
		}
		over = int64(len(list)) > limit
		return !over
	})
	if over && err == nil {
		err = &BudgetError{"commits", limit}
	}
	slices.Reverse(list)
	return list, joined, err
}

// descends tells whether a descends from b, or is it.
func (g *graph) descends(ctx context.Context, a, b engine.Commit) (bool, error) {
	if a.CID == b.CID {
		return true, nil
	}
	found := false
	err := g.walk(ctx, []engine.Commit{a}, nil, func(p painted) bool {
		found = p.CID == b.CID
		return !found && p.Seq >= b.Seq
	})
	return found, err
}

// base returns the newest commit that both descend from; ok is false when there
// is none.
func (g *graph) base(ctx context.Context, a, b engine.Commit) (base engine.Commit, ok bool, err error) {
	err = g.walk(ctx, []engine.Commit{a}, []engine.Commit{b}, func(p painted) bool {
		if p.sides == wantSide|haveSide {
			base, ok = p.Commit, true
		}
		return !ok
	})
	return base, ok, err
}

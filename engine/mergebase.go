package engine

import (
	"context"
	"fmt"
	"slices"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// MergeBases returns the best common ancestors of two commits: those that no
// other common ancestor descends from, newest first; a commit is an ancestor
// of itself. There are several after a criss-cross merge. There are none when the
// histories have nothing in common, and ErrHistoryCut when they may have had,
// before one of them was cut off.
func (e *Engine) MergeBases(ctx context.Context, a, b cid.Cid) ([]Commit, error) {
	var w baseWalk
	for i, c := range []cid.Cid{a, b} {
		commit, err := e.ReadCommit(ctx, c)
		if err != nil {
			return nil, err
		}
		w.add(commit, 1<<i)
	}
	return w.run(ctx, e)
}

// baseWalk goes through two histories side by side, newest first. A commit is
// reached when everything that descends from it has been, so what it is to
// both is known then.
type baseWalk struct {
	waiting []reached
	live    int // of waiting: not below a common ancestor
	bases   []Commit
	cut     bool
}

// reached is a commit and from where it was reached.
type reached struct {
	Commit
	from uint8
}

const (
	fromBoth  = 3 // from either commit, a bit each
	belowBase = 4 // from a common ancestor
)

func (w *baseWalk) add(c Commit, from uint8) {
	i, found := slices.BinarySearchFunc(w.waiting, c, func(r reached, c Commit) int { return newer(r.Commit, c) })
	if !found {
		w.waiting = slices.Insert(w.waiting, i, reached{Commit: c})
	} else if w.waiting[i].from&belowBase == 0 {
		w.live--
	}
	if w.waiting[i].from |= from; w.waiting[i].from&belowBase == 0 {
		w.live++
	}
}

func (w *baseWalk) run(ctx context.Context, e *Engine) ([]Commit, error) {
	for w.live > 0 {
		c := w.waiting[0]
		w.waiting = w.waiting[1:]
		if c.from&belowBase == 0 {
			w.live--
		}
		if c.from == fromBoth {
			w.bases = append(w.bases, c.Commit)
			c.from |= belowBase
		}
		parents, err := e.ancestors(ctx, &c.Commit)
		if err != nil {
			return nil, err
		}
		w.cut = w.cut || c.Cut && c.from&belowBase == 0
		for _, p := range parents {
			w.add(p, c.from)
		}
	}
	if len(w.bases) == 0 && w.cut {
		return nil, fmt.Errorf("%w: no common ancestor is left", ErrHistoryCut)
	}
	return w.bases, nil
}

// virtualMerges is how many trees at most are merged to make up a base.
const virtualMerges = 32

// virtualBase makes one base of several: they are merged, two at a time, over
// the bases that they have themselves, in memory; nothing of it is stored.
// Where they conflict it has what their own base has, so that both sides of the
// real merge differ from it there, and the conflict is met again. Histories so
// entangled that this takes more than virtualMerges merges are merged over the newest
// base of those that are left.
type virtualBase struct {
	e    *Engine
	ctx  context.Context
	w    *writer
	left int // merges
}

func (e *Engine) newVirtualBase(ctx context.Context) *virtualBase {
	v := &virtualBase{e: e, ctx: ctx, w: e.newWriter(), left: virtualMerges}
	v.w.memory = true
	return v
}

// tree returns the one tree of bases; the empty tree of none.
func (v *virtualBase) tree(bases []Commit) (prolly.Tree, error) {
	if len(bases) == 0 {
		return prolly.Empty(v.w), nil
	}
	sum, err := prolly.Load(v.ctx, v.w, bases[0].Root)
	if err != nil {
		return prolly.Tree{}, err
	}
	for _, b := range bases[1:] {
		if v.left--; v.left < 0 {
			return sum, nil
		}
		common, err := v.e.MergeBases(v.ctx, bases[0].CID, b.CID)
		if err != nil {
			return prolly.Tree{}, err
		}
		base, err := v.tree(common)
		if err != nil {
			return prolly.Tree{}, err
		}
		other, err := prolly.Load(v.ctx, v.w, b.Root)
		if err != nil {
			return prolly.Tree{}, err
		}
		if sum, _, err = prolly.Merge(v.ctx, base, sum, other, baseValue); err != nil {
			return prolly.Tree{}, err
		}
	}
	return sum, nil
}

// baseValue resolves a conflict by what both sides have changed.
func baseValue(_ context.Context, c prolly.Conflict) (prolly.Resolution, error) {
	return prolly.Resolution{Value: c.Base}, nil
}

package car

import (
	"container/heap"
	"context"
	"errors"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

// lineage knows what some commits descend from. It reads no further back than
// it is asked for: a parent's Seq is below that of its children.
type lineage struct {
	e       *engine.Engine
	known   map[cid.Cid]struct{}
	waiting bySeq
}

func newLineage(e *engine.Engine) *lineage {
	return &lineage{e: e, known: map[cid.Cid]struct{}{}}
}

// add makes c one of the commits.
func (l *lineage) add(c engine.Commit) {
	if _, ok := l.known[c.CID]; ok {
		return
	}
	l.known[c.CID] = struct{}{}
	heap.Push(&l.waiting, c)
}

// has tells whether one of the commits is, or descends from, the commit name.
func (l *lineage) has(ctx context.Context, name cid.Cid) (bool, error) {
	if _, ok := l.known[name]; ok || len(l.waiting) == 0 {
		return ok, nil
	}
	c, err := l.e.ReadCommit(ctx, name)
	if errors.Is(err, engine.ErrMissing) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for len(l.waiting) > 0 && l.waiting[0].Seq > c.Seq {
		next := heap.Pop(&l.waiting).(engine.Commit)
		parents, err := l.e.Parents(ctx, next)
		if err != nil {
			return false, err
		}
		for _, p := range parents {
			l.add(p)
		}
	}
	_, ok := l.known[name]
	return ok, nil
}

// bySeq orders commits, those with the largest Seq first.
type bySeq []engine.Commit

func (h bySeq) Len() int           { return len(h) }
func (h bySeq) Less(i, j int) bool { return h[i].Seq > h[j].Seq }
func (h bySeq) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *bySeq) Push(x any)        { *h = append(*h, x.(engine.Commit)) }
func (h *bySeq) Pop() any {
	old := *h
	c := old[len(old)-1]
	*h = old[:len(old)-1]
	return c
}

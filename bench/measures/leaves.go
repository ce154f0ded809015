package main

import (
	"context"
	"math/rand/v2"

	"github.com/go-ds-prolly/go-ds-prolly/bench/target"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// leafEdits is how many edits are tried, each alone on the same tree.
const leafEdits = 100_000

// leaves counts the leaves that an edit makes anew: a third of the edits each
// insert, delete and replace.
func leaves(ctx context.Context, t prolly.Tree, ns prolly.NodeStore, edits int) ([]target.Row, error) {
	s := &counted{NodeStore: ns}
	t = t.In(s)
	r := rand.New(rand.NewPCG(1, 2))
	var sum, moved, worst int64
	for n := range edits {
		i := r.Uint64N(t.Len())
		x := numbered(i, 1)
		edit := prolly.Edit{Key: x.Key, Value: x.Value}
		switch n % 3 {
		case 0: // between its neighbours
			edit.Key[7]++
		case 1:
			edit.Delete = true
		}
		before := s.leaves.Load()
		if _, err := t.Apply(ctx, []prolly.Edit{edit}); err != nil {
			return nil, err
		}
		made := s.leaves.Load() - before
		sum, worst = sum+made, max(worst, made)
		if n%3 < 2 {
			moved += made
		}
	}
	note := "insertions and deletions alone: " + target.Figure(float64(moved)/float64(2*edits/3))
	return []target.Row{
		target.AtMost("new leaves for an edit, mean", float64(sum)/float64(edits), 1.05, "", note),
		target.AtMost("new leaves for an edit, worst of "+target.Figure(float64(edits)), float64(worst), 6, "", ""),
	}, nil
}

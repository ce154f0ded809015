package bench

import (
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/bench/dataset"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// diff tells trees apart that differ in some updated entries.
func diff(b *testing.B, s subject, c setup, changed int) {
	changed = min(changed, c.n)
	forked(b, s, c, func(x store) {
		from, to := twoTrees(b, x, c.changed(changed, 1))
		var stats prolly.DiffStats
		if got := differences(b, from, to, &stats); got != changed {
			b.Fatalf("N1 violated: %d changes, not %d", got, changed)
		}
		b.ResetTimer()
		for b.Loop() {
			if got := differences(b, from, to, nil); got != changed {
				b.Fatalf("N1 violated: %d changes, not %d", got, changed)
			}
		}
		b.ReportMetric(float64(stats.NodesRead), "nodes/diff")
	})
}

// twoTrees returns the tree of a store, and what it becomes by a batch.
func twoTrees(b *testing.B, x store, entries []dataset.Entry) (from, to prolly.Tree) {
	var err error
	t := x.(treed)
	from, err = t.tree()
	must(b, err)
	if m, ok := x.(*memory); ok {
		to, err = m.grown(entries)
		must(b, err)
		return from, to
	}
	must(b, x.batch(entries))
	to, err = t.tree()
	must(b, err)
	return from, to
}

func differences(b *testing.B, from, to prolly.Tree, stats *prolly.DiffStats) (n int) {
	for _, err := range prolly.DiffCounted(ctx, from, to, prolly.Range{}, stats) {
		must(b, err)
		n++
	}
	return n
}

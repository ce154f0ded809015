package peer

import (
	"context"
	"iter"
	"slices"

	"github.com/go-ds-prolly/go-ds-prolly/bench/dataset"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// What all stores do whose content is a tree of package prolly.

func asEntries(entries iter.Seq[dataset.Entry]) iter.Seq2[prolly.Entry, error] {
	return func(yield func(prolly.Entry, error) bool) {
		for e := range entries {
			if !yield(prolly.Entry{Key: e.Key, Value: prolly.Value{Bytes: e.Value}}, nil) {
				return
			}
		}
	}
}

// loadBatchLen is how many entries LoadSorted gives at once.
const loadBatchLen = 256

// inBatches yields entries as a tree takes them, many at once.
func inBatches(entries []dataset.Entry) iter.Seq2[[]prolly.Entry, error] {
	return func(yield func([]prolly.Entry, error) bool) {
		batch := make([]prolly.Entry, 0, loadBatchLen)
		for some := range slices.Chunk(entries, loadBatchLen) {
			batch = batch[:0]
			for _, e := range some {
				batch = append(batch, prolly.Entry{Key: e.Key, Value: prolly.Value{Bytes: e.Value}})
			}
			if !yield(batch, nil) {
				return
			}
		}
	}
}

func appendEdits(dst []prolly.Edit, entries []dataset.Entry) []prolly.Edit {
	for _, e := range entries {
		dst = append(dst, prolly.Edit{Key: e.Key, Value: prolly.Value{Bytes: e.Value}})
	}
	return dst
}

func scanTree(entries iter.Seq2[prolly.Entry, error], f func(key, value []byte) error) error {
	for e, err := range entries {
		if err == nil {
			err = f(e.Key, e.Value.Bytes)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func diffTrees(ctx context.Context, from, to prolly.Tree, f func(key, from, to []byte) error) error {
	for c, err := range prolly.Diff(ctx, from, to, prolly.Range{}) {
		if err == nil {
			err = f(c.Key, bytesOf(c.From), bytesOf(c.To))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func bytesOf(v *prolly.Value) []byte {
	if v == nil {
		return nil
	}
	return v.Bytes
}

func diffNodes(ctx context.Context, from, to prolly.Tree) (visited, differing int, err error) {
	var stats prolly.DiffStats
	for _, err := range prolly.DiffCounted(ctx, from, to, prolly.Range{}, &stats) {
		if err != nil {
			return 0, 0, err
		}
	}
	return stats.NodesRead, stats.NodesDiffering, nil
}

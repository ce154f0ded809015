package sync

import (
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// descend is what fetching the nodes that a replica lacks would take, level by
// level: each is asked for by its hash and sent whole. It returns the bytes, and
// the levels, that is the round trips.
func descend(t testing.TB, theirs, ours *engine.Branch) (bytes, levels int) {
	t.Helper()
	have := map[codec.Hash]bool{}
	a := must(ours.Snapshot(ctx))(t)
	defer a.Close()
	do(t, a.Tree().Walk(ctx, func(a prolly.Addr, _ *prolly.Node) error {
		have[a.Hash] = true
		return nil
	}))
	b := must(theirs.Snapshot(ctx))(t)
	defer b.Close()
	do(t, b.Tree().Walk(ctx, func(a prolly.Addr, n *prolly.Node) error {
		if have[a.Hash] {
			return prolly.SkipNode
		}
		bytes += len(n.Block()) + codec.HashSize
		levels = max(levels, b.Tree().Height()-n.Level())
		return nil
	}))
	return bytes, levels
}

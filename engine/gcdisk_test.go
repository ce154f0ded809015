package engine

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// TestGCDisk: after a collection the store takes hardly more room than what is
// reached, staged records that were folded included among what went.
func TestGCDisk(t *testing.T) {
	dir := t.TempDir()
	e := must(Open(dir, nil))(t)
	b := must(e.Branch(ctx, "main"))(t)
	r := rand.New(rand.NewPCG(1, 2))
	for range 2 {
		var edits []prolly.Edit
		for range 10_000 {
			value := make([]byte, 100)
			for i := range value {
				value[i] = byte(r.Uint32())
			}
			edits = append(edits, prolly.Edit{Key: fmt.Appendf(nil, "/blob/%x%x", r.Uint64(), r.Uint64()), Value: prolly.Value{Bytes: value}})
		}
		do(t, b.Apply(ctx, edits, NoSync))
		must(b.Fold(ctx))(t)
	}
	stats := must(e.GC(ctx, GCOptions{}))(t)
	do(t, e.Close())
	e = must(Open(dir, nil))(t)
	disk, live := must(e.DiskUsage(ctx))(t), stats.Marked.NodeBytes
	t.Logf("%d bytes on disk, %d of nodes", disk, live)
	if disk*100 > live*115 {
		t.Errorf("%d bytes on disk after a collection, %d of nodes are reached", disk, live)
	}
	do(t, e.Close())
}

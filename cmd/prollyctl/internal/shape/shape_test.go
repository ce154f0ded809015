package shape

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

func nodes(t *testing.T, entries int) (prolly.Tree, []*prolly.Node) {
	ctx := context.Background()
	tree, err := prolly.Build(ctx, prolly.NewMemStore(), func(yield func(prolly.Entry, error) bool) {
		for i := range entries {
			v := bytes.Repeat([]byte("v"), i%100)
			if i%50 == 0 {
				v = bytes.Repeat([]byte("w"), 2000)
			}
			if !yield(prolly.Entry{Key: fmt.Appendf(nil, "key %06d", i), Value: prolly.Value{Bytes: v}}, nil) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	var all []*prolly.Node
	err = tree.Walk(ctx, func(_ prolly.Addr, n *prolly.Node) error {
		all = append(all, n)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree, all
}

// The figures are those of a straightforward count, and S1.
func TestSummary(t *testing.T) {
	tree, all := nodes(t, 20_000)
	var s Summary
	for _, n := range all {
		s.Add(n)
	}
	if s.Blobs != 400 || s.BlobBytes != 800_000 || s.Links != 0 || s.Nodes != uint64(len(all)) {
		t.Errorf("%d blobs of %d bytes, %d links, %d nodes", s.Blobs, s.BlobBytes, s.Links, s.Nodes)
	}
	levels := s.Levels()
	if len(levels) != tree.Height() {
		t.Fatalf("%d levels of %d", len(levels), tree.Height())
	}
	for i, l := range levels {
		var sum, dev float64
		var count, size uint64
		least, most := math.MaxInt, 0
		for _, n := range all {
			if n.Level() == i {
				count, size, sum = count+1, size+uint64(len(n.Block())), sum+float64(n.Weight())
				least, most = min(least, n.Weight()), max(most, n.Weight())
			}
		}
		mean := sum / float64(count)
		for _, n := range all {
			if n.Level() == i {
				dev += (float64(n.Weight()) - mean) * (float64(n.Weight()) - mean)
			}
		}
		cv := math.Sqrt(dev/float64(count)) / mean
		if l.Level != i || l.Nodes != count || l.Bytes != size || l.Min != least || l.Max != most ||
			math.Abs(l.Mean-mean) > 1e-6 || math.Abs(l.CV-cv) > 1e-6 || l.P99 < int(l.Mean) && count > 1 || l.P99 > most {
			t.Errorf("level %d: %+v", i, l)
		}
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var other Summary
	for _, n := range all {
		other.Add(n)
	}
	if !reflect.DeepEqual(levels, other.Levels()) {
		t.Error("S1 violated: another order gives other figures")
	}
}

func TestPercentile(t *testing.T) {
	var h histogram
	for w := 1; w <= 200; w++ {
		h.weights[w]++
		h.nodes++
	}
	if l := h.level(0); l.P99 != 198 || l.Min != 1 || l.Max != 200 {
		t.Errorf("%+v", l)
	}
}

func TestEmpty(t *testing.T) {
	_, all := nodes(t, 0)
	var s Summary
	for _, n := range all {
		s.Add(n)
	}
	if got := s.Levels(); len(got) != 1 || got[0] != (Level{Nodes: 1, Bytes: s.NodeBytes}) {
		t.Errorf("%+v", got)
	}
}

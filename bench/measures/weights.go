package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"iter"
	"math"

	"github.com/zeebo/xxh3"

	"github.com/go-ds-prolly/go-ds-prolly/bench/dataset"
	"github.com/go-ds-prolly/go-ds-prolly/bench/target"
	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// weighed are the nodes of trees, without the last level of each.
type weighed struct {
	nodes, outside int
	sum, squares   float64
}

func (w *weighed) add(ctx context.Context, t prolly.Tree) error {
	return t.Walk(ctx, func(_ prolly.Addr, n *prolly.Node) error {
		if n.Level()+1 == t.Height() {
			return nil
		}
		x := float64(n.Weight())
		w.nodes, w.sum, w.squares = w.nodes+1, w.sum+x, w.squares+x*x
		if n.Weight() < codec.MinWeight || n.Weight() > codec.MaxWeight {
			w.outside++
		}
		return nil
	})
}

// variation is the coefficient of variation.
func (w *weighed) variation() float64 {
	mean := w.sum / float64(w.nodes)
	return math.Sqrt(w.squares/float64(w.nodes)-mean*mean) / mean
}

// weights builds trees of several shapes of keys, and of keys made against the
// hash, and weighs their nodes.
func weights(ctx context.Context, n, against int) ([]target.Row, error) {
	all, worst, worstIs := weighed{}, 0., ""
	for _, s := range []struct {
		name string
		n    int
		keys iter.Seq2[prolly.Entry, error]
	}{
		{"76 bytes", n, ascending(n)},
		{"paths", n / 4, shaped(dataset.Set{Seed: 1, Keys: dataset.Paths}, n/4)},
		{"/upload/<seq>", n / 4, shaped(dataset.Set{Seed: 1, Keys: dataset.Uploads}, n/4)},
		{"made against the hash", against, falling(against)},
	} {
		ns := prolly.NewMemStore()
		t, err := prolly.Build(ctx, ns, s.keys)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		var w weighed
		if err := w.add(ctx, t); err != nil {
			return nil, err
		}
		all.nodes, all.outside = all.nodes+w.nodes, all.outside+w.outside
		if v := w.variation(); v > worst {
			worst, worstIs = v, s.name
		}
	}
	return []target.Row{
		target.AtMost(fmt.Sprintf("nodes outside W and M, of %d", all.nodes), float64(all.outside), 0, "", "keys made against the hash included"),
		target.AtMost("variation of node weights", worst, 0.31, "", "the largest, of "+worstIs),
	}, nil
}

func shaped(s dataset.Set, n int) iter.Seq2[prolly.Entry, error] {
	return func(yield func(prolly.Entry, error) bool) {
		for e := range s.Ordered(n) {
			if !yield(prolly.Entry{Key: e.Key, Value: prolly.Value{Bytes: e.Value}}, nil) {
				return
			}
		}
	}
}

// falling yields rising keys whose priorities fall, so that no first-stage cut
// is found anywhere: the level is one gap.
func falling(n int) iter.Seq2[prolly.Entry, error] {
	return func(yield func(prolly.Entry, error) bool) {
		sum := sha256.Sum256([]byte("prolly/lmc2/0"))
		seed := binary.LittleEndian.Uint64(sum[:])
		step := math.MaxUint64 / uint64(n)
		top := uint64(math.MaxUint64)
		for i := range uint64(n) {
			key := binary.BigEndian.AppendUint64(make([]byte, 0, keyLen), i)
			for x := uint64(0); ; x++ {
				key = binary.BigEndian.AppendUint64(key[:8], mix(x))
				if p := xxh3.HashSeed(key, seed); p <= top && p >= top-step {
					break
				}
			}
			top -= step
			if !yield(prolly.Entry{Key: key, Value: prolly.Value{Bytes: make([]byte, valueLen)}}, nil) {
				return
			}
		}
	}
}

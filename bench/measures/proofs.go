package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/bench/target"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

var errProof = errors.New("a proof speaks of something else")

// proofs proves the presence and absence of keys and verifies without a store.
func proofs(ctx context.Context, t prolly.Tree, n int) ([]target.Row, error) {
	sizes, took := make([]int, n), make([]time.Duration, n)
	for i := range n {
		key, present := numbered(uint64(i)*t.Len()/uint64(n), 0).Key, i%2 == 0
		if !present {
			key[7]++
		}
		p, err := t.Prove(ctx, key)
		if err != nil {
			return nil, err
		}
		start := time.Now()
		f, err := prolly.Verify(t.Root(), p)
		took[i] = time.Since(start)
		if err != nil {
			return nil, err
		}
		for k := range f.Keys() {
			if k.Present != present {
				return nil, errProof
			}
		}
		sizes[i] = len(p)
	}
	slices.Sort(sizes)
	slices.Sort(took)
	return []target.Row{
		target.AtMost("proof of presence or absence, p99", float64(sizes[n*99/100]), 16<<10, "B", "most: "+target.Figure(float64(sizes[n-1]))+" B"),
		target.AtMost("verifying it, without a store", float64(took[n/2].Nanoseconds())/1e3, 60, "µs", "the median of "+target.Figure(float64(n))),
	}, nil
}

package main

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/bench/target"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// numbers is how many entries are asked for, again and again; their nodes fit
// into the cache.
const numbers = 5_000

var errNumber = errors.New("an entry is not where it should be")

// number finds entries by their number and the other way round, warm.
func number(ctx context.Context, dir string) (rows []target.Row, err error) {
	err = opened(ctx, dir, func(b *engine.Branch) error {
		return pinned(ctx, b, func(t prolly.Tree) error {
			rows, err = numberIn(ctx, t)
			return err
		})
	})
	return rows, err
}

func numberIn(ctx context.Context, t prolly.Tree) (rows []target.Row, err error) {
	asked := make([]uint64, min(numbers, t.Len()))
	keys := make([][]byte, len(asked))
	r := rand.New(rand.NewPCG(3, 4))
	for i := range asked {
		asked[i] = r.Uint64N(t.Len())
		keys[i] = numbered(asked[i], 0).Key
	}
	rank := func(i int) error { return ranked(ctx, t, keys[i], asked[i]) }
	for _, x := range []struct {
		what string
		f    func(i int) error
	}{
		{"rank of a key", rank},
		{"n-th entry", func(i int) error {
			e, err := t.At(ctx, asked[i])
			if err == nil && !bytes.Equal(e.Key, keys[i]) {
				err = errNumber
			}
			return err
		}},
		{"count of a range (two ranks)", func(i int) error {
			return errors.Join(rank(i), rank((i+1)%len(keys)))
		}},
	} {
		took, err := warm(len(keys), x.f)
		if err != nil {
			return nil, err
		}
		rows = append(rows, target.AtMost(x.what+", warm, of "+target.Figure(float64(t.Len())), took, 5, "µs", ""))
	}
	return rows, nil
}

func ranked(ctx context.Context, t prolly.Tree, key []byte, want uint64) error {
	got, err := t.Rank(ctx, key)
	if err == nil && got != want {
		err = errNumber
	}
	return err
}

// warm does f for each of n, several times, and returns what each took in the
// fastest round, in microseconds.
func warm(n int, f func(i int) error) (best float64, err error) {
	const rounds = 6
	best = math.Inf(1)
	for range rounds {
		start := time.Now()
		for i := range n {
			if err := f(i); err != nil {
				return 0, err
			}
		}
		best = min(best, float64(time.Since(start).Nanoseconds())/1e3/float64(n))
	}
	return best, nil
}

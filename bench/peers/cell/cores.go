package cell

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/peer"
)

// Cores are the numbers of cores that cores is measured with.
var Cores = []int{1, 2}

// cores builds a store and updates it with one core, and with two.
func cores(e *env) error {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	for _, n := range Cores {
		runtime.GOMAXPROCS(n)
		if err := e.onCores(n); err != nil {
			return fmt.Errorf("on %d: %w", n, err)
		}
	}
	return nil
}

func (e *env) onCores(n int) error {
	one := *e
	one.spec.Dir = filepath.Join(e.spec.Dir, fmt.Sprint(n))
	if err := os.Mkdir(one.spec.Dir, 0o755); err != nil {
		return err
	}
	entries := e.data.Sorted(e.spec.N)
	return one.with(func(s peer.Store) error {
		if _, isTree := s.(peer.Differ); !isTree || e.peer.Name == baseline {
			return ErrUnable
		}
		took, err := timed(func() error {
			_, err := e.loadSorted(s, entries)
			return err
		})
		if err != nil {
			return err
		}
		e.figure(fmt.Sprintf("cores.build.%d", n), float64(e.spec.N)/took.Seconds())
		times, err := one.batches(s, 20, min(BatchLen, e.spec.N), "updated on cores")
		if err != nil {
			return err
		}
		e.figure(fmt.Sprintf("cores.batch.%d", n), quantile(times, 0.5))
		return e.content("updated on cores", s)
	})
}

// baseline has no roots, so that there is nothing to build on cores.
const baseline = "raw Pebble"

// batches times batches of updates of random entries, each with a root, of which
// the last is kept under a name, unless that is empty.
func (e *env) batches(s peer.Store, rounds, size int, name string) ([]time.Duration, error) {
	times := make([]time.Duration, 0, rounds)
	for round := range rounds {
		entries := e.data.Updates(e.data.Pick(size, e.spec.N, 100+round), 1+round)
		start := time.Now()
		root, err := s.Batch(e.ctx, entries)
		times = append(times, time.Since(start))
		if err != nil {
			return nil, err
		}
		if name != "" {
			e.root(name, root)
		}
	}
	return times, nil
}

package cell

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/bench/dataset"
	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/peer"
)

// diffs is how many pairs of versions there are for each number of changed
// keys.
var diffs = []struct{ changed, pairs int }{{1, 20}, {100, 10}, {10_000, 3}}

// diff times what tells versions apart that differ in so many updated entries.
func diff(e *env) error {
	return e.with(func(s peer.Store) (err error) {
		d, ok := s.(peer.Differ)
		if !ok {
			return ErrUnable
		}
		if err := e.content("loaded", s); err != nil { // and it warms up
			return err
		}
		v := versions{e: e, s: s, d: d}
		defer func() { err = errors.Join(err, v.close()) }()
		for _, x := range diffs {
			if x.changed > e.spec.N {
				continue
			}
			if err := v.measure(x.changed, x.pairs); err != nil {
				return fmt.Errorf("%d changed: %w", x.changed, err)
			}
		}
		return nil
	})
}

// versions is a line of versions of a store, each a diff apart from the one
// before.
type versions struct {
	e     *env
	s     peer.Store
	d     peer.Differ
	line  []peer.Version
	round int
}

func (v *versions) close() error {
	var errs []error
	for _, x := range v.line {
		errs = append(errs, x.Close())
	}
	return errors.Join(errs...)
}

func (v *versions) measure(changed, pairs int) error {
	if err := v.grow(changed, pairs); err != nil {
		return err
	}
	line := v.line[len(v.line)-pairs-1:]
	row := fmt.Sprintf("diff.%d", changed)
	if err := v.verify(row, line, changed); err != nil {
		return err
	}
	times, err := v.sample(line)
	v.e.figure(row, quantile(times, 0.5))
	return err
}

// grow adds versions to the line.
func (v *versions) grow(changed, pairs int) error {
	for i := range pairs + 1 {
		if i > 0 {
			v.round++
			numbers := v.e.data.Pick(changed, v.e.spec.N, 1000+v.round)
			if _, err := v.s.Batch(v.e.ctx, v.e.data.Updates(numbers, 1000+v.round)); err != nil {
				return err
			}
		}
		x, err := v.d.Version(v.e.ctx)
		if err != nil {
			return err
		}
		v.line = append(v.line, x)
	}
	return nil
}

// verify digests the changes and counts nodes, untimed.
func (v *versions) verify(row string, line []peer.Version, changed int) error {
	var values, both dataset.Digest
	visited, differing := 0, 0
	counter, counts := v.s.(peer.DiffCounter)
	for i := range len(line) - 1 {
		n := 0
		err := v.d.Diff(v.e.ctx, line[i], line[i+1], func(key, from, to []byte) error {
			values.Add(key, to)
			both.Add(key, from, to)
			n++
			return nil
		})
		if err != nil {
			return err
		}
		if n != changed {
			return fmt.Errorf("pair %d yields %d changes", i, n)
		}
		if !counts {
			continue
		}
		a, b, err := counter.DiffNodes(v.e.ctx, line[i], line[i+1])
		if err != nil {
			return err
		}
		visited, differing = visited+a, differing+b
	}
	v.digest(row, values, both)
	if counts {
		v.e.figure(row+".nodes", float64(visited)/float64(len(line)-1))
	}
	if differing > 0 {
		v.e.figure(row+".excess", float64(visited)/float64(differing))
	}
	return nil
}

// digest keeps the sums of as much as the peer tells of a change.
func (v *versions) digest(row string, values, both dataset.Digest) {
	d := v.e.r.Digests
	d[row+" new values"] = values.String()
	if _, one := v.d.(peer.OneSided); !one {
		d[row] = both.String()
	}
}

// sample times the diffs of a line, again and again for a while.
func (v *versions) sample(line []peer.Version) (times []time.Duration, err error) {
	const (
		budget  = 500 * time.Millisecond
		samples = 2_000 // at most
	)
	begin := time.Now()
	for i := 0; i < 3 || i < samples && time.Since(begin) < budget; i++ {
		at := i % (len(line) - 1)
		start := time.Now()
		err := v.d.Diff(v.e.ctx, line[at], line[at+1], func([]byte, []byte, []byte) error { return nil })
		times = append(times, time.Since(start))
		if err != nil {
			return nil, err
		}
	}
	return times, nil
}

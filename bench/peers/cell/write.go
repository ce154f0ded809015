package cell

import (
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/bench/dataset"
	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/peer"
)

// put times single writes of new entries, without a root.
func put(e *env) error {
	entries := e.data.Entries(e.spec.N, e.spec.N+max(e.spec.N/10, 1))
	return e.with(func(s peer.Store) error {
		p, ok := s.(peer.Putter)
		if !ok {
			return ErrUnable
		}
		took, err := timed(func() error {
			for _, x := range entries {
				if err := p.Put(e.ctx, x.Key, x.Value); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		e.figure("put", took.Seconds()/float64(len(entries)))
		return e.content("put", s)
	})
}

const (
	rootRounds = 1_000 // writes of one entry, with a root each
	syncRounds = 300   // those that also wait for the disk
)

// putRoot times writes of one new entry, each with a root; and then the same
// with a sync each. A peer that waits for the disk at every root only has the
// second.
func putRoot(e *env) error {
	n := e.spec.N
	plain, synced := min(rootRounds, n), min(syncRounds, n)
	entries := e.data.Entries(n, n+plain+synced)
	return e.with(func(s peer.Store) error {
		if err := e.content("loaded", s); err != nil { // and it warms up
			return err
		}
		times, err := e.each(entries[:plain], func(x []dataset.Entry) error {
			root, err := s.Batch(e.ctx, x)
			e.root("put one by one", root)
			return err
		})
		if err != nil {
			return err
		}
		if !e.peer.Syncs {
			e.figure("putroot", quantile(times, 0.5))
		}
		times, err = e.each(entries[plain:], func(x []dataset.Entry) error {
			if _, err := s.Batch(e.ctx, x); err != nil {
				return err
			}
			return s.Sync(e.ctx)
		})
		if err != nil {
			return err
		}
		if !e.peer.Forgets {
			e.figure("putroot.sync", quantile(times, 0.5))
		}
		return e.content("put one by one", s)
	})
}

// each times f of every entry alone.
func (e *env) each(entries []dataset.Entry, f func([]dataset.Entry) error) ([]time.Duration, error) {
	times := make([]time.Duration, 0, len(entries))
	for i := range entries {
		start := time.Now()
		if err := f(entries[i : i+1]); err != nil {
			return nil, err
		}
		times = append(times, time.Since(start))
	}
	return times, nil
}

const (
	updateRounds = 100
	updateLen    = 1_000
)

// update times batches of updates of random entries, each with a root.
func update(e *env) error {
	k := min(updateLen, e.spec.N)
	return e.with(func(s peer.Store) error {
		if err := e.content("loaded", s); err != nil { // and it warms up
			return err
		}
		var written uint64
		counter, counts := s.(peer.NodeCounter)
		if counts {
			written = counter.NodeBytes()
		}
		var root []byte
		times := make([]time.Duration, 0, updateRounds)
		for round := range updateRounds {
			entries := e.data.Updates(e.data.Pick(k, e.spec.N, 100+round), 1+round)
			start := time.Now()
			var err error
			if root, err = s.Batch(e.ctx, entries); err != nil {
				return err
			}
			times = append(times, time.Since(start))
		}
		e.root("updated", root)
		e.figure("update", quantile(times, 0.5))
		e.figure("update.p99", quantile(times, 0.99))
		if counts {
			e.figure("update.nodes", float64(counter.NodeBytes()-written)/updateRounds)
		}
		return e.content("updated", s)
	})
}

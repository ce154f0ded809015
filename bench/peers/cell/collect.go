package cell

import (
	"errors"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/peer"
)

// collect loads as batched does but keeps no history, and measures the files
// after a garbage collection: the last root alone stays.
func collect(e *env) error {
	entries := e.data.Entries(0, e.spec.N)
	err := e.with(func(s peer.Store) error {
		c, ok := s.(peer.Collector)
		if !ok {
			return ErrUnable
		}
		for at := 0; at < len(entries); at += BatchLen {
			if _, err := s.Batch(e.ctx, entries[at:min(len(entries), at+BatchLen)]); err != nil {
				return err
			}
		}
		start := time.Now()
		err := c.Collect(e.ctx)
		if errors.Is(err, peer.ErrNoCollector) {
			return ErrUnable
		}
		e.figure("collect", time.Since(start).Seconds())
		return err
	})
	if err != nil {
		return err
	}
	return e.with(func(s peer.Store) error {
		n, err := e.settled(s)
		if err != nil {
			return err
		}
		e.figure("collect.disk", float64(n)/float64(e.spec.N))
		return e.content("loaded", s)
	})
}

package cell

import (
	"bytes"
	"fmt"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/bench/dataset"
	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/peer"
)

// grow loads a store whatever its size, holding but a part of the entries in
// memory. Its figure is how much memory that took.
func grow(e *env) error {
	if e.peer.Forgets {
		return ErrUnable
	}
	return e.with(func(s peer.Store) error {
		if l, ok := s.(peer.StreamLoader); ok {
			_, err := l.LoadStream(e.ctx, e.data.Ordered(e.spec.N))
			return err
		}
		var part []dataset.Entry
		for x := range e.data.Ordered(e.spec.N) {
			if part = append(part, x); len(part) < BatchLen {
				continue
			}
			if err := e.add(s, part); err != nil {
				return err
			}
			part = part[:0]
		}
		return e.add(s, part)
	})
}

// add writes entries without a root, where that can be had.
func (e *env) add(s peer.Store, part []dataset.Entry) error {
	if st, ok := s.(peer.Stager); ok {
		return st.Stage(e.ctx, part)
	}
	_, err := s.Batch(e.ctx, part)
	return err
}

// scale times one operation of each kind on a store of any size. It is what is
// plotted against size.
func scale(e *env) error {
	if e.peer.Forgets {
		return ErrUnable
	}
	start := time.Now()
	return e.with(func(s peer.Store) error {
		if _, err := s.Get(e.ctx, e.data.Key(0)); err != nil {
			return err
		}
		e.figure("scale.open", time.Since(start).Seconds())
		if h, ok := s.(peer.Heighter); ok {
			height, err := h.Height(e.ctx)
			if err != nil {
				return err
			}
			e.figure("scale.height", float64(height))
		}
		for _, f := range []func(peer.Store) error{e.scaleGet, e.scaleDiff, e.scalePut, e.scaleBatch} {
			if err := f(s); err != nil {
				return err
			}
		}
		return nil
	})
}

// scaleGet reads from a small part of the store, so that what is compared is the
// height and not what fits in the cache.
func (e *env) scaleGet(s peer.Store) error {
	keys := e.keys(min(5_000, e.spec.N))
	get := func() error {
		for i, k := range keys {
			v, err := s.Get(e.ctx, k)
			if err != nil {
				return err
			}
			if i == 0 && !bytes.Equal(v, e.data.Value(e.data.Pick(len(keys), e.spec.N, 2)[0], 0)) {
				return errWrong(k)
			}
		}
		return nil
	}
	if err := get(); err != nil {
		return err
	}
	took, err := timed(func() error {
		for range 5 {
			if err := get(); err != nil {
				return err
			}
		}
		return nil
	})
	e.figure("scale.get", took.Seconds()/float64(5*len(keys)))
	return err
}

// scaleDiff tells versions with one changed entry apart.
func (e *env) scaleDiff(s peer.Store) error {
	d, ok := s.(peer.Differ)
	if !ok || e.peer.Name == baseline { // whose diff is a scan
		return nil
	}
	v := versions{e: e, s: s, d: d}
	if err := v.grow(1, 20); err != nil {
		return err
	}
	if _, err := v.sample(v.line); err != nil { // and it warms up
		return err
	}
	times, err := v.sample(v.line)
	if err != nil {
		return err
	}
	e.figure("scale.diff", quantile(times, 0.5))
	if c, ok := s.(peer.DiffCounter); ok {
		visited := 0
		for i := 1; i < len(v.line); i++ {
			n, _, err := c.DiffNodes(e.ctx, v.line[i-1], v.line[i])
			if err != nil {
				return err
			}
			visited += n
		}
		e.figure("scale.diffnodes", float64(visited)/float64(len(v.line)-1))
	}
	return v.close()
}

// scalePut writes single entries with a root each, and where there are commits,
// with a commit each.
func (e *env) scalePut(s peer.Store) error {
	n, rounds := e.spec.N, 300
	c, counts := s.(peer.NodeCounter)
	before := uint64(0)
	if counts {
		before = c.NodeBytes()
	}
	times, err := e.each(e.data.Entries(n, n+rounds), func(x []dataset.Entry) error {
		_, err := s.Batch(e.ctx, x)
		return err
	})
	if err != nil {
		return err
	}
	e.figure("scale.put", quantile(times, 0.5))
	if counts {
		e.figure("scale.putbytes", float64(c.NodeBytes()-before)/float64(rounds))
	}
	h, ok := s.(peer.Historian)
	if !ok {
		return nil
	}
	times, err = e.each(e.data.Entries(n+rounds, n+2*rounds), func(x []dataset.Entry) error {
		_, err := h.Commit(e.ctx, x)
		return err
	})
	e.figure("scale.commit", quantile(times, 0.5))
	return err
}

func (e *env) scaleBatch(s peer.Store) error {
	times, err := e.batches(s, 20, min(updateLen, e.spec.N), "")
	if err != nil {
		return fmt.Errorf("batch: %w", err)
	}
	e.figure("scale.batch", quantile(times, 0.5))
	return nil
}

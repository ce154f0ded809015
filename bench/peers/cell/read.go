package cell

import (
	"bytes"
	"fmt"
	"runtime"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/bench/dataset"
	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/peer"
)

// reopen times opening the store and reading one value, which is what a program
// waits for.
func reopen(e *env) error {
	if e.peer.Forgets {
		return ErrUnable
	}
	const rounds = 5
	var times []time.Duration
	for i, number := range e.data.Pick(rounds, e.spec.N, 1) {
		key, want := e.data.Key(number), e.data.Value(number, 0)
		var s peer.Store
		var got []byte
		took, err := timed(func() (err error) {
			if s, err = e.open(); err != nil {
				return err
			}
			got, err = s.Get(e.ctx, key)
			return err
		})
		if err != nil {
			return fmt.Errorf("round %d: %w", i, err)
		}
		if !bytes.Equal(got, want) {
			return errWrong(key)
		}
		if err := s.Close(); err != nil {
			return err
		}
		times = append(times, took)
	}
	e.figure("open", quantile(times, 0.5))
	return nil
}

func errWrong(key []byte) error { return fmt.Errorf("wrong value of %q", key) }

const getKeys = 200_000

// get times reads of random keys that were all read before.
func get(e *env) error {
	keys := e.keys(min(getKeys, e.spec.N))
	return e.with(func(s peer.Store) error {
		var d dataset.Digest
		for _, k := range keys {
			v, err := s.Get(e.ctx, k)
			if err != nil {
				return err
			}
			d.Add(k, v)
		}
		e.r.Digests["got"] = d.String()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		took, err := timed(func() error {
			for _, k := range keys {
				if v, err := s.Get(e.ctx, k); err != nil || len(v) != dataset.ValueLen {
					return fmt.Errorf("%q: %d bytes, %w", k, len(v), err)
				}
			}
			return nil
		})
		runtime.ReadMemStats(&after)
		e.figure("get", took.Seconds()/float64(len(keys)))
		e.figure("get.allocs", float64(after.Mallocs-before.Mallocs)/float64(len(keys)))
		return err
	})
}

// keys returns n random keys of the store.
func (e *env) keys(n int) [][]byte {
	keys := make([][]byte, 0, n)
	for _, number := range e.data.Pick(n, e.spec.N, 2) {
		keys = append(keys, e.data.Key(number))
	}
	return keys
}

const coldKeys = 2_000

// cold times reads right after opening, when the operating system has nothing
// of the files in memory either.
func cold(e *env) error {
	if e.peer.Forgets {
		return ErrUnable
	}
	keys := e.keys(min(coldKeys, e.spec.N))
	if err := forget(e.spec.Dir); err != nil {
		return err
	}
	return e.with(func(s peer.Store) error {
		var d dataset.Digest
		took, err := timed(func() error {
			for _, k := range keys {
				v, err := s.Get(e.ctx, k)
				if err != nil {
					return err
				}
				d.Add(k, v)
			}
			return nil
		})
		e.r.Digests["got cold"] = d.String()
		e.figure("get.cold", took.Seconds()/float64(len(keys)))
		return err
	})
}

// scan times walks through all entries after a first one, which is digested.
func scan(e *env) error {
	return e.with(func(s peer.Store) error {
		if err := e.content("loaded", s); err != nil {
			return err
		}
		return e.walk("scan", func() (n int, err error) {
			err = s.Scan(e.ctx, func(key, value []byte) error {
				if len(key) == dataset.KeyLen && len(value) == dataset.ValueLen {
					n++
				}
				return nil
			})
			return n, err
		})
	})
}

// queryAll is scan through go-datastore, in no order asked for.
func queryAll(e *env) error {
	return e.with(func(s peer.Store) error {
		q, ok := s.(peer.Querier)
		if !ok {
			return ErrUnable
		}
		var all dataset.Bag
		err := q.Query(e.ctx, func(key string, value []byte) error {
			all.Add([]byte(key), value)
			return nil
		})
		if err != nil {
			return err
		}
		e.r.Digests["queried"] = all.String()
		return e.walk("query", func() (n int, err error) {
			err = q.Query(e.ctx, func(key string, value []byte) error {
				if len(key) == dataset.KeyLen && len(value) == dataset.ValueLen {
					n++
				}
				return nil
			})
			return n, err
		})
	})
}

// walk warms up with one walk and times several.
func (e *env) walk(row string, f func() (int, error)) error {
	var times []time.Duration
	for range 4 {
		var n int
		took, err := timed(func() (err error) {
			n, err = f()
			return err
		})
		if err != nil {
			return err
		}
		if n != e.spec.N {
			return fmt.Errorf("%s yields %d entries of %d", row, n, e.spec.N)
		}
		times = append(times, took)
	}
	e.figure(row, float64(e.spec.N)/quantile(times[1:], 0.5))
	return nil
}

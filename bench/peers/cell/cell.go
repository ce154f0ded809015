package cell

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/bench/dataset"
	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/peer"
)

// ErrUnable: the peer has no means to do what the workload asks.
var ErrUnable = errors.New("cell: the peer cannot do this")

// Spec says what a process is to measure.
type Spec struct {
	Peer, Workload string
	N              int    // entries in the store
	Seed           uint64 // of the data set
	CacheBytes     int64
	Dir            string // where the store of this cell lies
	Profile        string // file for a CPU profile; empty: none
}

// Result is what came out.
type Result struct {
	// Figures by row: seconds, bytes, entries a second, or plain counts.
	Figures map[string]float64

	// Digests of results by name. Equal names must have equal digests
	// whatever the peer.
	Digests map[string]string

	// Roots by name. They must be equal among peers of one format.
	Roots map[string]string

	Unable bool // the peer cannot
}

// Run measures. The context bounds it.
func Run(ctx context.Context, s Spec) (*Result, error) {
	p, err := peer.Find(s.Peer)
	if err != nil {
		return nil, err
	}
	w, err := Find(s.Workload)
	if err != nil {
		return nil, err
	}
	e := &env{
		ctx:  ctx,
		spec: s,
		peer: p,
		work: w,
		data: dataset.Set{Seed: s.Seed},
		r:    &Result{Figures: map[string]float64{}, Digests: map[string]string{}, Roots: map[string]string{}},
	}
	err = w.run(e)
	if errors.Is(err, ErrUnable) {
		return &Result{Unable: true}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s on %s: %w", s.Workload, s.Peer, err)
	}
	if peak := peakMemory(); peak > 0 {
		e.figure("peak."+s.Workload, float64(peak))
	}
	return e.r, nil
}

// env is what a workload works with.
type env struct {
	ctx  context.Context
	spec Spec
	peer peer.Peer
	work Workload
	data dataset.Set
	r    *Result
}

// open opens the store. A peer that forgets gets what the fixture of others
// holds.
func (e *env) open() (peer.Store, error) {
	s, err := e.peer.Open(e.ctx, e.spec.Dir, peer.Options{CacheBytes: e.spec.CacheBytes})
	if err != nil || !e.peer.Forgets || e.work.Ground == Empty {
		return s, err
	}
	if _, err := e.loadSorted(s, e.data.Sorted(e.spec.N)); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// with opens the store, calls f, and closes it.
func (e *env) with(f func(peer.Store) error) (err error) {
	s, err := e.open()
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	defer func() {
		if cerr := s.Close(); cerr != nil {
			err = errors.Join(err, fmt.Errorf("close: %w", cerr))
		}
	}()
	return f(s)
}

func (e *env) figure(row string, value float64) { e.r.Figures[row] = value }

func (e *env) root(name string, root []byte) {
	if root != nil {
		e.r.Roots[name] = fmt.Sprintf("%x", root)
	}
}

// content digests all that is in the store.
func (e *env) content(name string, s peer.Store) error {
	var d dataset.Digest
	n := 0
	err := s.Scan(e.ctx, func(key, value []byte) error {
		d.Add(key, value)
		n++
		return nil
	})
	if err != nil {
		return fmt.Errorf("digest: %w", err)
	}
	e.r.Digests[name] = fmt.Sprintf("%d:%v", n, &d)
	return nil
}

// timed collects garbage, so that f does not pay for what came before, and
// returns how long f took.
func timed(f func() error) (time.Duration, error) {
	runtime.GC()
	start := time.Now()
	err := f()
	return time.Since(start), err
}

// diskBytes is what the files in the store's directory take.
func (e *env) diskBytes() (n int64, err error) {
	err = filepath.WalkDir(e.spec.Dir, func(path string, d os.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, os.ErrNotExist) { // just compacted away
			return nil
		}
		if err == nil {
			n += allocated(info)
		}
		return err
	})
	return n, err
}

// settled flushes the store and waits until its files neither grow nor
// shrink: no peer tells when it has nothing left to do. The store must have been
// reopened, so that no log is left over.
func (e *env) settled(s peer.Store) (int64, error) {
	if x, ok := s.(peer.Settler); ok {
		if err := x.Settle(e.ctx); err != nil {
			return 0, err
		}
	}
	const (
		every  = 100 * time.Millisecond
		calm   = 5   // equal sizes in a row
		rounds = 200 // at most
	)
	tick := time.NewTicker(every)
	defer tick.Stop()
	last, equal := int64(-1), 0
	for range rounds {
		n, err := e.diskBytes()
		if err != nil {
			return 0, err
		}
		if n != last {
			last, equal = n, 0
		} else if equal++; equal == calm {
			break
		}
		select {
		case <-tick.C:
		case <-e.ctx.Done():
			return 0, e.ctx.Err()
		}
	}
	return last, nil
}

package cell

import (
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/bench/dataset"
	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/peer"
)

// BatchLen is the number of entries in a batch of the unsorted loads.
const BatchLen = 10_000

// Loads end with one sync, whose time is theirs: a load that a power cut undoes
// is none.

// sorted loads all entries in key order, by the fastest way the peer has.
func sorted(e *env) error {
	entries := e.data.Sorted(e.spec.N)
	return e.load("sorted", func(s peer.Store) ([]byte, error) { return e.loadSorted(s, entries) })
}

func (e *env) loadSorted(s peer.Store, entries []dataset.Entry) (root []byte, err error) {
	if l, ok := s.(peer.SortedLoader); ok {
		return l.LoadSorted(e.ctx, entries)
	}
	return e.inBatches(s, entries)
}

// inBatches is the way in for sorted entries that every peer has: batches, and
// one root at the end where roots can wait.
func (e *env) inBatches(s peer.Store, entries []dataset.Entry) (root []byte, err error) {
	stager, canWait := s.(peer.Stager)
	for len(entries) > 0 {
		n := min(len(entries), BatchLen)
		if canWait {
			err = stager.Stage(e.ctx, entries[:n])
		} else {
			root, err = s.Batch(e.ctx, entries[:n])
		}
		if err != nil {
			return nil, err
		}
		entries = entries[n:]
	}
	if canWait {
		return stager.Root(e.ctx)
	}
	return root, nil
}

// batched loads the entries in random order, with a root for each batch, which
// stays readable where the peer keeps history.
func batched(e *env) error {
	entries := e.data.Entries(0, e.spec.N)
	return e.load("batched", func(s peer.Store) (root []byte, err error) {
		write := s.Batch
		if h, ok := s.(peer.Historian); ok {
			write = h.Commit
		}
		for at := 0; at < len(entries); at += BatchLen {
			if root, err = write(e.ctx, entries[at:min(len(entries), at+BatchLen)]); err != nil {
				return nil, err
			}
		}
		return root, nil
	})
}

// staged loads the entries in random order, each batch in the log when its call
// returns, and makes one root at the end.
func staged(e *env) error {
	entries := e.data.Entries(0, e.spec.N)
	return e.load("staged", func(s peer.Store) ([]byte, error) {
		stager, ok := s.(peer.Stager)
		if !ok {
			return nil, ErrUnable
		}
		for at := 0; at < len(entries); at += BatchLen {
			if err := stager.Stage(e.ctx, entries[at:min(len(entries), at+BatchLen)]); err != nil {
				return nil, err
			}
		}
		return stager.Root(e.ctx)
	})
}

// load times a load and the sync after it; then it opens the store again, digests
// it and measures its files.
func (e *env) load(row string, f func(peer.Store) ([]byte, error)) error {
	err := e.with(func(s peer.Store) error {
		var root []byte
		took, err := timed(func() (err error) {
			if root, err = f(s); err != nil {
				return err
			}
			start := time.Now()
			err = s.Sync(e.ctx)
			e.figure(row+".sync", time.Since(start).Seconds())
			return err
		})
		if err != nil {
			return err
		}
		e.root("loaded", root)
		e.figure(row, float64(e.spec.N)/took.Seconds())
		if c, ok := s.(peer.NodeCounter); ok {
			e.figure(row+".nodes", float64(c.NodeBytes())/float64(e.spec.N))
		}
		if e.peer.Forgets {
			return e.content("loaded", s)
		}
		return nil
	})
	if err != nil || e.peer.Forgets {
		return err
	}
	return e.with(func(s peer.Store) error {
		n, err := e.settled(s)
		if err != nil {
			return err
		}
		e.figure(row+".disk", float64(n)/float64(e.spec.N))
		return e.content("loaded", s)
	})
}

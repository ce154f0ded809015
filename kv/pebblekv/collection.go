package pebblekv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// collection is a kv.Collection. What is put meanwhile is told by its id, if it
// is a node, and by its name, for a block that is put again may not be written
// again.
type collection struct {
	s     *Store
	floor id      // nodes above it are young
	put   *recent // hashes and multihashes put since the collection began

	// removing is held for writing while something is removed that was not
	// marked a moment before, and for reading by who makes something stay that is
	// here already (P9). It is taken before turn and mu.
	removing sync.RWMutex
	sweeping atomic.Bool

	mu    sync.Mutex
	over  bool
	marks bitmap
	blobs names // marked before the sweep; later ones go to put
}

var _ kv.Collector = (*Store)(nil)

// Collect implements kv.Collector.
func (s *Store) Collect(ctx context.Context) (_ kv.Collection, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, s.describe("collect", err)
	}
	defer s.leave("collect", &err)
	c := &collection{s: s, put: newRecent(rand.Uint64())}
	if !s.collecting.CompareAndSwap(nil, c) {
		return nil, kv.ErrBusy
	}
	c.floor = s.ids.floor()
	if c.marks, err = s.newBitmap(); err != nil {
		s.collecting.Store(nil)
		return nil, err
	}
	return c, nil
}

// newBitmap finds out which generations there are, and how large each is.
func (s *Store) newBitmap() (m bitmap, err error) {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{nodeSpace}, UpperBound: []byte{nodeSpace + 1}})
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	m.pages = map[uint64]*bitPage{}
	place := uint64(0)
	var key [nodeKeyLen]byte
	for ok := it.First(); ok; {
		first, err := parseNodeKey(it.Key())
		if err != nil {
			return m, err
		}
		g := first.generation()
		if g >= s.generation {
			break
		}
		putNodeKey(key[:], makeID(g+1, 0))
		if !it.SeekLT(key[:]) {
			break
		}
		last, err := parseNodeKey(it.Key())
		if err != nil {
			return m, err
		}
		size := last.sequence() + 1
		m.starts = append(m.starts, generationStart{g, place, size})
		place += size
		ok = it.SeekGE(key[:])
	}
	m.starts = append(m.starts, generationStart{s.generation, place, math.MaxUint64 - place})
	return m, it.Error()
}

// lookup finds a node by hash: where it is written, or where it will be.
// pebble.ErrNotFound, bare, when there is none.
func (s *Store) lookup(h codec.Hash) (i id, err error) {
	if i, err = s.find(h); err != pebble.ErrNotFound {
		return i, err
	}
	if i, ok := s.behind.at(h); ok {
		return i, nil
	}
	return s.find(h) // written in between
}

// Marked implements kv.Collection.
func (c *collection) Marked(ctx context.Context, h codec.Hash) (m kv.Mark, err error) {
	if err := c.s.enter(ctx); err != nil {
		return m, c.s.describe("marked", err)
	}
	defer c.s.leave("marked", &err)
	i, err := c.where(h)
	if err != nil {
		return m, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return kv.Unmarked, nil
	}
	if m, err = c.marks.get(i); err == nil && m == kv.Unmarked && c.young(i) {
		m = kv.Young
	}
	return m, err
}

func (c *collection) young(i id) bool { return bytes.Compare(i[:], c.floor[:]) > 0 }

func (c *collection) where(h codec.Hash) (id, error) {
	i, err := c.s.lookup(h)
	if err == pebble.ErrNotFound {
		err = fmt.Errorf("%w: node %v", kv.ErrNotFound, h)
	}
	return i, err
}

// Mark implements kv.Collection.
func (c *collection) Mark(ctx context.Context, h codec.Hash, m kv.Mark) (err error) {
	if err := c.s.enter(ctx); err != nil {
		return c.s.describe("mark", err)
	}
	defer c.s.leave("mark", &err)
	if c.sweeping.Load() {
		c.removing.RLock()
		defer c.removing.RUnlock()
	}
	i, err := c.where(h)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return nil
	}
	return c.marks.raise(i, m)
}

// MarkBlob implements kv.Collection.
func (c *collection) MarkBlob(_ context.Context, multihash []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return nil
	}
	if !c.sweeping.Load() {
		if err := c.blobs.add(multihash); err != nil {
			return c.s.describe("mark blob", err)
		}
		return nil
	}
	c.mu.Unlock()
	defer c.mu.Lock()
	c.puttingBlob(multihash)
	return nil
}

// puttingBlob notes that a blob is put, whether it is here or not. If it is
// found here after the call it stays.
func (c *collection) puttingBlob(multihash []byte) {
	c.removing.RLock()
	c.put.add(multihash)
	c.removing.RUnlock()
}

// Close implements kv.Collection.
func (c *collection) Close() error {
	c.s.collecting.CompareAndSwap(c, nil)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return nil
	}
	c.over = true
	if err := errors.Join(c.marks.close(), c.blobs.close()); err != nil {
		return c.s.describe("end of a collection", err)
	}
	return nil
}

package engine

import (
	"context"
	"errors"
	"sync"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// collecting is what everyone knows of a garbage collection under way, and
// where they say what must stay that it may not find by itself:
//
//	          begin              all who were inside have left
//	┌───────────┼──────────────────┼─────────────┬──────────────┬───────
//	│ nothing   │ whatever is put  │ roots: and  │ marking: and │ sweeping: who brings a
//	│           │ stays            │ states that │ what is      │ root back from what is
//	│           │                  │ go meanwhile│ brought back │ left of it marks it at once,
//	│           │                  │             │              │ or it is gone
//
// So what is used stays: it was put since the beginning; or it was reached from
// a root at the moment when the last one who had been inside before left, and
// then it is reached from a root that was marked, be it still there or one that
// was noted as it went; or it was brought back by its name, and marked for that
// (G1 to G5 in doc.go).
type collecting struct {
	kv.Collection
	e     *Engine
	alone bool // the world is stopped
	pin   *pin // keeps nodes that were put behind from being spared while they are marked

	mu       sync.Mutex
	rooting  bool // states that go are noted
	sweeping bool
	gone     map[*state]struct{}
	back     map[codec.Hash]lateRoot
	known    *hashSet // commits whose trees and parents are marked; not changed while sweeping
}

// lateRoot is what was brought back by its name.
type lateRoot struct {
	tree   prolly.Addr
	commit *Commit // nil: there is none
}

// beginCollecting begins a collection, and returns when all who write know of
// it. The collections gate is held.
func (e *Engine) beginCollecting(ctx context.Context) (*collecting, error) {
	c := &collecting{e: e, rooting: true, known: newHashSet(1 << 12)}
	var err error
	if s, ok := e.store.(kv.Collector); ok {
		c.Collection, err = s.Collect(ctx)
	} else {
		c.Collection, err = e.collectAlone(ctx)
		c.alone = err == nil
	}
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, ErrClosed) {
		return nil, err
	}
	if err != nil {
		return nil, storeError("collect", err)
	}
	c.pin = e.pins.add(&state{trees: [roots]prolly.Tree{prolly.Empty(e.nodes), prolly.Empty(e.nodes)}})
	e.young.busy(true)
	e.gc.Store(c)
	if !c.alone {
		err = e.world.pass(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, c.end())
	}
	return c, nil
}

// end ends the collection.
func (c *collecting) end() error {
	c.e.gc.Store(nil)
	c.e.pins.remove(c.pin)
	c.e.young.busy(false)
	if err := c.Close(); err != nil {
		return storeError("end of a collection", err)
	}
	return nil
}

// leaving notes a state that is about to be replaced, or unpinned.
func (e *Engine) leaving(st *state) {
	c := e.gc.Load()
	if c == nil || st == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rooting {
		if c.gone == nil {
			c.gone = map[*state]struct{}{}
		}
		c.gone[st] = struct{}{}
	}
}

// rooted says that all roots were found, and returns the states that went
// meanwhile.
func (c *collecting) rooted() map[*state]struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rooting = false
	gone := c.gone
	c.gone = nil
	return gone
}

// takeLate returns what was brought back since it was asked before. When there
// is nothing the sweep may begin: from then on who brings something back marks
// it by himself.
func (c *collecting) takeLate() map[codec.Hash]lateRoot {
	c.mu.Lock()
	defer c.mu.Unlock()
	back := c.back
	c.back = nil
	if len(back) == 0 {
		c.sweeping = true
		return nil
	}
	return back
}

// bringBack makes a root stay that was named, and that nothing may have
// reached. ErrMissing when it is being removed.
func (e *Engine) bringBack(ctx context.Context, r lateRoot) error {
	c := e.gc.Load()
	if c == nil {
		return nil
	}
	c.mu.Lock()
	if !c.sweeping {
		if c.back == nil {
			c.back = map[codec.Hash]lateRoot{}
		}
		name := r.tree.Hash
		if r.commit != nil {
			h, err := commitHash(*r.commit)
			if err != nil {
				c.mu.Unlock()
				return err
			}
			name = h
		}
		c.back[name] = r
		c.mu.Unlock()
		return nil
	}
	c.mu.Unlock()
	m := newMarker(ctx, e, c)
	m.now = true
	return m.lateRoot(r)
}

// bringBackCommit is bringBack for a commit.
func (e *Engine) bringBackCommit(ctx context.Context, c Commit) error {
	return e.bringBack(ctx, lateRoot{commit: &c})
}

// keepValue makes the blocks of an out-of-line value stay that is used again.
func (e *Engine) keepValue(ctx context.Context, name cid.Cid) error {
	c := e.gc.Load()
	if c == nil {
		return nil
	}
	m := newMarker(ctx, e, c)
	m.now = true
	return m.value(name)
}

// keepLink makes a block stay, if it is here, that a caller's link names.
func (e *Engine) keepLink(ctx context.Context, name cid.Cid) error {
	c := e.gc.Load()
	if c == nil {
		return nil
	}
	return newMarker(ctx, e, c).link(name)
}

// hashSet remembers some of the hashes given to it, exactly, in bounded memory:
// a later one takes the place of an earlier one.
type hashSet struct{ slots []codec.Hash }

func newHashSet(slots int) *hashSet { return &hashSet{make([]codec.Hash, slots)} }

func (s *hashSet) slot(h codec.Hash) *codec.Hash {
	i := uint32(h[0])<<24 | uint32(h[1])<<16 | uint32(h[2])<<8 | uint32(h[3])
	return &s.slots[int(i)%len(s.slots)]
}

func (s *hashSet) add(h codec.Hash)      { *s.slot(h) = h }
func (s *hashSet) has(h codec.Hash) bool { return *s.slot(h) == h && h != codec.Hash{} }

package engine

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Moment is a branch as it was at one moment, what was staged then included and
// nothing folded for it: both trees, agreeing, to be read any number of times.
// It keeps what it reads from being collected until it is closed. All methods
// may be called by several goroutines at once.
type Moment struct {
	e    *Engine
	p    *pin
	shut atomic.Bool
	once sync.Once
}

// Moment returns the branch as it is now. Close it.
func (b *Branch) Moment(ctx context.Context) (*Moment, error) {
	if err := b.e.ready(ctx); err != nil {
		return nil, err
	}
	p, err := b.pin()
	if err != nil {
		return nil, err
	}
	return &Moment{e: b.e, p: p}, nil
}

// Tree is what users see.
func (m *Moment) Tree() View { return View{m, theTree} }

// Side is what changes with it.
func (m *Moment) Side() View { return View{m, theSide} }

// Close gives the moment back; what is read from it afterwards answers
// ErrClosed. Closing twice does nothing.
func (m *Moment) Close() {
	m.once.Do(func() {
		m.shut.Store(true)
		m.e.pins.remove(m.p)
	})
}

// View is one of the two trees of a Moment.
type View struct {
	m    *Moment
	root rootID
}

func (v View) reader(ctx context.Context) (reader, error) {
	if v.m.shut.Load() {
		return reader{}, ErrClosed
	}
	if err := v.m.e.ready(ctx); err != nil {
		return reader{}, err
	}
	return v.m.p.st.reader(v.root, v.m.p.seq, v.m.e.nodes), nil
}

// Empty tells whether the tree has no entries and nothing is staged over it, not
// even a removal.
func (v View) Empty() bool { return v.m.p.st.emptyRoot(v.root) }

// Folded returns the tree when nothing is staged over it, for what only a tree
// can tell, such as ranks. It is to be read before the Moment is closed.
func (v View) Folded() (prolly.Tree, bool) {
	st := v.m.p.st
	for _, l := range st.layers {
		if !l.over[v.root].empty() {
			return prolly.Tree{}, false
		}
	}
	return st.trees[v.root], true
}

// Get is as Branch.Get.
func (v View) Get(ctx context.Context, key []byte) ([]byte, error) {
	r, err := v.reader(ctx)
	if err != nil {
		return nil, err
	}
	return r.get(ctx, key)
}

// Has is as Branch.Has.
func (v View) Has(ctx context.Context, key []byte) (bool, error) {
	r, err := v.reader(ctx)
	if err != nil {
		return false, err
	}
	return r.has(ctx, key)
}

// Lookup is as Branch.Lookup.
func (v View) Lookup(ctx context.Context, key []byte) (prolly.Entry, error) {
	r, err := v.reader(ctx)
	if err != nil {
		return prolly.Entry{}, err
	}
	return r.lookup(ctx, key)
}

// Range is as Branch.Range.
func (v View) Range(ctx context.Context, q prolly.Range) iter.Seq2[prolly.Entry, error] {
	return func(yield func(prolly.Entry, error) bool) {
		r, err := v.reader(ctx)
		if err != nil {
			yield(prolly.Entry{}, err)
			return
		}
		r.rangeOver(ctx, q, v.m.e.whileOpen(yield))
	}
}

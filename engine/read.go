package engine

import (
	"context"
	"errors"
	"io"
	"iter"

	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Get returns a copy of key's value: ErrNotFound; prolly.ErrIsLink for a link.
func (b *Branch) Get(ctx context.Context, key []byte) ([]byte, error) {
	return b.get(ctx, theTree, key)
}

func (b *Branch) get(ctx context.Context, root rootID, key []byte) ([]byte, error) {
	for {
		st, err := b.now(ctx)
		if err != nil {
			return nil, err
		}
		r := st.reader(root, st.seq(), b.e.nodes)
		v, err := r.get(ctx, key)
		if err == nil || !b.outdated(st, err) {
			return v, err
		}
	}
}

// outdated tells whether a read failed because its state was collected as
// garbage when the branch had moved on, so that it is to be done again.
func (b *Branch) outdated(st *state, err error) bool {
	return errors.Is(err, ErrMissing) && b.state.Load() != st
}

// Has tells whether key is there.
func (b *Branch) Has(ctx context.Context, key []byte) (bool, error) {
	return b.has(ctx, theTree, key)
}

func (b *Branch) has(ctx context.Context, root rootID, key []byte) (bool, error) {
	for {
		st, err := b.now(ctx)
		if err != nil {
			return false, err
		}
		r := st.reader(root, st.seq(), b.e.nodes)
		ok, err := r.has(ctx, key)
		if err == nil || !b.outdated(st, err) {
			return ok, err
		}
	}
}

// View calls f, at most once, with key's value, which f must neither keep nor
// change. Values kept inline are not copied. Errors are those of Get, and f's.
func (b *Branch) View(ctx context.Context, key []byte, f func([]byte) error) error {
	for {
		st, err := b.now(ctx)
		if err != nil {
			return err
		}
		called := false
		r := st.reader(theTree, st.seq(), b.e.nodes)
		err = r.view(ctx, key, func(v []byte) error {
			called = true
			return f(v)
		})
		if err == nil || called || !b.outdated(st, err) {
			return err
		}
	}
}

// Lookup returns the entry of key whatever its kind; out-of-line bytes stay
// unread. The entry is the caller's to keep, not to change. ErrNotFound.
func (b *Branch) Lookup(ctx context.Context, key []byte) (prolly.Entry, error) {
	return b.lookup(ctx, theTree, key)
}

func (b *Branch) lookup(ctx context.Context, root rootID, key []byte) (prolly.Entry, error) {
	for {
		st, err := b.now(ctx)
		if err != nil {
			return prolly.Entry{}, err
		}
		r := st.reader(root, st.seq(), b.e.nodes)
		e, err := r.lookup(ctx, key)
		if err == nil || !b.outdated(st, err) {
			return e, err
		}
	}
}

// Size returns the length of key's value, in bytes, and of a link that of its
// CID; out-of-line bytes stay unread. ErrNotFound.
func (b *Branch) Size(ctx context.Context, key []byte) (uint64, error) {
	for {
		st, err := b.now(ctx)
		if err != nil {
			return 0, err
		}
		r := st.reader(theTree, st.seq(), b.e.nodes)
		n, err := r.size(ctx, key)
		if err == nil || !b.outdated(st, err) {
			return n, err
		}
	}
}

// Open returns key's value for reading piece by piece: ErrNotFound;
// prolly.ErrIsLink for a link. The reader belongs to one goroutine. It pins
// the branch as it is now until it is closed.
func (b *Branch) Open(ctx context.Context, key []byte) (io.ReadSeekCloser, error) {
	if err := b.e.ready(ctx); err != nil {
		return nil, err
	}
	p, err := b.pin()
	if err != nil {
		return nil, err
	}
	r := p.st.reader(theTree, p.seq, b.e.nodes)
	f, err := r.open(ctx, key)
	if err != nil {
		b.e.pins.remove(p)
		return nil, err
	}
	return &valueReader{ReadSeekCloser: f, e: b.e, p: p}, nil
}

// valueReader reads a value and holds the pin that keeps its blocks.
type valueReader struct {
	io.ReadSeekCloser
	e *Engine
	p *pin
}

// Read implements io.Reader.
func (r *valueReader) Read(b []byte) (int, error) {
	if r.e.closed.Load() {
		return 0, ErrClosed
	}
	return r.ReadSeekCloser.Read(b)
}

// Close implements io.Closer.
func (r *valueReader) Close() error {
	r.e.pins.remove(r.p)
	return r.ReadSeekCloser.Close()
}

// Range yields the entries that r selects, staged writes as of the start of the
// iteration included. Their bytes are valid until the next step. An error is
// the last thing that it yields.
func (b *Branch) Range(ctx context.Context, r prolly.Range) iter.Seq2[prolly.Entry, error] {
	return b.rangeOver(ctx, theTree, r)
}

func (b *Branch) rangeOver(ctx context.Context, root rootID, q prolly.Range) iter.Seq2[prolly.Entry, error] {
	return func(yield func(prolly.Entry, error) bool) {
		err := b.e.ready(ctx)
		var p *pin
		if err == nil {
			p, err = b.pin()
		}
		if err != nil {
			yield(prolly.Entry{}, err)
			return
		}
		defer b.e.pins.remove(p)
		r := p.st.reader(root, p.seq, b.e.nodes)
		r.rangeOver(ctx, q, b.e.whileOpen(yield))
	}
}

// whileOpen ends an iteration with ErrClosed once the engine is closed.
func (e *Engine) whileOpen(yield func(prolly.Entry, error) bool) func(prolly.Entry, error) bool {
	return func(x prolly.Entry, err error) bool {
		if err == nil && e.closed.Load() {
			yield(prolly.Entry{}, ErrClosed)
			return false
		}
		return yield(x, err)
	}
}

// Side reads a branch's side tree: what changes with the tree in the same step
// and is no part of it. It sees staged writes.
type Side struct{ b *Branch }

// Side gives read access to the side tree.
func (b *Branch) Side() Side { return Side{b} }

// Get is as Branch.Get.
func (s Side) Get(ctx context.Context, key []byte) ([]byte, error) {
	return s.b.get(ctx, theSide, key)
}

// Has is as Branch.Has.
func (s Side) Has(ctx context.Context, key []byte) (bool, error) {
	return s.b.has(ctx, theSide, key)
}

// Lookup is as Branch.Lookup.
func (s Side) Lookup(ctx context.Context, key []byte) (prolly.Entry, error) {
	return s.b.lookup(ctx, theSide, key)
}

// Range is as Branch.Range.
func (s Side) Range(ctx context.Context, r prolly.Range) iter.Seq2[prolly.Entry, error] {
	return s.b.rangeOver(ctx, theSide, r)
}

// Empty tells, at no cost, whether the side tree has no entries and nothing is
// staged over it, not even a removal.
func (s Side) Empty() bool { return s.b.state.Load().emptyRoot(theSide) }

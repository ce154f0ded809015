package engine

import (
	"context"
	"errors"
	"fmt"
	"math"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// fold is one step of a branch from a state to the next:
//
//	freeze    the layer that takes writes gives way to a new one
//	edit      the frozen layers' last versions are applied to the trees, whose
//	          new nodes go to the store as they come
//	finish    ref and trimmed log, in one batch with the last nodes; then the
//	          state that readers see
//
// Nobody sees anything of it before finish. When it fails the layers stay as
// they are, and the next fold does them again. Nodes may be put behind: see
// behind.go.
type fold struct {
	b      *Branch
	w      *writer
	from   *state
	trees  [roots]prolly.Tree
	edited [roots]prolly.Tree // the trees that the log leads to
	ref    branchRef          // as it is to be stored
	bulk   bool               // trees change in ways that no layer shows
	moved  bool               // the last commit was not made by the fold
	alone  bool               // the write gate is held
}

// Fold works what is staged into the tree and returns its root. It leaves no
// history.
func (b *Branch) Fold(ctx context.Context) (cid.Cid, error) {
	var root cid.Cid
	err := b.advance(ctx, func(f *fold) error {
		root = f.trees[theTree].Root()
		return nil
	})
	return root, err
}

// advance folds what is staged; then calls more, which may change the trees
// and the ref further, and publishes the result.
func (b *Branch) advance(ctx context.Context, more func(*fold) error) error {
	return b.advanceThen(ctx, more, func() {})
}

// advanceThen is advance, and calls then before anyone else can change the
// state.
func (b *Branch) advanceThen(ctx context.Context, more func(*fold) error, then func()) error {
	inside, err := b.e.enter(ctx)
	if err != nil {
		return err
	}
	defer inside.leave()
	if err := b.fold.lock(ctx); err != nil {
		return err
	}
	defer b.kick()
	defer b.fold.unlock()
	if err := b.advanceLocked(ctx, more); err != nil {
		return err
	}
	then()
	return nil
}

// advanceLocked is advance with the fold gate held and the world entered.
func (b *Branch) advanceLocked(ctx context.Context, more func(*fold) error) (err error) {
	f := &fold{b: b, w: b.e.newFoldWriter()}
	defer func() {
		if f.alone {
			b.write.unlock()
		}
		if err != nil {
			// If it cannot be found out now, the next fold will try again.
			err = errors.Join(err, b.settle(context.WithoutCancel(ctx)))
		}
		err = errors.Join(err, f.w.drop())
		if err != nil {
			b.e.n.foldFailures.Add(1)
		}
		b.folding.done(err)
	}()
	if b.state.Load().gone {
		return b.errGone()
	}
	if err := b.settle(ctx); err != nil {
		return err
	}
	if err := f.freezeAndEdit(ctx); err != nil {
		return err
	}
	if err := more(f); err != nil {
		return err
	}
	return f.finish(ctx)
}

// freezeAndEdit folds all that is staged now into the fold's trees.
func (f *fold) freezeAndEdit(ctx context.Context) error {
	if !f.alone {
		if err := f.b.write.lock(ctx); err != nil {
			return err
		}
	}
	f.b.freeze()
	if !f.alone {
		f.b.write.unlock()
	}
	f.from = f.b.state.Load()
	f.ref, f.trees = f.from.ref, f.from.trees
	err := f.edit(ctx)
	f.edited = f.trees
	return err
}

// stopWriters keeps others from staging until the fold ends, and folds what
// they staged since it began.
func (f *fold) stopWriters(ctx context.Context) error {
	if err := f.b.write.lock(ctx); err != nil {
		return err
	}
	if f.alone = true; f.b.state.Load().layers[0].edits() == 0 {
		return nil
	}
	return f.freezeAndEdit(ctx)
}

// freeze makes a new layer take writes, unless nothing is in the one that
// does. Both gates are held.
func (b *Branch) freeze() {
	st := b.state.Load()
	if st.layers[0].edits() == 0 {
		return
	}
	last := b.step.Load()
	next := &step{layer: newLayer(b.seq, last.common()), before: last.before + last.size()}
	b.txs.leaveBehind(next.before, txBehind*b.e.o.StagingBytes)
	last.next.Store(next)
	b.step.Store(next)
	b.state.Store(st.with(append([]*layer{next.layer}, st.layers...)))
}

// edit applies the frozen layers to the trees.
func (f *fold) edit(ctx context.Context) error {
	frozen := f.from.frozen()
	if len(frozen) == 0 {
		return nil
	}
	f.ref.folded = frozen[0].last.Load()
	for root, t := range f.trees {
		t, err := applyLayers(ctx, f.w, t, frozen, rootID(root))
		if err != nil {
			return fmt.Errorf("engine: fold branch %q: %w", f.b.name, err)
		}
		f.trees[root] = t
	}
	return nil
}

// foldRun is how many edits are applied at once; more would take memory and
// change nothing. Tests lower it.
var foldRun = 1 << 17

// applyLayers applies what layers, given newest first, say of a tree to it; its
// new nodes go to w.
func applyLayers(ctx context.Context, w *writer, t prolly.Tree, layers []*layer, root rootID) (prolly.Tree, error) {
	n := 0
	for _, l := range layers {
		n += l.over[root].entries
	}
	r := reader{layers: layers, seq: math.MaxUint64, root: root}
	c := r.staged(nil, nil, false)
	if t.Len() == 0 && n > foldRun {
		w.bulk = true
		defer func() { w.bulk = false }()
		return prolly.Build(ctx, w, c.entries)
	}
	edits := make([]prolly.Edit, 0, min(n, foldRun))
	for c.at != nil {
		edits = edits[:0]
		for ; c.at != nil && len(edits) < foldRun; c.next() {
			e, err := c.edit()
			if err != nil {
				return t, err
			}
			edits = append(edits, e)
		}
		var err error
		if t, err = applyThrough(ctx, w, t, edits); err != nil {
			return t, err
		}
	}
	return t, nil
}

// applyThrough applies edits to a tree whose new nodes go to w.
func applyThrough(ctx context.Context, w prolly.NodeStore, t prolly.Tree, edits []prolly.Edit) (prolly.Tree, error) {
	if len(edits) == 0 {
		return t, nil
	}
	return t.In(w).Apply(ctx, edits)
}

// finish moves the ref, trims the log, and shows readers the new state. Nothing
// is written when nothing changed.
func (f *fold) finish(ctx context.Context) error {
	f.ref.tree, f.ref.side = f.trees[theTree].Addr(), f.trees[theSide].Addr()
	if f.ref == f.from.ref {
		return nil
	}
	if err := f.keep(ctx); err != nil {
		return err
	}
	if err := f.lag(ctx); err != nil {
		return err
	}
	next := f.from.with(f.from.layers[:1:1])
	next.ref, next.raw, next.trees = f.ref, f.ref.encode(), f.trees
	if f.bulk {
		next.epoch++
	}
	for i := range next.trees {
		next.trees[i] = next.trees[i].In(f.b.e.nodes)
	}
	if err := f.swap(ctx, next); err != nil {
		return err
	}
	f.b.publish(f.from, next)
	replaced := f.w.replaced()
	f.b.follow(f.from, next, replaced)
	f.b.e.nodes.cache.retire(replaced)
	return nil
}

// keep makes what the branch will have stay while garbage is collected, when it
// may be made of anything that is here.
func (f *fold) keep(ctx context.Context) error {
	e := f.b.e
	if e.gc.Load() == nil || !f.bulk && !f.moved {
		return nil
	}
	if err := f.w.flush(ctx); err != nil {
		return err
	}
	for _, t := range f.trees {
		if err := e.bringBack(ctx, lateRoot{tree: t.Addr()}); err != nil {
			return err
		}
	}
	if !f.moved || !f.ref.hasCommit {
		return nil
	}
	c, err := e.ReadCommit(ctx, f.ref.commit.CID())
	if err != nil {
		return err
	}
	return e.bringBackCommit(ctx, c)
}

// swap makes next the store's state.
func (f *fold) swap(ctx context.Context, next *state) error {
	batch := f.w.last()
	if err := batch.SwapRef(f.b.ref, f.from.raw, next.raw); err != nil {
		return storeError("swap ref", err)
	}
	if err := batch.TrimLog(f.b.ref, next.ref.durable()); err != nil {
		return storeError("trim log", err)
	}
	f.b.attempt = next
	if err := f.w.finish(ctx); err != nil {
		if errors.Is(err, kv.ErrConflict) {
			return fmt.Errorf("%w: another moved branch %q", ErrConflict, f.b.name)
		}
		return err
	}
	f.b.attempt = nil
	return nil
}

// publish shows next to readers. The layers it lacks are folded. The fold gate
// is held.
func (b *Branch) publish(from, next *state) {
	b.e.leaving(b.state.Load())
	b.state.Store(next)
	for _, l := range from.frozen() {
		b.staged.Add(-l.size())
		b.edits.Add(-int64(l.edits()))
	}
	b.e.n.folds.Add(1)
}

// settle finds out what became of a swap that had failed: the store may have
// done it all the same. The fold gate is held, or the world stopped.
func (b *Branch) settle(ctx context.Context) error {
	if b.attempt == nil {
		return nil
	}
	raw, err := b.e.store.ReadRef(ctx, b.ref)
	if err != nil {
		return b.errRef(err)
	}
	st := b.state.Load()
	switch string(raw) {
	case string(st.raw):
	case string(b.attempt.raw):
		b.publish(st, b.attempt)
	default:
		return fmt.Errorf("%w: another moved branch %q", ErrConflict, b.name)
	}
	b.attempt = nil
	return nil
}

package sync

import (
	"context"
	"errors"
	"fmt"
	"iter"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// applyBytes is about how much of a step's edits is held in memory at once.
const applyBytes = 8 << 20

// applier works a spool's steps into trees, out of readers' sight.
type applier struct {
	a      *engine.Adoption
	e      *engine.Engine
	s      *spool
	budget Budget
	trees  map[cid.Cid]prolly.Tree // reached, by root
	put    map[string]struct{}     // blocks that were stored, by multihash
}

func newApplier(e *engine.Engine, a *engine.Adoption, s *spool, b Budget) *applier {
	return &applier{a: a, e: e, s: s, budget: b, trees: map[cid.Cid]prolly.Tree{}, put: map[string]struct{}{}}
}

// steps applies all steps in order. The tree that each reaches must have the
// root that was announced; then its commit is stored.
func (p *applier) steps(ctx context.Context) error {
	for _, st := range p.s.steps {
		t, err := p.step(ctx, st)
		if errors.Is(err, prolly.ErrGap) { // keys chosen to make every edit near them slow
			err = fmt.Errorf("%w: %w", &BudgetError{"weight without a cut", p.budget.Gap}, err)
		}
		if err != nil {
			return err
		}
		if t.Root() != st.root {
			return fmt.Errorf("%w: %v instead of %v", ErrWrongRoot, t.Root(), st.root)
		}
		p.trees[st.root] = t
		if st.commit != nil {
			if err := p.a.PutBlock(ctx, st.commit.CID, st.block); err != nil {
				return err
			}
		}
	}
	return p.a.Flush(ctx)
}

// tree returns a tree that was reached, or is stored.
func (p *applier) tree(ctx context.Context, root cid.Cid) (prolly.Tree, error) {
	if t, ok := p.trees[root]; ok {
		return t, nil
	}
	return prolly.Load(ctx, p.a.Nodes(), root)
}

func (p *applier) step(ctx context.Context, st *step) (prolly.Tree, error) {
	within := prolly.Limits{MaxGap: uint64(p.budget.Gap)}
	if st.base == emptyRoot {
		return prolly.BuildWithin(ctx, p.a.Nodes(), p.entries(ctx, st), within)
	}
	t, err := p.tree(ctx, st.base)
	if errors.Is(err, engine.ErrMissing) {
		return t, malformed("a step from %v, which is not here", st.base)
	}
	if err != nil {
		return t, err
	}
	var chunk []prolly.Edit
	size := 0
	for e, err := range p.s.edits(st) {
		if err == nil {
			err = p.value(ctx, e)
		}
		if err != nil {
			return t, err
		}
		chunk = append(chunk, prolly.Edit{Key: append([]byte(nil), e.Key...), Value: e.Value.Clone(), Delete: e.Delete})
		if size += len(e.Key) + len(e.Value.Bytes) + 128; size > applyBytes {
			if t, err = t.ApplyWithin(ctx, chunk, within); err != nil {
				return t, err
			}
			chunk, size = chunk[:0], 0
		}
	}
	return t.ApplyWithin(ctx, chunk, within)
}

// entries yields what is to be built from nothing.
func (p *applier) entries(ctx context.Context, st *step) iter.Seq2[prolly.Entry, error] {
	return func(yield func(prolly.Entry, error) bool) {
		for e, err := range p.s.edits(st) {
			if err == nil && e.Delete {
				err = malformed("a deletion from the empty tree")
			}
			if err == nil {
				err = p.value(ctx, e)
			}
			if !yield(prolly.Entry{Key: e.Key, Value: e.Value}, err) || err != nil {
				return
			}
		}
	}
}

// value verifies what an edit names out of line, and stores it.
func (p *applier) value(ctx context.Context, e prolly.Edit) error {
	if e.Delete {
		return nil
	}
	switch e.Value.Kind() {
	case codec.Link:
		return p.store(ctx, e.Value.Link)
	case codec.Blob:
		c := e.Value.Blob()
		if err := prolly.CheckBlob(ctx, overlay{p.a.Nodes(), p.s}, c.Bytes(), e.Value.Size); err != nil {
			if errors.Is(err, engine.ErrCorrupt) {
				err = fmt.Errorf("%w: value of %q: %w", ErrProtocol, e.Key, err)
			}
			return err
		}
		return valueLinks(ctx, c, p.budget.Depth, p.s.read(p.e), map[string]struct{}{}, func(c cid.Cid) error { return p.store(ctx, c) })
	}
	return nil
}

// store stores a block that was received.
func (p *applier) store(ctx context.Context, c cid.Cid) error {
	if _, ok := p.put[string(c.Hash())]; ok {
		return nil
	}
	b, ok, err := p.s.block(c)
	if err != nil || !ok {
		return err
	}
	if len(p.put) < maxSent {
		p.put[string(c.Hash())] = struct{}{}
	}
	return p.a.PutBlock(ctx, c, b)
}

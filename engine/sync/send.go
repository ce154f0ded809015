package sync

import (
	"context"
	"iter"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// sender writes steps: how one tree becomes another.
type sender struct {
	e       *engine.Engine
	w       *frameWriter
	blocks  blockSender
	run     runWriter
	pending []pendingValue // values of the run whose blocks go after it
	entries int64
}

// pendingValue is a value out of line, and what it replaces.
type pendingValue struct {
	from *prolly.Value
	to   prolly.Value
}

func newSender(e *engine.Engine, w *frameWriter) *sender {
	return &sender{e: e, w: w, blocks: blockSender{e: e, w: w, sent: map[string]struct{}{}}}
}

// add puts an edit into the run.
func (s *sender) add(ctx context.Context, key []byte, from, to *prolly.Value) error {
	s.run.add(key, to)
	s.entries++
	if to != nil && to.Kind() != codec.Inline {
		p := pendingValue{to: to.Clone()}
		if from != nil && from.Kind() == codec.Blob {
			v := from.Clone()
			p.from = &v
		}
		s.pending = append(s.pending, p)
	}
	if len(s.run.b) < runBytes {
		return nil
	}
	return s.flush(ctx)
}

// flush writes the run, and the blocks that go with it.
func (s *sender) flush(ctx context.Context) error {
	if s.run.n == 0 {
		return nil
	}
	if err := s.w.write(frameRun, s.run.b); err != nil {
		return err
	}
	s.run.reset()
	for i := range s.pending {
		if err := s.blocks.send(ctx, s.pending[i].from, &s.pending[i].to); err != nil {
			return err
		}
	}
	s.pending = s.pending[:0]
	return ctx.Err()
}

// step sends how base becomes to, which is the tree of the commit in block, if
// there is one.
func (s *sender) step(ctx context.Context, base, to prolly.Tree, block []byte) error {
	b, err := appendStep(nil, base.Root(), to.Root(), block)
	if err != nil {
		return err
	}
	if err := s.w.write(frameStep, b); err != nil {
		return err
	}
	return s.edits(ctx, base, to, nil)
}

// edits sends what changes from base to to after a key, and the end of the step.
func (s *sender) edits(ctx context.Context, base, to prolly.Tree, after []byte) error {
	r := prolly.Range{}
	if len(after) > 0 {
		r.From = append(append(r.From, after...), 0)
	}
	if base.Len() == 0 {
		if err := s.all(ctx, to.Range(ctx, r)); err != nil {
			return err
		}
		return s.w.write(frameStepEnd)
	}
	for c, err := range prolly.Diff(ctx, base, to, r) {
		if err == nil {
			err = s.add(ctx, c.Key, c.From, c.To)
		}
		if err != nil {
			return err
		}
	}
	if err := s.flush(ctx); err != nil {
		return err
	}
	return s.w.write(frameStepEnd)
}

// all sends entries, and flushes them.
func (s *sender) all(ctx context.Context, entries iter.Seq2[prolly.Entry, error]) error {
	for e, err := range entries {
		if err == nil {
			err = s.add(ctx, e.Key, nil, &e.Value)
		}
		if err != nil {
			return err
		}
	}
	return s.flush(ctx)
}

// commit sends a step to a commit from the tree under a root.
func (s *sender) commit(ctx context.Context, c engine.Commit, base cid.Cid) error {
	to, err := s.e.Tree(ctx, c.Root)
	if err != nil {
		return err
	}
	defer to.Close()
	from := prolly.Empty(s.e.Nodes())
	if base.Defined() {
		snap, err := s.e.Tree(ctx, base)
		if err != nil {
			return err
		}
		defer snap.Close()
		from = snap.Tree()
	}
	block, err := s.e.ReadBlock(ctx, c.CID)
	if err != nil {
		return err
	}
	return s.step(ctx, from, to.Tree(), block)
}

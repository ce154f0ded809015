package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Prove proves the answer to a question about the branch as it is now, what is
// staged included: it is folded first. The proof speaks of the root that this
// gives (prolly.Verify). Whether a root stands in the history is not shown.
func (b *Branch) Prove(ctx context.Context, q codec.Question) (prolly.Proof, error) {
	s, err := b.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	return s.prove(ctx, q)
}

// Prove proves the answer to a question about what a REF stands for: of a
// branch, its last commit. ErrUnknownRef.
func (e *Engine) Prove(ctx context.Context, ref string, q codec.Question) (prolly.Proof, error) {
	r, err := e.Resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	s, err := e.Tree(ctx, r.Root)
	if err != nil {
		return nil, err
	}
	return s.prove(ctx, q)
}

// prove closes s. Of an open one, Tree proves.
func (s *Snapshot) prove(ctx context.Context, q codec.Question) (prolly.Proof, error) {
	p, err := s.Tree().ProveQuestion(ctx, q)
	if err = errors.Join(err, s.Close()); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	return p, nil
}

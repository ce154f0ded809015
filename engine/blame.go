package engine

import (
	"context"
	"fmt"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Blame is the commit that gave a key what it has, or took it away.
type Blame struct {
	Commit Commit        // with Cut set: this one, or one before it that was cut off
	Value  *prolly.Value // what the key has since; nil when it was removed
}

// BlameOptions choose where Blame begins.
type BlameOptions struct {
	From cid.Cid // the commit to begin with; the last one when undefined
}

// Blame returns the commit that last changed a key: the one whose value of it
// no parent has, found by going to a parent with the same value as long as
// there is one. Staged writes do not count. ErrNotFound when no commit has the
// key, ErrNoCommit when there is none. The cost is that of a comparison of one
// key for each commit since.
func (b *Branch) Blame(ctx context.Context, key []byte, o BlameOptions) (Blame, error) {
	if err := checkKey(key); err != nil {
		return Blame{}, err
	}
	c, ok, err := b.begin(ctx, o.From)
	if err != nil {
		return Blame{}, err
	}
	if !ok {
		return Blame{}, fmt.Errorf("%w: on branch %q", ErrNoCommit, b.name)
	}
	within := prolly.Range{From: key, To: append(append([]byte{}, key...), 0)}
	for {
		parents, err := b.e.ancestors(ctx, &c)
		if err != nil {
			return Blame{}, err
		}
		before, err := b.e.unchanged(ctx, c, parents, within)
		if err != nil {
			return Blame{}, err
		}
		if before == nil {
			return b.e.blame(ctx, c, key)
		}
		c = *before
	}
}

// unchanged returns a parent that has what c has within a range.
func (e *Engine) unchanged(ctx context.Context, c Commit, parents []Commit, within prolly.Range) (*Commit, error) {
	within.Limit = 1
	for i := range parents {
		differs, err := e.differ(ctx, parents[i].Root, c.Root, within)
		if err != nil {
			return nil, err
		}
		if !differs {
			return &parents[i], nil
		}
	}
	return nil, nil
}

// blame says what c did to the key.
func (e *Engine) blame(ctx context.Context, c Commit, key []byte) (Blame, error) {
	t, err := prolly.Load(ctx, e.nodes, c.Root)
	if err != nil {
		return Blame{}, err
	}
	entry, err := t.Lookup(ctx, key)
	if err == nil {
		v := entry.Value.Clone()
		return Blame{c, &v}, nil
	}
	if err == ErrNotFound && len(c.Parents) > 0 && !c.Cut {
		return Blame{Commit: c}, nil // a parent has it
	}
	return Blame{}, err
}

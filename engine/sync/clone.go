package sync

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

// CloneOptions say what to clone.
type CloneOptions struct {
	Remote string // the remote's name, for TrackingTag; DefaultRemote when empty
	Branch string // of the remote
	As     string // the name of ours, which must not be there; Branch when empty

	// Depth is how many commits of the history come with their trees; all when
	// 0. What is cut off stays cut off: a shallow clone can pull, push and merge
	// whatever does not need older commits.
	Depth int
}

// Clone makes a branch of all that a remote one has: first its tree, taken up
// again after the last key received when the connection breaks, then its
// history. The branch appears when all of it is verified.
func (c *Client) Clone(ctx context.Context, e *engine.Engine, o CloneOptions) (Result, error) {
	if o.Remote == "" {
		o.Remote = DefaultRemote
	}
	if o.As == "" {
		o.As = o.Branch
	}
	x := c.exchange(e, o.Branch)
	ctx, cancel := context.WithTimeout(ctx, x.budget.Time)
	defer cancel()
	p := &pull{exchange: x, o: PullOptions{Remote: o.Remote, Branch: o.Branch}, s: newSpool()}
	in, err := p.clone(ctx, o)
	err = errors.Join(err, p.s.close())
	p.result.Stats = x.counted()
	if err != nil {
		return p.result, fmt.Errorf("clone %s: %w", o.Branch, err)
	}
	p.result.Outcome, p.result.After = Created, in.after
	return p.result, nil
}

func (p *pull) clone(ctx context.Context, o CloneOptions) (*incoming, error) {
	if _, err := p.e.Lookup(ctx, o.As); !errors.Is(err, engine.ErrNoBranch) {
		if err == nil {
			err = fmt.Errorf("%w: %q", engine.ErrBranchExists, o.As)
		}
		return nil, err
	}
	err := p.again(ctx, func() int64 { return p.s.size }, func() error { return p.cloneTree(ctx) })
	if err != nil {
		return nil, err
	}
	if err := p.olderCommits(ctx, o.Depth); err != nil {
		return nil, err
	}
	if err := p.lacking(ctx, p.s); err != nil {
		return nil, err
	}
	in := &incoming{e: p.e, s: p.s, version: p.head.version, budget: p.budget, apart: true}
	for _, st := range p.s.steps {
		if st.commit != nil {
			p.stats.CommitsIn++
		}
	}
	if err := in.create(ctx, o.As); err != nil {
		return nil, err
	}
	return in, track(ctx, p.e, o.Remote, o.Branch, p.head.version)
}

// cloneTree receives the tree, or the rest of it.
func (p *pull) cloneTree(ctx context.Context) error {
	if n := len(p.s.steps); n > 0 && !p.s.steps[n-1].done {
		return p.rest(ctx, p.s, p.s.steps[n-1])
	}
	return p.askPull(ctx, pullRequest{})
}

// olderCommits receives the history below the head, down to a depth. Its steps
// lead back from younger trees.
func (p *pull) olderCommits(ctx context.Context, depth int) error {
	if !p.head.version.Commit.Defined() || depth == 1 || len(p.s.steps) == 0 ||
		p.s.steps[0].commit == nil || len(p.s.steps[0].commit.Parents) == 0 {
		return nil
	}
	limit := uint64(math.MaxInt32)
	if depth > 0 {
		limit = uint64(depth - 1)
	}
	return p.again(ctx, func() int64 { return p.s.size + int64(len(p.s.steps)) }, func() error {
		if n := len(p.s.steps); !p.s.steps[n-1].done {
			if err := p.rest(ctx, p.s, p.s.steps[n-1]); err != nil {
				return err
			}
		}
		skip := uint64(len(p.s.steps) - 1)
		body, err := historyRequest{from: p.head.version.Commit, skip: skip, limit: limit - skip}.append(nil)
		if err != nil {
			return err
		}
		return p.ask(ctx, pathHistory, body, func(fr *frameReader) error { return p.receive(fr, p.s) })
	})
}

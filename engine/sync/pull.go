package sync

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// PullOptions say what to pull and what to do with it.
type PullOptions struct {
	Remote string // the remote's name, for TrackingTag; DefaultRemote when empty
	Branch string // of the remote; the name of ours when empty

	// Resolve decides the conflicts of branches that have diverged, which are
	// merged then, with a commit when they have commits. Without it they are
	// refused: ErrDiverged.
	Resolve prolly.Resolver
	Newest  bool // instead of Resolve: the newer of the two commits decides

	Replace       bool // take what the remote has whatever is here: ours is lost
	AllowRollback bool // no ErrRollback when the remote went back
}

func (o *PullOptions) fill(b *engine.Branch) {
	if o.Remote == "" {
		o.Remote = DefaultRemote
	}
	if o.Branch == "" {
		o.Branch = b.Name()
	}
}

// Result is what became of a pull, push or clone.
type Result struct {
	Outcome       Outcome
	Before, After Version // of our branch; of the remote one after a push
	Merge         prolly.MergeStats
	Stats         Stats
}

// Pull brings a branch up to what the remote one has. Nothing is visible before
// all of it is verified. What is staged on the branch is folded; a branch with
// commits must have nothing after the last one to be moved (ErrUncommitted).
func (c *Client) Pull(ctx context.Context, b *engine.Branch, o PullOptions) (Result, error) {
	o.fill(b)
	x := c.exchange(b.Engine(), o.Branch)
	ctx, cancel := context.WithTimeout(ctx, x.budget.Time)
	defer cancel()
	p := &pull{exchange: x, b: b, o: o, s: newSpool()}
	err := p.run(ctx)
	err = errors.Join(err, p.s.close())
	p.result.Stats = x.counted()
	if err != nil {
		return p.result, fmt.Errorf("pull %s: %w", o.Branch, err)
	}
	return p.result, nil
}

// pull is a Pull under way.
type pull struct {
	*exchange
	b      *engine.Branch
	o      PullOptions
	s      *spool
	seen   tracked
	snap   *engine.Snapshot // of ours
	head   head             // of theirs
	commit []byte           // its block, when nothing is known in common
	result Result

	shallow bool // our history is cut off somewhere
	symbols apartSymbols
}

func (p *pull) run(ctx context.Context) (err error) {
	if p.seen, err = tracking(ctx, p.e, p.o.Remote, p.o.Branch); err != nil {
		return err
	}
	if p.result.Before, p.snap, err = committed(ctx, p.b); err != nil {
		return err
	}
	defer p.snap.Close()
	p.result.After = p.result.Before
	if p.shallow, err = p.e.Shallow(ctx); err != nil {
		return err
	}
	if err := p.fetch(ctx); err != nil {
		return err
	}
	if err := p.lacking(ctx, p.s); err != nil {
		return err
	}
	if err := p.rollback(ctx); err != nil {
		return err
	}
	in := &incoming{
		e: p.e, s: p.s, version: p.head.version, budget: p.budget, shared: p.seen.root,
		apart:   p.head.status == statusApart || p.head.status == statusBulk || p.shallow || !p.result.Before.Commit.Defined(),
		resolve: p.o.Resolve, newest: p.o.Newest, replace: p.o.Replace, message: fmt.Sprintf("merge %s of %s", p.o.Branch, p.o.Remote),
	}
	for _, st := range p.s.steps {
		if st.commit != nil {
			p.stats.CommitsIn++
		}
	}
	if err := in.into(ctx, p.b); err != nil {
		return err
	}
	p.result.Outcome, p.result.After, p.result.Merge = in.outcome, in.after, in.merge
	return track(ctx, p.e, p.o.Remote, p.o.Branch, p.head.version)
}

// haves names what the remote may have too, the likeliest first: what it had when
// it was last seen, our head, and commits ever further back.
func (p *pull) haves(ctx context.Context) ([]cid.Cid, error) {
	var names []cid.Cid
	add := func(c cid.Cid) {
		if c.Defined() && c != emptyRoot && !slices.Contains(names, c) {
			names = append(names, c)
		}
	}
	for _, st := range slices.Backward(p.s.steps) {
		if st.done && st.commit != nil {
			add(st.commit.CID)
			break
		}
	}
	add(p.seen.name)
	add(p.result.Before.name())
	if p.seen.name.Defined() || !p.result.Before.Commit.Defined() {
		return names, nil
	}
	n, next := 0, 1
	for c, err := range p.b.Log(ctx, engine.LogOptions{From: p.result.Before.Commit, Limit: 1 << 12}) {
		if err != nil {
			return nil, err
		}
		if n++; n >= next {
			add(c.CID)
			next *= 2
		}
	}
	return names, nil
}

// fetch receives what is lacking, however often the connection breaks.
func (p *pull) fetch(ctx context.Context) error {
	err := p.again(ctx, func() int64 { return p.s.size }, func() error { return p.fetchOnce(ctx) })
	if err != nil {
		return err
	}
	if p.head.status != statusApart {
		return nil
	}
	if err := p.reconcile(ctx); !errors.Is(err, errTryBulk) {
		return err
	}
	return p.everything(ctx)
}

// fetchOnce asks for the rest of a step that was cut short, or else for what is
// lacking beyond all that has arrived.
func (p *pull) fetchOnce(ctx context.Context) error {
	if n := len(p.s.steps); n > 0 && !p.s.steps[n-1].done {
		if err := p.rest(ctx, p.s, p.s.steps[n-1]); err != nil {
			return err
		}
		if p.arrived() {
			return nil
		}
	}
	names, err := p.haves(ctx)
	if err != nil {
		return err
	}
	q := pullRequest{haves: names, shallow: p.shallow}
	if len(names) > 0 && !p.seen.name.Defined() && p.snap.Tree().Len() > 0 {
		q.estimate, q.salt = true, rand.Uint64()
		if q.leaves, _, err = leafEstimate(ctx, p.snap.Tree(), q.salt); err != nil {
			return err
		}
	}
	return p.askPull(ctx, q)
}

func (p *pull) askPull(ctx context.Context, q pullRequest) error {
	body, err := q.append(nil)
	if err != nil {
		return err
	}
	return p.ask(ctx, pathPull, body, func(fr *frameReader) error {
		b, err := fr.expect(frameHead)
		if err != nil {
			return err
		}
		h, err := parseHead(b)
		if err != nil {
			return err
		}
		if len(p.s.steps) > 0 && h.status != statusSame && h.status != statusSteps {
			return malformed("a resumed pull answered with status %d", h.status)
		}
		p.head, p.total = h, 0
		switch h.status {
		case statusSame:
			_, err := fr.expect(frameEnd)
			return err
		case statusBulk:
			p.total = h.version.Entries
			fallthrough
		case statusSteps:
			return p.receive(fr, p.s)
		case statusApart:
			return p.receiveApart(fr, q)
		}
		return malformed("a pull answered with status %d", h.status)
	})
}

// arrived tells whether the head that was announced has been received.
func (p *pull) arrived() bool {
	n := len(p.s.steps)
	if n == 0 || !p.s.steps[n-1].done {
		return false
	}
	st := p.s.steps[n-1]
	if p.head.version.Commit.Defined() {
		return st.commit != nil && st.commit.CID == p.head.version.Commit
	}
	return st.root == p.head.version.Root
}

// rest asks for what a step lacks: the last one of a spool.
func (p *exchange) rest(ctx context.Context, s *spool, st *step) error {
	body, err := rangeRequest{base: st.base, root: st.root, after: st.last}.append(nil)
	if err != nil {
		return err
	}
	return p.ask(ctx, pathRange, body, func(fr *frameReader) error { return p.receive(fr, s) })
}

// lacking asks for the blocks that were not sent along: once for each level of
// a list of chunks, unless the connection breaks.
func (p *exchange) lacking(ctx context.Context, s *spool) error {
	for range p.budget.Depth + 1 {
		before := len(s.blocks)
		var values []cid.Cid
		err := p.again(ctx, func() int64 { return int64(len(s.blocks)) }, func() error {
			var links []cid.Cid
			var err error
			values, links, err = s.missing(ctx, p.e, p.budget.Depth)
			if err != nil || len(values) == 0 && len(links) == 0 {
				return err
			}
			return p.ask(ctx, pathBlocks, appendBlocks(nil, append(values, links...)), func(fr *frameReader) error {
				return p.receive(fr, s)
			})
		})
		switch {
		case err != nil:
			return err
		case len(s.blocks) > before:
		case len(values) > 0:
			return fmt.Errorf("block %v of a value: %w", values[0], ErrMissing)
		default:
			return nil
		}
	}
	return nil
}

// rollback refuses a head that the one seen before descends from.
func (p *pull) rollback(ctx context.Context) error {
	if p.o.AllowRollback || p.seen.commit == nil || p.head.version.name() == p.seen.name {
		return nil
	}
	if !p.head.version.Commit.Defined() {
		return fmt.Errorf("%w: it has no commit any more", ErrRollback)
	}
	g := newGraph(p.e, p.s, p.budget.Commits)
	now, err := g.read(ctx, p.head.version.Commit)
	if errors.Is(err, engine.ErrMissing) {
		return nil // told when it is worked in
	}
	if err != nil {
		return err
	}
	back, err := g.descends(ctx, *p.seen.commit, now)
	if err == nil && back {
		err = fmt.Errorf("%w: from commit #%d to #%d", ErrRollback, p.seen.commit.Seq, now.Seq)
	}
	return err
}

package sync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// PushOptions say where to push and what to do when others were faster.
type PushOptions struct {
	Remote string // the remote's name, for TrackingTag; DefaultRemote when empty
	Branch string // of the remote; the name of ours when empty

	// Resolve decides conflicts when the remote branch has what ours lacks: it
	// is pulled and merged then, and the result pushed, up to Attempts times;
	// 64 when 0. Without it: ErrDiverged.
	Resolve  prolly.Resolver
	Newest   bool // instead of Resolve: the newer of the two commits decides
	Attempts int

	// Force moves the remote branch to ours also when it loses something by that,
	// if it still is where it was last seen: ErrDiverged when it is not. The server
	// has to allow it: ErrForbidden. Nothing is merged.
	Force bool
}

// Push brings a branch of the remote up to what ours has. The remote branch
// moves from where it is expected to be, or not at all. A branch with commits
// must have nothing after the last one (ErrUncommitted); one without is folded.
func (c *Client) Push(ctx context.Context, b *engine.Branch, o PushOptions) (Result, error) {
	po := PullOptions{Remote: o.Remote, Branch: o.Branch, Resolve: o.Resolve, Newest: o.Newest}
	po.fill(b)
	o.Remote, o.Branch = po.Remote, po.Branch
	if o.Attempts <= 0 {
		o.Attempts = 64
	}
	x := c.exchange(b.Engine(), o.Branch)
	ctx, cancel := context.WithTimeout(ctx, x.budget.Time)
	defer cancel()
	var total Result
	for n := 1; ; n++ {
		p := &push{exchange: c.exchange(b.Engine(), o.Branch), b: b, o: o}
		err := p.again(ctx, func() int64 { return 0 }, func() error { return p.run(ctx) })
		total.Outcome, total.Before, total.After = p.result.Outcome, p.result.Before, p.result.After
		total.Stats.add(p.counted())
		if err == nil {
			return total, nil
		}
		behind := errors.Is(err, ErrDiverged) || errors.Is(err, engine.ErrConflict)
		if !behind || o.Force || o.Resolve == nil && !o.Newest || n == o.Attempts {
			return total, fmt.Errorf("push %s: %w", o.Branch, err)
		}
		pulled, err := c.Pull(ctx, b, po)
		total.Stats.add(pulled.Stats)
		total.Merge = pulled.Merge
		if err != nil {
			return total, fmt.Errorf("push %s: %w", o.Branch, err)
		}
	}
}

func (s *Stats) add(o Stats) {
	s.RoundTrips += o.RoundTrips
	s.BytesIn += o.BytesIn
	s.BytesOut += o.BytesOut
	s.EntriesIn += o.EntriesIn
	s.EntriesOut += o.EntriesOut
	s.BlocksIn += o.BlocksIn
	s.BlocksOut += o.BlocksOut
	s.CommitsIn += o.CommitsIn
	s.CommitsOut += o.CommitsOut
}

// push is one attempt of a Push.
type push struct {
	*exchange
	b      *engine.Branch
	o      PushOptions
	expect tracked // where the remote branch is taken to be
	result Result
}

func (p *push) run(ctx context.Context) (err error) {
	if p.expect, err = tracking(ctx, p.e, p.o.Remote, p.o.Branch); err != nil {
		return err
	}
	v, snap, err := committed(ctx, p.b)
	if err != nil {
		return err
	}
	defer snap.Close()
	p.result.Before, p.result.After = v, v
	if err := p.clean(ctx, v); err != nil {
		return err
	}
	if v.name() == p.expect.name {
		p.result.Outcome = UpToDate
		return nil
	}
	err = p.send(ctx, v, snap.Tree())
	var r *refusal
	if errors.As(err, &r) && errors.Is(err, ErrDiverged) && p.known(ctx, r.at, v) {
		if v.name() == p.expect.name {
			p.result.Outcome = UpToDate
			return track(ctx, p.e, p.o.Remote, p.o.Branch, v)
		}
		err = p.send(ctx, v, snap.Tree())
	}
	if err != nil {
		return err
	}
	return track(ctx, p.e, p.o.Remote, p.o.Branch, v)
}

// clean makes sure that the last commit is all there is.
func (p *push) clean(ctx context.Context, v Version) error {
	if !v.Commit.Defined() {
		return nil
	}
	root, err := p.b.Root(ctx)
	if err == nil && (root != v.Root || p.b.Staged() > 0) {
		if root, err = p.b.Fold(ctx); err == nil && root != v.Root {
			err = ErrUncommitted
		}
	}
	return err
}

// known tells whether the remote branch is at a commit, or root, that ours
// descends from after all, and expects it there from then on.
func (p *push) known(ctx context.Context, at errorBody, v Version) bool {
	root, err := cid.Decode(at.Root)
	if err != nil {
		return false
	}
	if at.Commit == "" {
		p.expect = tracked{name: root, root: root}
		return root == emptyRoot || root == v.Root // of others nobody can tell which is newer
	}
	name, err := cid.Decode(at.Commit)
	if err != nil || !v.Commit.Defined() {
		return false
	}
	c, err := p.e.ReadCommit(ctx, name)
	if err != nil || c.Root != root {
		return false
	}
	g := newGraph(p.e, nil, p.budget.Commits)
	ours, err := g.read(ctx, v.Commit)
	if err != nil {
		return false
	}
	below, err := g.descends(ctx, ours, c)
	p.expect = tracked{name: name, root: root, commit: &c}
	return err == nil && below
}

// send sends what leads from where the remote branch is expected to v.
func (p *push) send(ctx context.Context, v Version, tree prolly.Tree) error {
	pr, pw := io.Pipe()
	written := make(chan error, 1)
	go func() {
		w := newFrameWriter(pw)
		err := p.message(ctx, w, v, tree)
		_ = pw.CloseWithError(err) // always nil
		written <- err
	}()
	a, err := p.do(ctx, http.MethodPost, pathPush, pr)
	_ = pr.CloseWithError(errBroken) // the message is not wanted any more; always nil
	if failed := <-written; err != nil && failed != nil && !errors.Is(failed, errBroken) {
		return failed
	}
	if err != nil {
		return err
	}
	defer a.close()
	fr := newFrameReader(a, &meter{b: p.budget})
	b, err := fr.expect(frameHead)
	if err != nil {
		return err
	}
	h, err := parseHead(b)
	if err != nil {
		return err
	}
	if h.version.name() != v.name() {
		return malformed("%v was pushed and %v is there", v.name(), h.version.name())
	}
	if p.result.Outcome, err = p.moved(ctx, v); err != nil {
		return err
	}
	_, err = fr.expect(frameEnd)
	return err
}

// moved is what became of the remote branch.
func (p *push) moved(ctx context.Context, v Version) (Outcome, error) {
	switch {
	case !p.expect.name.Defined():
		return Created, nil
	case p.expect.commit == nil || !p.o.Force:
		return FastForward, nil
	case !v.Commit.Defined():
		return Replaced, nil
	}
	g := newGraph(p.e, nil, p.budget.Commits)
	ours, err := g.read(ctx, v.Commit)
	if err != nil {
		return "", err
	}
	if below, err := g.descends(ctx, ours, *p.expect.commit); below || err != nil {
		return FastForward, err
	}
	return Replaced, nil
}

// message writes the push.
func (p *push) message(ctx context.Context, w *frameWriter, v Version, tree prolly.Tree) error {
	var expect []byte
	if p.expect.name.Defined() {
		at := Version{Root: p.expect.root}
		if p.expect.commit != nil {
			at.Commit = p.expect.commit.CID
		}
		var err error
		if expect, err = (head{statusPush, at}).append(nil); err != nil {
			return err
		}
	}
	kind := statusPush
	if p.o.Force {
		kind = statusForce
	}
	to, err := head{kind, v}.append(nil)
	if err != nil {
		return err
	}
	if err := errors.Join(w.write(frameHead, expect), w.write(frameHead, to)); err != nil {
		return err
	}
	s := newSender(p.e, w)
	if err := p.steps(ctx, s, v, tree); err != nil {
		return err
	}
	p.stats.EntriesOut, p.stats.BlocksOut = s.entries, s.blocks.n
	return w.end()
}

func (p *push) steps(ctx context.Context, s *sender, v Version, tree prolly.Tree) error {
	if !v.Commit.Defined() {
		base := prolly.Empty(p.e.Nodes())
		if p.expect.name.Defined() {
			snap, err := p.e.Tree(ctx, p.expect.root)
			if err != nil {
				return err
			}
			defer snap.Close()
			base = snap.Tree()
		}
		return s.step(ctx, base, tree, nil)
	}
	g := newGraph(p.e, nil, p.budget.Commits)
	ours, err := g.read(ctx, v.Commit)
	if err != nil {
		return err
	}
	var have []engine.Commit
	if p.expect.commit != nil {
		have = append(have, *p.expect.commit)
	}
	list, _, err := g.between(ctx, ours, have, p.budget.Commits)
	if err != nil {
		return err
	}
	p.stats.CommitsOut = len(list)
	return (&chain{s: s, g: g}).send(ctx, list)
}

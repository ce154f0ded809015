package sync

import (
	"context"
	"errors"
	"fmt"
	"time"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Outcome is what became of a branch.
type Outcome string

const (
	UpToDate    Outcome = "up-to-date"   // both had the same
	Ahead       Outcome = "ahead"        // the branch descends from what was received
	FastForward Outcome = "fast-forward" // what was received descends from the branch
	Merged      Outcome = "merged"
	Replaced    Outcome = "replaced" // what the branch had is gone
	Created     Outcome = "created"
)

// incoming is what was received whole, to be worked into a branch.
type incoming struct {
	e       *engine.Engine
	s       *spool
	version Version // announced
	budget  Budget

	expect  *Version        // where the branch has to be; nil: anywhere
	shared  cid.Cid         // root last seen on both sides; for branches without commits
	apart   bool            // the histories need not meet
	resolve prolly.Resolver // for what has diverged; nil refuses
	newest  bool            // the newer commit resolves
	replace bool            // take it where both have something of their own
	force   bool            // take it whatever the branch has
	message string          // of the commit of a merge

	outcome Outcome
	after   Version
	merge   prolly.MergeStats
}

// into works what was received into b, all or nothing.
func (in *incoming) into(ctx context.Context, b *engine.Branch) error {
	if err := in.cuts(ctx); err != nil {
		return err
	}
	return b.Adopt(ctx, func(a *engine.Adoption) error {
		t := &integration{incoming: in, a: a, p: newApplier(in.e, a, in.s, in.budget)}
		return t.run(ctx)
	})
}

// cuts marks the commits below which the sender's history is not here.
func (in *incoming) cuts(ctx context.Context) error {
	g := newGraph(in.e, in.s, in.budget.Commits)
	for _, st := range in.s.steps {
		if st.commit == nil {
			continue
		}
		parents, err := g.parents(ctx, *st.commit)
		if err != nil {
			return err
		}
		seq := uint64(1)
		for _, p := range parents {
			seq = max(seq, p.Seq+1)
		}
		if len(parents) == len(st.commit.Parents) {
			if seq != st.commit.Seq {
				return malformed("commit %v has Seq %d, its parents demand %d", st.commit.CID, st.commit.Seq, seq)
			}
			continue
		}
		if !in.apart {
			return malformed("commit %v without its parents", st.commit.CID)
		}
		if err := in.e.MarkShallow(ctx, st.commit.CID); err != nil {
			return err
		}
	}
	return nil
}

// integration is an incoming at work within an adoption.
type integration struct {
	*incoming
	a      *engine.Adoption
	p      *applier
	g      *graph
	ours   Version
	head   *engine.Commit // of ours
	theirs *engine.Commit
	tree   prolly.Tree // theirs
}

func (t *integration) run(ctx context.Context) error {
	if err := t.look(ctx); err != nil {
		return err
	}
	if err := t.expected(); err != nil {
		return err
	}
	if err := t.p.steps(ctx); err != nil {
		return err
	}
	if err := t.receive(ctx); err != nil {
		return err
	}
	return t.decide(ctx)
}

// look finds out where the branch is.
func (t *integration) look(ctx context.Context) error {
	tree := t.a.Tree()
	t.g = newGraph(t.e, t.s, t.budget.Commits)
	t.ours = Version{Commit: t.a.Head(), Root: tree.Root(), Entries: tree.Len(), Bytes: tree.Bytes()}
	t.after = t.ours
	if !t.ours.Commit.Defined() {
		return nil
	}
	c, err := t.e.ReadCommit(ctx, t.ours.Commit)
	t.head = &c
	return err
}

// expected compares the branch with where the sender took it to be.
func (t *integration) expected() error {
	switch {
	case t.expect == nil:
		return nil
	case t.expect.Commit != t.ours.Commit, t.head == nil && t.expect.Root != t.ours.Root:
		return ErrDiverged
	}
	return nil
}

// uncommitted tells whether the branch has more than its last commit.
func (t *integration) uncommitted() bool { return t.head != nil && t.head.Root != t.ours.Root }

// receive finds the tree and the commit that were announced.
func (t *integration) receive(ctx context.Context) (err error) {
	if t.version.Commit.Defined() {
		c, err := t.g.read(ctx, t.version.Commit)
		if errors.Is(err, engine.ErrMissing) {
			return malformed("commit %v was announced and not sent", t.version.Commit)
		}
		if err != nil {
			return err
		}
		if c.Root != t.version.Root {
			return fmt.Errorf("%w: commit %v is of root %v instead of %v", ErrWrongRoot, c.CID, c.Root, t.version.Root)
		}
		t.theirs = &c
	}
	t.tree, err = t.p.tree(ctx, t.version.Root)
	if errors.Is(err, engine.ErrMissing) {
		return fmt.Errorf("%w: %v was announced and not reached", ErrWrongRoot, t.version.Root)
	}
	return err
}

// decide moves the branch.
func (t *integration) decide(ctx context.Context) error {
	switch rel, err := t.relation(ctx); {
	case err != nil:
		return err
	case rel == UpToDate || rel == Ahead && !t.force:
		t.outcome = rel
		return nil
	case t.uncommitted():
		return ErrUncommitted
	case rel == FastForward || t.replace || t.force:
		if t.outcome = rel; rel != FastForward {
			t.outcome = Replaced
		}
		return t.take(t.tree, t.version.Commit)
	case t.newest && t.head != nil && t.theirs != nil:
		t.resolve = prolly.Newest(time.UnixMilli(t.head.Time), time.UnixMilli(t.theirs.Time))
	case t.resolve == nil:
		return ErrDiverged
	}
	return t.mergeTheirs(ctx)
}

func (t *integration) take(tree prolly.Tree, head cid.Cid) error {
	t.a.SetTree(tree)
	t.after = Version{Commit: head, Root: tree.Root(), Entries: tree.Len(), Bytes: tree.Bytes()}
	return t.a.SetHead(head)
}

// relation compares what was received with what the branch has: UpToDate, Ahead,
// FastForward, or Merged when they have diverged.
func (t *integration) relation(ctx context.Context) (Outcome, error) {
	switch {
	case t.version.name() == t.ours.name():
		return UpToDate, nil
	case t.head == nil && t.ours.Root == emptyRoot:
		return FastForward, nil
	case t.head == nil && t.ours.Root == t.version.Root:
		return FastForward, nil // the same content, and its history
	case t.head == nil || t.theirs == nil:
		if t.shared.Defined() && t.shared == t.ours.Root && t.head == nil {
			return FastForward, nil
		}
		if t.shared.Defined() && t.shared == t.version.Root {
			return Ahead, nil
		}
		return Merged, nil
	}
	if yes, err := t.g.descends(ctx, *t.theirs, *t.head); yes || err != nil {
		return FastForward, err
	}
	if yes, err := t.g.descends(ctx, *t.head, *t.theirs); yes || err != nil {
		return Ahead, err
	}
	return Merged, nil
}

// mergeTheirs merges, and commits the result when either side has commits.
func (t *integration) mergeTheirs(ctx context.Context) (err error) {
	base, err := t.mergeBase(ctx)
	if err != nil {
		return err
	}
	tree, stats, err := prolly.Merge(ctx, base, t.a.Tree(), t.tree, t.resolve)
	if t.merge = stats; err != nil {
		var conflict *prolly.ConflictError
		if errors.As(err, &conflict) {
			return fmt.Errorf("%w: %w", ErrDiverged, err)
		}
		return err
	}
	t.outcome = Merged
	if t.head == nil && t.theirs == nil {
		return t.take(tree, cid.Undef)
	}
	c := codec.Commit{Seq: 1, Root: tree.Root(), Time: time.Now().UnixMilli(), Meta: map[string][]byte{"message": []byte(t.message)}}
	for _, p := range []*engine.Commit{t.head, t.theirs} {
		if p != nil {
			c.Parents = append(c.Parents, p.CID)
			c.Seq = max(c.Seq, p.Seq+1)
		}
	}
	block, err := c.Encode()
	if err != nil {
		return fmt.Errorf("sync: commit of a merge: %w", err)
	}
	name := codec.Sum(block).CID()
	if err := t.a.PutBlock(ctx, name, block); err != nil {
		return err
	}
	return t.take(tree, name)
}

// mergeBase returns the tree that both sides began with; the empty one when none
// is known.
func (t *integration) mergeBase(ctx context.Context) (prolly.Tree, error) {
	root := emptyRoot
	if t.head != nil && t.theirs != nil {
		c, ok, err := t.g.base(ctx, *t.head, *t.theirs)
		if err != nil {
			return prolly.Tree{}, err
		}
		if ok {
			root = c.Root
		}
	} else if t.shared.Defined() {
		root = t.shared
	}
	return t.p.tree(ctx, root)
}

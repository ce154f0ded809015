package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// MergeOptions say how to merge. The zero value fails at the first conflict.
type MergeOptions struct {
	// Resolve decides conflicts; with nil the first one fails the merge with a
	// prolly.ConflictError.
	Resolve prolly.Resolver

	// Newest, instead of Resolve, lets the side decide whose commit is newer;
	// the branch's is as new as now when it holds what is not committed.
	Newest bool

	// Base, a REF, is merged over instead of what the history says.
	Base string

	NoFastForward bool // a commit of its own also where moving the branch would do
	NoCommit      bool // the content only: no commit names what was merged

	Message    string            // of the commit
	Meta       map[string][]byte // of the commit; copied
	Durability Durability
}

// MergeOutcome is what a merge came to.
type MergeOutcome string

// Outcomes of a merge.
const (
	AlreadyMerged MergeOutcome = "already merged" // the branch has it all
	FastForward   MergeOutcome = "fast-forward"   // the branch had nothing else and was moved
	Merged        MergeOutcome = "merged"         // both contents
)

// Merge is what Branch.Merge did.
type Merge struct {
	Outcome MergeOutcome
	Root    cid.Cid   // of the branch's tree
	Commit  cid.Cid   // the branch's last commit; cid.Undef when there is none
	Bases   []cid.Cid // the best common ancestors; none for unrelated histories
	Stats   prolly.MergeStats
}

// Merge merges what a REF names into the branch: what it has changed since the
// best common ancestor; since nothing, when there is none. Of several ones, after
// a criss-cross merge, a base is made in memory. What is staged was folded before,
// and is the branch's; what others stage meanwhile lies above the result. The
// commit has the branch's last one and the one merged as parents. Nothing changes when it fails.
// Open transactions that have read anything will conflict. ErrHistoryCut when
// the common ancestor was cut off: Base says then what to do. The side tree
// stays as it is.
func (b *Branch) Merge(ctx context.Context, from string, o MergeOptions) (Merge, error) {
	if err := b.takesWrites(ctx); err != nil {
		return Merge{}, err
	}
	m := merger{b: b, o: o}
	var err error
	if m.theirs, err = b.e.mergeSide(ctx, from); err != nil {
		return Merge{}, err
	}
	defer m.theirs.close()
	if o.Base != "" {
		if m.base, err = b.e.mergeSide(ctx, o.Base); err != nil {
			return Merge{}, err
		}
		defer m.base.close()
	}
	if err := b.advance(ctx, func(f *fold) error { return m.run(ctx, f) }); err != nil {
		return Merge{}, err
	}
	if m.done.Outcome == Merged && !o.NoCommit {
		b.e.n.commits.Add(1)
	}
	if o.Durability == Sync && m.done.Outcome != AlreadyMerged {
		err = b.e.sync(ctx)
	}
	return m.done, err
}

// takesWrites tells beforehand whether the branch can be moved.
func (b *Branch) takesWrites(ctx context.Context) error {
	if _, err := b.now(ctx); err != nil {
		return err
	}
	if b.e.o.ReadOnly {
		return ErrReadOnly
	}
	return nil
}

// mergeSide is what a REF names, kept from being collected until it is closed.
type mergeSide struct {
	Resolved
	snap *Snapshot
}

func (e *Engine) mergeSide(ctx context.Context, ref string) (*mergeSide, error) {
	r, err := e.Resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	s, err := e.Tree(ctx, r.Root)
	if err != nil {
		return nil, err
	}
	return &mergeSide{r, s}, nil
}

func (s *mergeSide) close() { _ = s.snap.Close() } // never fails: it only lets go

// tree returns the side's tree, read through w.
func (s *mergeSide) tree(w *writer) prolly.Tree { return s.snap.Tree().In(w) }

// merger is a Merge under way.
type merger struct {
	b            *Branch
	o            MergeOptions
	theirs, base *mergeSide // base is nil when the history is to say it
	done         Merge
}

// run merges within a fold, which has the staged writes already.
func (m *merger) run(ctx context.Context, f *fold) error {
	head, err := f.head(ctx)
	if err != nil {
		return err
	}
	var bases []Commit
	if head != nil && m.theirs.Commit != nil && m.base == nil {
		bases, err = m.b.e.MergeBases(ctx, head.CID, m.theirs.Commit.CID)
		if err != nil {
			return err
		}
	}
	for _, c := range bases {
		m.done.Bases = append(m.done.Bases, c.CID)
	}
	m.done.Outcome = m.outcome(f, head, bases)
	switch m.done.Outcome {
	case FastForward:
		err = f.moveTo(m.theirs.Resolved, m.theirs.tree(f.w))
	case Merged:
		err = m.merge(ctx, f, head, bases)
	}
	if f.ref.hasCommit {
		m.done.Commit = f.ref.commit.CID()
	}
	m.done.Root = f.trees[theTree].Root()
	return err
}

// outcome tells what there is to do.
func (m *merger) outcome(f *fold, head *Commit, bases []Commit) MergeOutcome {
	theirs := m.theirs.Commit
	if theirs == nil || m.base != nil {
		return Merged
	}
	if len(bases) == 1 && bases[0].CID == theirs.CID {
		return AlreadyMerged
	}
	nothing := head == nil && f.trees[theTree].Len() == 0
	behind := head != nil && len(bases) == 1 && bases[0].CID == head.CID && head.Root == f.trees[theTree].Root()
	if (nothing || behind) && !m.o.NoFastForward && !m.o.NoCommit {
		return FastForward
	}
	return Merged
}

// head returns the branch's last commit, nil when there is none.
func (f *fold) head(ctx context.Context) (*Commit, error) {
	if !f.ref.hasCommit {
		return nil, nil
	}
	c, err := f.b.e.ReadCommit(ctx, f.ref.commit.CID())
	return &c, err
}

// moveTo makes the fold end with the branch at what a REF names, whose tree is t.
func (f *fold) moveTo(to Resolved, t prolly.Tree) error {
	f.ref.hasCommit, f.ref.commit = false, emptyRef().commit
	if to.Commit != nil {
		h, ok := hashOfBlock(to.Commit.CID)
		if !ok {
			return fmt.Errorf("%w: %v", ErrNoCommit, to.Commit.CID)
		}
		f.ref.hasCommit, f.ref.commit = true, h
	}
	f.bulk, f.moved = true, true
	f.trees[theTree] = t
	return nil
}

// merge merges the trees and commits.
func (m *merger) merge(ctx context.Context, f *fold, head *Commit, bases []Commit) (err error) {
	v := m.b.e.newVirtualBase(ctx)
	defer func() { err = errors.Join(err, v.w.drop()) }()
	var base prolly.Tree
	if m.base != nil {
		base = m.base.tree(f.w)
	} else if base, err = v.tree(bases); err != nil {
		return fmt.Errorf("engine: merge base: %w", err)
	}
	m.done.Stats, err = f.mergeTree(ctx, base, m.theirs.tree(f.w), m.resolver(f, head))
	if err != nil || m.o.NoCommit {
		return err
	}
	o := CommitOptions{Message: m.o.Message, Meta: m.o.Meta}
	if m.theirs.Commit != nil {
		o.Parents = []cid.Cid{m.theirs.Commit.CID}
	}
	_, err = f.addCommit(ctx, o)
	return err
}

// mergeTree makes the fold's tree what it is with the changes from base to
// theirs.
func (f *fold) mergeTree(ctx context.Context, base, theirs prolly.Tree, r prolly.Resolver) (prolly.MergeStats, error) {
	f.bulk = true
	t, stats, err := prolly.Merge(ctx, base, f.trees[theTree].In(f.w), theirs, r)
	if err != nil {
		return stats, fmt.Errorf("engine: merge into branch %q: %w", f.b.name, err)
	}
	f.trees[theTree] = t
	return stats, nil
}

func (m *merger) resolver(f *fold, head *Commit) prolly.Resolver {
	if !m.o.Newest {
		return m.o.Resolve
	}
	ours, theirs := m.b.e.o.Now(), time.Time{}
	if head != nil && head.Root == f.trees[theTree].Root() {
		ours = time.UnixMilli(head.Time)
	}
	if c := m.theirs.Commit; c != nil {
		theirs = time.UnixMilli(c.Time)
	}
	return prolly.Newest(ours, theirs)
}

package engine

import (
	"context"
	"fmt"

	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// RevertOptions say how to revert. The zero value fails at the first conflict.
type RevertOptions struct {
	// Resolve decides what becomes of keys that were changed again since; ours
	// is the branch, theirs what was before the commit. With nil the first one
	// fails with a prolly.ConflictError.
	Resolve prolly.Resolver

	// Parent is which parent of a merge, from 1 on, to go back to; a merge
	// cannot be reverted without.
	Parent int

	Message    string            // of the commit; "Revert" and the commit when empty
	Meta       map[string][]byte // of the commit; copied
	Durability Durability
}

// metaReverts is where the commit of a revert keeps the CID of the one that it
// takes back.
const metaReverts = "reverts"

// Revert commits the branch without what a commit, named by a REF, has changed:
// its changes are merged into the branch backwards. What is staged was folded
// before. The branch need not descend from the commit. ErrHistoryCut when its parent was
// cut off.
func (b *Branch) Revert(ctx context.Context, ref string, o RevertOptions) (Commit, prolly.MergeStats, error) {
	var done Commit
	var stats prolly.MergeStats
	if err := b.takesWrites(ctx); err != nil {
		return done, stats, err
	}
	side, err := b.e.mergeSide(ctx, ref)
	if err != nil {
		return done, stats, err
	}
	defer side.close()
	if side.Commit == nil {
		return done, stats, fmt.Errorf("%w: %q", ErrNoCommit, ref)
	}
	err = b.advance(ctx, func(f *fold) error {
		before, err := b.e.before(ctx, *side.Commit, o.Parent, f.w)
		if err != nil {
			return err
		}
		if stats, err = f.mergeTree(ctx, side.tree(f.w), before, o.Resolve); err != nil {
			return err
		}
		done, err = f.addCommit(ctx, o.commit(*side.Commit))
		return err
	})
	if err != nil {
		return Commit{}, stats, err
	}
	b.e.n.commits.Add(1)
	if o.Durability == Sync {
		err = b.e.sync(ctx)
	}
	return done, stats, err
}

// commit describes the commit that takes c back.
func (o RevertOptions) commit(c Commit) CommitOptions {
	meta := map[string][]byte{metaReverts: c.CID.Bytes()}
	for k, v := range o.Meta {
		meta[k] = v
	}
	message := o.Message
	if message == "" {
		message = "Revert " + c.CID.String()
	}
	return CommitOptions{Message: message, Meta: meta}
}

// before returns the tree that was before a commit, read through w.
func (e *Engine) before(ctx context.Context, c Commit, parent int, w *writer) (prolly.Tree, error) {
	switch {
	case len(c.Parents) == 0 && parent <= 1:
		return prolly.Empty(w), nil
	case len(c.Parents) > 1 && parent == 0:
		return prolly.Tree{}, fmt.Errorf("engine: revert of %v, which has %d parents: say which", c.CID, len(c.Parents))
	case parent < 0 || parent > len(c.Parents):
		return prolly.Tree{}, fmt.Errorf("engine: revert of %v, which has %d parents: there is no parent %d", c.CID, len(c.Parents), parent)
	}
	name := c.Parents[max(parent, 1)-1]
	parents, err := e.ancestors(ctx, &c)
	if err != nil {
		return prolly.Tree{}, err
	}
	for _, p := range parents {
		if p.CID == name {
			return prolly.Load(ctx, w, p.Root)
		}
	}
	return prolly.Tree{}, fmt.Errorf("%w: above %v", ErrHistoryCut, c.CID)
}

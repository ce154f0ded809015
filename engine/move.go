package engine

import (
	"context"
	"errors"
	"fmt"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// RenameBranch gives a branch another name, with all that is staged on it,
// which is folded. ErrBranchExists when there is one of that name. Handles of the
// old name answer ErrNoBranch from then on. The new name is durable before the
// old one goes: a crash in between leaves both, at the same place, and never none.
func (e *Engine) RenameBranch(ctx context.Context, from, to string) (*Branch, error) {
	if err := checkName(to); err != nil {
		return nil, err
	}
	b, err := e.Lookup(ctx, from)
	if err != nil {
		return nil, err
	}
	inside, err := e.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer inside.leave()
	if err := e.opening.lock(ctx); err != nil {
		return nil, err
	}
	defer e.opening.unlock()
	if err := b.fold.lock(ctx); err != nil {
		return nil, err
	}
	defer b.fold.unlock()
	if err := b.foldAndHold(ctx); err != nil {
		return nil, err
	}
	defer b.write.unlock()
	if err := b.harden(ctx); err != nil {
		return nil, err
	}
	ref := b.state.Load().ref
	ref.folded = 0 // the log under the new name begins anew
	err = e.swapRef(ctx, branchPrefix+to, nil, ref.encode())
	if errors.Is(err, kv.ErrConflict) {
		return nil, fmt.Errorf("%w: %q", ErrBranchExists, to)
	}
	if err == nil {
		err = e.removeRef(ctx, from)
	}
	if err != nil {
		return nil, err
	}
	b.retire()
	return e.open(ctx, to)
}

// foldAndHold folds all that is staged and returns with the write gate held. The
// fold gate is held.
func (b *Branch) foldAndHold(ctx context.Context) error {
	for {
		if err := b.advanceLocked(ctx, func(*fold) error { return nil }); err != nil {
			return err
		}
		if err := b.write.lock(ctx); err != nil {
			return err
		}
		if st := b.state.Load(); len(st.layers) == 1 && st.layers[0].edits() == 0 {
			return nil
		}
		b.write.unlock() // somebody was faster
	}
}

// ResetOptions say under which conditions Reset moves a branch.
type ResetOptions struct {
	// If is what the last commit must be for the branch to be moved; any when
	// undefined.
	If cid.Cid

	// Discard lets writes go that no commit has.
	Discard    bool
	Durability Durability
}

// Reset makes a branch begin again at what a REF names: a commit, or a root
// without history. ErrConflict when its last commit is another than If;
// ErrUncommitted when it holds writes that no commit has, unless they are to be
// discarded. The side tree stays as it is. Open transactions that have read
// anything will conflict.
func (b *Branch) Reset(ctx context.Context, ref string, o ResetOptions) (Resolved, error) {
	if err := b.takesWrites(ctx); err != nil {
		return Resolved{}, err
	}
	side, err := b.e.mergeSide(ctx, ref)
	if err != nil {
		return Resolved{}, err
	}
	defer side.close()
	err = b.advance(ctx, func(f *fold) error {
		if err := f.stopWriters(ctx); err != nil {
			return err
		}
		head, err := f.head(ctx)
		if err != nil {
			return err
		}
		if o.If.Defined() && (head == nil || head.CID != o.If) {
			return fmt.Errorf("%w: the last commit of branch %q is not %v", ErrConflict, b.name, o.If)
		}
		t := f.trees[theTree]
		if !o.Discard && (head == nil && t.Len() > 0 || head != nil && head.Root != t.Root()) {
			return fmt.Errorf("%w: on branch %q", ErrUncommitted, b.name)
		}
		return f.moveTo(side.Resolved, side.tree(f.w))
	})
	if err == nil && o.Durability == Sync {
		err = b.e.sync(ctx)
	}
	return side.Resolved, err
}

package engine

import (
	"context"
	"fmt"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Adoption is what the function of Branch.Adopt works with. It belongs to the
// call.
type Adoption struct {
	f    *fold
	over bool
}

// Adopt lets f give the branch another content and head, put together out of
// readers' sight: what f writes is stored as it comes, and visible, all at once
// and durably, when Adopt returns nil. When f fails nothing has changed. What
// is staged was folded before; what others stage meanwhile lies above the new
// content. A garbage collection does not begin meanwhile, and the branch neither folds nor
// commits. Open transactions that have read anything will conflict when f
// changes the content.
func (b *Branch) Adopt(ctx context.Context, f func(a *Adoption) error) error {
	err := b.advance(ctx, func(fo *fold) error {
		a := &Adoption{f: fo}
		defer func() { a.over = true }()
		was := fo.trees
		fo.w.bulk = true
		if err := f(a); err != nil {
			return err
		}
		fo.bulk = was[theTree].Addr().Hash != fo.trees[theTree].Addr().Hash ||
			was[theSide].Addr().Hash != fo.trees[theSide].Addr().Hash
		fo.moved = true
		return a.check(ctx)
	})
	if err != nil {
		return err
	}
	return b.e.sync(ctx)
}

// check makes sure that the head, if it was moved, has the tree that goes with it.
func (a *Adoption) check(ctx context.Context) error {
	f := a.f
	if f.ref.hasCommit == f.from.ref.hasCommit && f.ref.commit == f.from.ref.commit {
		return nil
	}
	if !f.ref.hasCommit {
		return nil
	}
	if err := f.w.flush(ctx); err != nil {
		return err
	}
	c, err := f.b.e.ReadCommit(ctx, f.ref.commit.CID())
	if err != nil {
		return fmt.Errorf("engine: adopt: %w", err)
	}
	if c.Root != f.trees[theTree].Root() {
		return fmt.Errorf("%w: commit %v is not of the tree that goes with it", ErrConflict, c.CID)
	}
	return nil
}

// Head returns the branch's last commit, cid.Undef when there is none.
func (a *Adoption) Head() cid.Cid {
	if !a.f.ref.hasCommit {
		return cid.Undef
	}
	return a.f.ref.commit.CID()
}

// Tree returns the branch's tree, staged writes included, and Side its side
// tree. Both are read and extended through Nodes.
func (a *Adoption) Tree() prolly.Tree { return a.f.trees[theTree].In(a.f.w) }

// Side is as Tree.
func (a *Adoption) Side() prolly.Tree { return a.f.trees[theSide].In(a.f.w) }

// Nodes reads what is stored, and what was written through it before; what it
// writes is stored with the adoption. Blobs are handed out as they are stored,
// those written through it after Flush at the latest.
func (a *Adoption) Nodes() prolly.NodeStore { return a.f.w }

// Flush stores what was written so far. Without a head or a tree that names it,
// it is garbage.
func (a *Adoption) Flush(ctx context.Context) error { return a.f.w.flush(ctx) }

// PutBlock stores a block, verified against c.
func (a *Adoption) PutBlock(ctx context.Context, c cid.Cid, block []byte) error {
	if a.over {
		return ErrTxDone
	}
	if err := verify(c, block); err != nil {
		return err
	}
	if _, ok := inIdentity(c); ok {
		return nil
	}
	return a.f.w.WriteBlob(ctx, c, block)
}

// SetTree makes t the branch's tree. It was built or extended in Nodes.
func (a *Adoption) SetTree(t prolly.Tree) { a.f.trees[theTree] = t }

// SetSide makes t the branch's side tree.
func (a *Adoption) SetSide(t prolly.Tree) { a.f.trees[theSide] = t }

// SetHead makes c, whose block is here or was put, the branch's last commit;
// cid.Undef: none.
func (a *Adoption) SetHead(c cid.Cid) error {
	if !c.Defined() {
		a.f.ref.hasCommit, a.f.ref.commit = false, codec.Hash{}
		return nil
	}
	h, err := codec.HashOf(c)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoCommit, err)
	}
	a.f.ref.hasCommit, a.f.ref.commit = true, h
	return nil
}

// Commit makes a commit of the tree as it is now, beside the branch's last one,
// and makes it the branch's last one.
func (a *Adoption) Commit(ctx context.Context, o CommitOptions) (Commit, error) {
	if a.over {
		return Commit{}, ErrTxDone
	}
	c, err := a.f.addCommit(ctx, o)
	if err == nil {
		a.f.b.e.n.commits.Add(1)
	}
	return c, err
}

// MarkShallow is Engine.MarkShallow, which would wait for the adoption.
func (a *Adoption) MarkShallow(ctx context.Context, c cid.Cid) error {
	if a.over {
		return ErrTxDone
	}
	return a.f.b.e.markShallow(ctx, c)
}

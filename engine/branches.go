package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// Branch returns a branch, created empty if it is missing. Handles of one name
// share one branch. A name is 1 to 200 bytes of UTF-8 without control
// characters and leading '-'; otherwise ErrBadName. A read-only engine creates
// nothing: ErrNoBranch.
func (e *Engine) Branch(ctx context.Context, name string) (*Branch, error) {
	b, err := e.Lookup(ctx, name)
	if !errors.Is(err, ErrNoBranch) || e.o.ReadOnly {
		return b, err
	}
	b, err = e.create(ctx, name, func() (branchRef, func(), error) { return emptyRef(), func() {}, nil })
	if errors.Is(err, ErrBranchExists) { // another was faster
		return e.Lookup(ctx, name)
	}
	return b, err
}

// Lookup returns a branch that exists, otherwise ErrNoBranch.
func (e *Engine) Lookup(ctx context.Context, name string) (*Branch, error) {
	if err := e.ready(ctx); err != nil {
		return nil, err
	}
	if b := e.inUse(name); b != nil {
		return b, nil
	}
	if err := e.roomToOpen(ctx); err != nil {
		return nil, err
	}
	return e.lookup(ctx, name)
}

// lookup is Lookup, also for who is inside the world.
func (e *Engine) lookup(ctx context.Context, name string) (*Branch, error) {
	if err := e.ready(ctx); err != nil {
		return nil, err
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	if b := e.inUse(name); b != nil {
		return b, nil
	}
	if err := e.opening.lock(ctx); err != nil {
		return nil, err
	}
	defer e.opening.unlock()
	return e.open(ctx, name)
}

// inUse returns the branch if it is in memory.
func (e *Engine) inUse(name string) *Branch {
	e.mu.RLock()
	b, resting := e.branches[name], len(e.resting) > 0
	e.mu.RUnlock()
	switch {
	case b != nil:
		return e.touch(b)
	case resting:
		return e.wake(name)
	}
	return nil
}

// open opens a stored branch. The opening gate is held.
func (e *Engine) open(ctx context.Context, name string) (*Branch, error) {
	if b := e.inUse(name); b != nil {
		return b, nil
	}
	raw, err := e.readRef(ctx, branchPrefix+name)
	if err != nil {
		return nil, err
	}
	if raw == nil {
		return nil, fmt.Errorf("%w: %q", ErrNoBranch, name)
	}
	b := newBranch(e, name)
	if err := b.load(ctx, raw); err != nil {
		return nil, err
	}
	if e.folder == nil && e.crowded() {
		e.letGoReading()
	}
	e.mu.Lock()
	e.branches[name] = e.touch(b)
	e.mu.Unlock()
	b.kick()
	if e.folder != nil && e.crowded() {
		e.folder.wakeUp()
	}
	return b, nil
}

// readRef returns a ref, or nil when there is none.
func (e *Engine) readRef(ctx context.Context, ref string) ([]byte, error) {
	raw, err := e.store.ReadRef(ctx, ref)
	if errors.Is(err, kv.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, storeError("read ref "+ref, err)
	}
	return raw, nil
}

// create makes a branch with the record that first returns, and then calls
// what else it returns. It waits for the disk when others may open branches.
func (e *Engine) create(ctx context.Context, name string, first func() (branchRef, func(), error)) (*Branch, error) {
	if err := e.roomToOpen(ctx); err != nil {
		return nil, err
	}
	inside, err := e.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer inside.leave()
	b, err := e.createAlone(ctx, name, first)
	if err != nil {
		return nil, err
	}
	return b, e.sync(ctx)
}

// createAlone is create, but not durable yet.
func (e *Engine) createAlone(ctx context.Context, name string, first func() (branchRef, func(), error)) (*Branch, error) {
	if err := e.opening.lock(ctx); err != nil {
		return nil, err
	}
	defer e.opening.unlock()
	ref, release, err := first()
	if err != nil {
		return nil, err
	}
	defer release()
	err = e.stageRef(ctx, branchPrefix+name, nil, ref.encode())
	if errors.Is(err, kv.ErrConflict) {
		return nil, fmt.Errorf("%w: %q", ErrBranchExists, name)
	}
	if err != nil {
		return nil, err
	}
	return e.open(ctx, name)
}

// swapRef moves a ref durably.
func (e *Engine) swapRef(ctx context.Context, ref string, old, next []byte) error {
	if err := e.stageRef(ctx, ref, old, next); err != nil {
		return err
	}
	return e.sync(ctx)
}

// stageRef moves a ref, durably with the next sync.
func (e *Engine) stageRef(ctx context.Context, ref string, old, next []byte) error {
	batch := e.store.NewBatch()
	if err := batch.SwapRef(ref, old, next); err != nil {
		return errors.Join(storeError("swap ref", err), batch.Close())
	}
	if err := batch.Commit(ctx); err != nil {
		return storeError("swap ref", err)
	}
	return nil
}

// CreateBranch makes a branch that begins at a commit, or at a root without
// history, or empty when at is cid.Undef. ErrBranchExists when there is one of
// this name.
func (e *Engine) CreateBranch(ctx context.Context, name string, at cid.Cid) (*Branch, error) {
	if err := e.ready(ctx); err != nil {
		return nil, err
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	return e.create(ctx, name, func() (branchRef, func(), error) {
		ref := emptyRef()
		if !at.Defined() {
			return ref, func() {}, nil
		}
		t, err := e.target(ctx, at)
		if err != nil {
			return ref, nil, err
		}
		if err := e.bringBack(ctx, lateRoot{tree: t.tree.Addr(), commit: t.commit}); err != nil {
			return ref, nil, err
		}
		ref.tree = t.tree.Addr()
		if t.commit != nil {
			ref.hasCommit, ref.commit = true, t.hash
		}
		release, err := e.hold(ctx, t.tree)
		return ref, release, err
	})
}

// DeleteBranch removes a branch and what is staged on it. Its blocks stay until
// they are collected. Handles of it answer ErrNoBranch from then on.
func (e *Engine) DeleteBranch(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	inside, err := e.enter(ctx)
	if err != nil {
		return err
	}
	defer inside.leave()
	if err := e.opening.lock(ctx); err != nil {
		return err
	}
	defer e.opening.unlock()
	b := e.inUse(name)
	if b == nil {
		return e.removeRef(ctx, name)
	}
	if err := b.fold.lock(ctx); err != nil {
		return err
	}
	defer b.fold.unlock()
	if err := b.write.lock(ctx); err != nil {
		return err
	}
	defer b.write.unlock()
	if err := e.removeRef(ctx, name); err != nil {
		return err
	}
	b.retire()
	return nil
}

func (e *Engine) removeRef(ctx context.Context, name string) error {
	raw, err := e.readRef(ctx, branchPrefix+name)
	if err != nil {
		return err
	}
	if raw == nil {
		return fmt.Errorf("%w: %q", ErrNoBranch, name)
	}
	return e.swapRef(ctx, branchPrefix+name, raw, nil)
}

// retire makes the branch answer ErrNoBranch. Both gates are held.
func (b *Branch) retire() {
	st := *b.state.Load()
	b.e.leaving(&st)
	st.gone = true
	b.state.Store(&st)
	b.staged.Store(0)
	b.edits.Store(0)
	b.e.mu.Lock()
	delete(b.e.branches, b.name)
	delete(b.e.resting, b.name)
	b.e.mu.Unlock()
}

// BranchInfo is a branch as Branches lists it.
type BranchInfo struct {
	Name    string
	Commit  cid.Cid // the last commit; cid.Undef when there is none
	Seq     uint64  // of that commit
	Root    cid.Cid // of the folded tree
	Entries uint64  // in the folded tree
	Staged  int     // edits not folded yet
}

// BranchNames lists the names of the branches, in order; it opens none.
func (e *Engine) BranchNames(ctx context.Context) ([]string, error) {
	return e.refNames(ctx, branchPrefix)
}

// Branches lists the branches by name.
func (e *Engine) Branches(ctx context.Context) ([]BranchInfo, error) {
	names, err := e.BranchNames(ctx)
	if err != nil {
		return nil, err
	}
	var list []BranchInfo
	for _, name := range names {
		b, err := e.Lookup(ctx, name)
		if errors.Is(err, ErrNoBranch) { // deleted meanwhile
			continue
		}
		if err != nil {
			return nil, err
		}
		info, err := b.info(ctx)
		if errors.Is(err, ErrNoBranch) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, info)
	}
	return list, nil
}

func (b *Branch) info(ctx context.Context) (BranchInfo, error) {
	st, err := b.now(ctx)
	if err != nil {
		return BranchInfo{}, err
	}
	t := st.trees[theTree]
	info := BranchInfo{Name: b.name, Root: t.Root(), Entries: t.Len(), Staged: b.Staged()}
	if !st.ref.hasCommit {
		return info, nil
	}
	c, err := b.e.ReadCommit(ctx, st.ref.commit.CID())
	info.Commit, info.Seq = c.CID, c.Seq
	return info, err
}

// refNames lists the refs under a prefix, which is cut off, by name.
func (e *Engine) refNames(ctx context.Context, prefix string) ([]string, error) {
	if err := e.ready(ctx); err != nil {
		return nil, err
	}
	var names []string
	for ref, err := range e.store.ListRefs(ctx, prefix) {
		if err != nil {
			return nil, storeError("list refs", err)
		}
		names = append(names, strings.TrimPrefix(ref.Name, prefix))
	}
	return names, nil
}

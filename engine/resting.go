package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"weak"
)

// A branch that nobody has asked for in a while is let go: its nodes are made
// durable, its log trimmed, and the engine holds it weakly from then on. Whoever
// still has a handle, a snapshot or a transaction of it keeps it alive, and the
// engine gives out that same branch when it is asked for; otherwise its memory
// goes, and the next who asks opens it from the store.

// touch notes that a branch was asked for.
func (e *Engine) touch(b *Branch) *Branch {
	b.used.Store(e.uses.Add(1))
	return b
}

// wake returns a branch that was let go, if it is still in memory, and holds it
// again if there is room.
func (e *Engine) wake(name string) *Branch {
	e.mu.Lock()
	defer e.mu.Unlock()
	if b := e.branches[name]; b != nil {
		return e.touch(b)
	}
	b := e.resting[name].Value()
	if b == nil {
		return nil
	}
	if len(e.branches) < e.o.OpenBranches {
		delete(e.resting, name)
		e.branches[name] = b
	} else if e.folder != nil {
		e.folder.wakeUp()
	}
	return e.touch(b)
}

// held is how many branches are held by the engine.
func (e *Engine) held() int {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return len(e.branches)
}

// crowded tells when it is time to let branches go, before there are too many.
func (e *Engine) crowded() bool { return e.held() >= e.o.OpenBranches-e.o.OpenBranches/8 }

// restRounds is how often somebody waits for others to be let go, who opens a
// branch. They may all be asked for again at that moment, or the store may fail:
// then there is one more.
const restRounds = 8

// roomToOpen waits, when there are too many branches in memory, until some were
// let go. It is called outside the world.
func (e *Engine) roomToOpen(ctx context.Context) error {
	for range restRounds {
		if e.folder == nil || e.held() < e.o.OpenBranches {
			return nil
		}
		wait := e.rested.next()
		if e.held() < e.o.OpenBranches {
			return nil
		}
		e.folder.wakeUp()
		select {
		case <-wait.done:
			if wait.err != nil {
				return nil // it is the folder's to tell
			}
		case <-e.folder.closing():
			return ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// rest lets go of a quarter of the branches when there are many, those that were
// not asked for the longest.
func (e *Engine) rest(ctx context.Context) {
	if !e.crowded() {
		e.rested.done(nil)
		return
	}
	err := e.letGo(ctx, max(e.o.OpenBranches/4, 1))
	e.rested.done(err)
	if err != nil && ctx.Err() == nil {
		e.o.Logger.Error("branches could not be let go", "err", err)
	}
}

// letGoReading is letGo for an engine that only reads.
func (e *Engine) letGoReading() {
	for _, x := range e.longestIdle(max(e.o.OpenBranches/4, 1)) {
		e.release(x)
	}
	e.forgetDead()
}

// idle is a branch that is to be let go.
type idle struct {
	*Branch
	used uint64
	st   *state // whose nodes are to be made durable; nil when they are
}

// letGo lets go of so many branches.
func (e *Engine) letGo(ctx context.Context, n int) error {
	inside, err := e.enter(ctx)
	if err != nil {
		return err
	}
	defer inside.leave()
	all := e.longestIdle(n)
	var lags bool
	var failed error
	quiet := all[:0]
	for _, x := range all {
		st, err := x.quiet(ctx)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("branch %q: %w", x.name, err))
			continue
		}
		x.st, lags = st, lags || st != nil
		quiet = append(quiet, x)
	}
	if lags { // once for all of them
		if err := e.behind.WriteNodes(ctx); err != nil {
			return errors.Join(failed, storeError("write nodes", err))
		}
	}
	for _, x := range quiet {
		if err := x.relieve(ctx); err != nil {
			failed = errors.Join(failed, fmt.Errorf("branch %q: %w", x.name, err))
			continue
		}
		e.release(x)
	}
	e.forgetDead()
	return failed
}

// longestIdle returns n branches.
func (e *Engine) longestIdle(n int) []idle {
	e.mu.RLock()
	all := make([]idle, 0, len(e.branches))
	for _, b := range e.branches {
		all = append(all, idle{Branch: b, used: b.used.Load()})
	}
	e.mu.RUnlock()
	slices.SortFunc(all, func(a, b idle) int { return cmp.Compare(a.used, b.used) })
	return all[:min(n, len(all))]
}

// quiet folds what is staged, and returns the state whose nodes are not durable.
func (b *Branch) quiet(ctx context.Context) (*state, error) {
	if err := b.fold.lock(ctx); err != nil {
		return nil, err
	}
	defer b.fold.unlock()
	if b.staged.Load() > 0 {
		err := b.advanceLocked(ctx, func(*fold) error { return nil })
		if err != nil && !errors.Is(err, ErrNoBranch) {
			return nil, err
		}
	}
	if err := b.settle(ctx); err != nil {
		return nil, err
	}
	if st := b.state.Load(); !st.gone && st.ref.behind != nil {
		return st, nil
	}
	return nil, nil
}

// relieve has the ref say that the nodes of the state are durable, if it is the
// branch's still.
func (x *idle) relieve(ctx context.Context) error {
	if x.st == nil {
		return nil
	}
	if err := x.fold.lock(ctx); err != nil {
		return err
	}
	defer x.fold.unlock()
	if x.state.Load() != x.st {
		return nil // it is used: whoever opens it makes its nodes again
	}
	return x.written(ctx, x.st)
}

// release holds a branch weakly, unless it was asked for meanwhile.
func (e *Engine) release(x idle) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.branches[x.name] == x.Branch && x.Branch.used.Load() == x.used {
		delete(e.branches, x.name)
		e.resting[x.name] = weak.Make(x.Branch)
	}
}

// forgetDead forgets the branches whose memory has gone.
func (e *Engine) forgetDead() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for name, b := range e.resting {
		if b.Value() == nil {
			delete(e.resting, name)
		}
	}
}

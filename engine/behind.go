package engine

import (
	"context"
	"fmt"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Nodes of folds are put behind where the store can (kv.Behind): the ref and
// the log make a fold durable, and its nodes follow in large runs. Until they
// have, the ref also says from which trees, all of whose nodes are durable, the
// log leads to the present ones; the records in between stay in the log, and
// whoever opens the branch after a crash makes the nodes again (redo.go).

// base is trees of a branch whose nodes are durable, and what leads from them
// to the branch's own. It never changes.
type base struct {
	tree, side prolly.Addr
	folded     uint64     // the log records above lead on
	made       []madeTree // trees of commits since, oldest first
}

// madeTree is a tree that the log led to.
type madeTree struct {
	folded uint64
	tree   codec.Hash
}

// A branch asks for its nodes to be written after writeSoonCommits commits, and
// waits for it after maxMade: so the ref stays small.
const (
	writeSoonCommits = 64
	maxMade          = 128
)

// trail is what a branch knows of its nodes that were put behind. The fold gate
// guards it.
type trail struct {
	next  *base  // the base to come; nil: none is waited for
	mark  uint64 // once the nodes up to it are written
	kept  uint64 // nodes put up to this mark are needed, for all that is known
	bytes int64  // staged bytes folded since next was set
}

// lag decides how the nodes of a fold become durable, and has the ref say so.
func (f *fold) lag(ctx context.Context) error {
	s := f.b.e.behind
	if s == nil {
		return nil
	}
	if f.trees != f.edited {
		return f.catchUp(ctx) // the log does not lead to these trees
	}
	if f.from.ref.behind == nil && f.trees == f.from.trees {
		return nil // no nodes
	}
	from := f.b.baseOf(s, f.from)
	made := from.made
	if f.ref.hasCommit && (!f.from.ref.hasCommit || f.ref.commit != f.from.ref.commit) {
		made = append(made[:len(made):len(made)], madeTree{f.ref.folded, f.ref.tree.Hash})
	}
	if len(made) > maxMade {
		return f.catchUp(ctx)
	}
	f.ref.behind = &base{from.tree, from.side, from.folded, made}
	return nil
}

// catchUp makes the nodes of the fold durable before its ref is.
func (f *fold) catchUp(ctx context.Context) error {
	if err := f.w.finish(ctx); err != nil {
		return err
	}
	if err := f.b.e.behind.WriteNodes(ctx); err != nil {
		return storeError("write nodes", err)
	}
	f.ref.behind = nil
	f.b.trail.next = nil
	return nil
}

// baseOf is what the log has to lead from when st is what the store holds.
func (b *Branch) baseOf(s kv.Behind, st *state) base {
	if st.ref.behind == nil {
		return base{tree: st.ref.tree, side: st.ref.side, folded: st.ref.folded}
	}
	next := b.trail.next
	if next == nil || !s.Written(b.trail.mark) {
		return *st.ref.behind
	}
	b.trail.next = nil
	from := *next
	for _, m := range st.ref.behind.made {
		if m.folded > from.folded {
			from.made = append(from.made, m)
		}
	}
	return from
}

// follow comes after a fold was published: it says what the next base will be,
// and which nodes nobody needs.
func (b *Branch) follow(from, now *state, replaced []prolly.Replaced) {
	s := b.e.behind
	if s == nil {
		return
	}
	t := &b.trail
	if now.ref.behind == nil || now.ref.commit != from.ref.commit || b.e.pins.hold(b) {
		t.kept = s.Put()
	} else {
		hashes := make([]codec.Hash, len(replaced))
		for i := range replaced {
			hashes[i] = replaced[i].Hash
		}
		s.Spare(hashes, t.kept)
	}
	for _, l := range from.frozen() {
		t.bytes += l.size()
	}
	switch {
	case now.ref.behind == nil:
		t.next = nil
	case t.next == nil:
		t.next = &base{tree: now.ref.tree, side: now.ref.side, folded: now.ref.folded}
		t.mark = s.Put()
		t.kept, t.bytes = t.mark, 0
	case t.bytes > b.e.o.StagingBytes || len(now.ref.behind.made) == writeSoonCommits:
		t.bytes = 0
		s.WriteSoon()
	}
}

// harden makes the nodes of a branch durable and lets its ref say so. The fold
// gate is held.
func (b *Branch) harden(ctx context.Context) error {
	st := b.state.Load()
	if st.gone || st.ref.behind == nil || b.e.o.ReadOnly {
		return nil
	}
	if err := b.settle(ctx); err != nil {
		return err
	}
	if err := b.e.behind.WriteNodes(ctx); err != nil {
		return storeError("write nodes", err)
	}
	return b.written(ctx, b.state.Load())
}

// written has the ref say that the nodes of the branch's state are durable. The
// fold gate is held.
func (b *Branch) written(ctx context.Context, st *state) error {
	next := st.with(st.layers)
	next.ref.behind = nil
	next.raw = next.ref.encode()
	if err := b.e.forget(ctx, b.ref, st.raw, next); err != nil {
		return err
	}
	b.trail.next = nil
	b.state.Store(next)
	return nil
}

// forget moves a ref to next, whose nodes are durable, and trims its log.
func (e *Engine) forget(ctx context.Context, name string, old []byte, next *state) error {
	batch := e.store.NewBatch()
	defer func() { batch.Close() }() // it only drops what an error left
	if err := batch.SwapRef(name, old, next.raw); err != nil {
		return storeError("swap ref", err)
	}
	if err := batch.TrimLog(name, next.ref.folded); err != nil {
		return storeError("trim log", err)
	}
	if err := batch.Commit(ctx); err != nil {
		return storeError("swap ref", err)
	}
	return nil
}

// hardenAll opens the branches that may have lost nodes, which makes them again,
// and hardens all of them. Others may write meanwhile.
func (e *Engine) hardenAll(ctx context.Context) error {
	if e.behind == nil || e.o.ReadOnly {
		return nil
	}
	if err := e.openLagging(ctx); err != nil {
		return err
	}
	return e.hardenOpened(ctx)
}

func (e *Engine) hardenOpened(ctx context.Context) error {
	for _, b := range e.opened() {
		if err := b.fold.lock(ctx); err != nil {
			return err
		}
		err := b.harden(ctx)
		b.fold.unlock()
		if err != nil {
			return fmt.Errorf("branch %q: %w", b.name, err)
		}
	}
	return nil
}

// openLagging opens the branches whose refs say that nodes may be missing, and
// so makes them again.
func (e *Engine) openLagging(ctx context.Context) error {
	if e.behind == nil {
		return nil
	}
	names, err := e.refNames(ctx, branchPrefix)
	if err != nil {
		return err
	}
	for _, name := range names {
		raw, err := e.readRef(ctx, branchPrefix+name)
		if err != nil {
			return err
		}
		if ref, err := parseBranchRef(raw); err != nil || ref.behind == nil {
			continue // a damaged one is for who looks closer
		}
		if _, err := e.lookup(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// hold keeps a tree, which may be of a branch that moves on, from being spared,
// and makes sure that all of it is durable. The root is looked for in the store,
// because the cache may know what was spared; where it is, all below it is.
func (e *Engine) hold(ctx context.Context, t prolly.Tree) (release func(), err error) {
	if e.behind == nil || t.Addr().Hash == codec.EmptyRoot {
		return func() {}, nil
	}
	p := e.pins.add(&state{trees: [roots]prolly.Tree{t, prolly.Empty(e.nodes)}})
	release = func() { e.pins.remove(p) }
	if _, err = e.nodes.fetch(ctx, t.Addr()); err == nil {
		if err = e.behind.WriteNodes(ctx); err != nil {
			err = storeError("write nodes", err)
		}
	}
	if err != nil {
		release()
		return nil, err
	}
	return release, nil
}

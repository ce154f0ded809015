package engine

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Snapshot is a tree, and the side tree of the same moment, that stay readable
// until Close whatever happens to the branch. All methods may be called by
// several goroutines at once.
type Snapshot struct {
	e     *Engine
	p     *pin
	trees [roots]prolly.Tree
	ns    *guarded
	once  sync.Once
}

// guarded is a NodeStore that can be shut.
type guarded struct {
	ns   loader
	e    *Engine
	shut atomic.Bool
}

// loader is a NodeStore that keeps decoded nodes.
type loader interface {
	prolly.NodeStore
	prolly.NodeLoader
	prolly.ChildLoader
	prolly.BlobLoader
}

func (e *Engine) guard(ns loader) *guarded { return &guarded{ns: ns, e: e} }

func (g *guarded) closed() bool { return g.shut.Load() || g.e.closed.Load() }

// LoadNode implements prolly.NodeLoader.
func (g *guarded) LoadNode(ctx context.Context, a prolly.Addr) (*prolly.Node, error) {
	if g.closed() {
		return nil, ErrClosed
	}
	return g.ns.LoadNode(ctx, a)
}

// LoadChild implements prolly.ChildLoader.
func (g *guarded) LoadChild(ctx context.Context, parent *prolly.Node, i int) (*prolly.Node, error) {
	if g.closed() {
		return nil, ErrClosed
	}
	return g.ns.LoadChild(ctx, parent, i)
}

// ReadNode implements prolly.NodeStore.
func (g *guarded) ReadNode(ctx context.Context, a prolly.Addr) ([]byte, []prolly.Hint, error) {
	if g.closed() {
		return nil, nil, ErrClosed
	}
	return g.ns.ReadNode(ctx, a)
}

// ReadBlob implements prolly.NodeStore.
func (g *guarded) ReadBlob(ctx context.Context, c cid.Cid) (io.ReadCloser, error) {
	if g.closed() {
		return nil, ErrClosed
	}
	return g.ns.ReadBlob(ctx, c)
}

// LoadBlob implements prolly.BlobLoader.
func (g *guarded) LoadBlob(ctx context.Context, c cid.Cid) ([]byte, error) {
	if g.closed() {
		return nil, ErrClosed
	}
	return g.ns.LoadBlob(ctx, c)
}

// WriteNode implements prolly.NodeStore by refusing.
func (g *guarded) WriteNode(context.Context, codec.Hash, []byte, []prolly.Hint) (prolly.Hint, error) {
	return prolly.Hint{}, ErrReadOnly
}

// WriteBlob implements prolly.NodeStore by refusing.
func (g *guarded) WriteBlob(context.Context, cid.Cid, []byte) error { return ErrReadOnly }

// Tree returns the tree. It answers ErrClosed after Close, and ErrReadOnly to
// Apply.
func (s *Snapshot) Tree() prolly.Tree { return s.trees[theTree] }

// Side returns the side tree; an empty one for a commit or a root.
func (s *Snapshot) Side() prolly.Tree { return s.trees[theSide] }

// Root returns the tree's root.
func (s *Snapshot) Root() cid.Cid { return s.trees[theTree].Root() }

// Close gives the snapshot back. Closing twice does nothing.
func (s *Snapshot) Close() error {
	s.once.Do(func() {
		s.ns.shut.Store(true)
		s.e.pins.remove(s.p)
	})
	return nil
}

// newSnapshot makes a snapshot of trees that p keeps.
func (e *Engine) newSnapshot(p *pin, trees [roots]prolly.Tree, ns *guarded) *Snapshot {
	for i := range trees {
		trees[i] = trees[i].In(ns)
	}
	e.pins.keepTrees(p)
	return &Snapshot{e: e, p: p, trees: trees, ns: ns}
}

// SnapshotOptions choose what Snapshot takes.
type SnapshotOptions struct {
	Committed bool // the last commit rather than what is there now; ErrNoCommit without one
}

// Snapshot returns the branch as it is now, folded, or its last commit, pinned
// until it is closed.
func (b *Branch) Snapshot(ctx context.Context, o ...SnapshotOptions) (*Snapshot, error) {
	if len(o) > 0 && o[len(o)-1].Committed {
		c, err := b.Head(ctx)
		if err != nil {
			return nil, err
		}
		return b.e.Tree(ctx, c.CID)
	}
	if b.e.o.ReadOnly {
		return b.snapshotInMemory(ctx)
	}
	return b.snapshotFolded(ctx)
}

// snapshotFolded pins the branch right after a fold, before another can begin.
func (b *Branch) snapshotFolded(ctx context.Context) (*Snapshot, error) {
	if st, err := b.now(ctx); err != nil {
		return nil, err
	} else if st.clean() {
		p, err := b.pin()
		if err != nil {
			return nil, err
		}
		if p.st.clean() {
			return b.e.newSnapshot(p, p.st.trees, b.e.guard(b.e.nodes)), nil
		}
		b.e.pins.remove(p)
	}
	var p *pin
	err := b.advanceThen(ctx, func(*fold) error { return nil }, func() { p = b.e.pins.addOf(b, b.state.Load()) })
	if err != nil {
		return nil, err
	}
	return b.e.newSnapshot(p, p.st.trees, b.e.guard(b.e.nodes)), nil
}

// snapshotInMemory folds into nodes that no store gets to see.
func (b *Branch) snapshotInMemory(ctx context.Context) (*Snapshot, error) {
	if err := b.e.ready(ctx); err != nil {
		return nil, err
	}
	p, err := b.pin()
	if err != nil {
		return nil, err
	}
	w := b.e.newWriter()
	trees := p.st.trees
	for root := range trees {
		if trees[root], err = applyLayers(ctx, w, trees[root], p.st.layers, rootID(root)); err != nil {
			b.e.pins.remove(p)
			return nil, fmt.Errorf("engine: fold branch %q in memory: %w", b.name, err)
		}
	}
	return b.e.newSnapshot(p, trees, b.e.guard(w)), nil
}

// Tree returns a stored tree by its root, or by a commit's CID, pinned until it
// is closed. ErrMissing when it is not here. It waits while garbage is
// collected.
func (e *Engine) Tree(ctx context.Context, root cid.Cid) (*Snapshot, error) {
	if err := e.ready(ctx); err != nil {
		return nil, err
	}
	inside, err := e.world.enter(ctx)
	if err != nil { // nothing goes before it is pinned
		return nil, err
	}
	defer inside.leave()
	t, err := e.target(ctx, root)
	if err != nil {
		return nil, err
	}
	if err := e.bringBack(ctx, lateRoot{tree: t.tree.Addr()}); err != nil {
		return nil, err
	}
	st := &state{trees: [roots]prolly.Tree{t.tree, prolly.Empty(e.nodes)}}
	p := e.pins.add(st)
	if t.commit == nil && t.tree.Addr().Hash != codec.EmptyRoot {
		// The cache may know a tree that a branch has left behind unwritten.
		if _, err := e.nodes.fetch(ctx, t.tree.Addr()); err != nil {
			e.pins.remove(p)
			return nil, err
		}
	}
	return e.newSnapshot(p, st.trees, e.guard(e.nodes)), nil
}

package engine

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Branch is a durable, versioned map: a folded tree and the writes staged over
// it. All methods may be called by several goroutines at once. Readers never
// wait for writers.
type Branch struct {
	e    *Engine
	name string
	ref  string // the name of its record in the store

	state  atomic.Pointer[state]
	used   atomic.Uint64 // when it was asked for, as counted by Engine.uses
	staged atomic.Int64  // bytes in layers
	edits  atomic.Int64  // and how many edits

	// write is held while a write is staged. It guards what follows.
	write   gate
	seq     uint64 // of the last staged write
	step    atomic.Pointer[step]
	staging staging
	inDoubt bool // a record may be in the log that is not in the layer

	// fold is held while state is replaced, and taken before write. It guards
	// what follows.
	fold    gate
	attempt *state // set while it is unknown whether it became the store's
	trail   trail

	txs     openTxs
	folding progress
	queued  bool // for a fold in the background; the folder's
}

func newBranch(e *Engine, name string) *Branch {
	return &Branch{e: e, name: name, ref: branchPrefix + name, write: newGate(), fold: newGate()}
}

// Name returns the branch's name.
func (b *Branch) Name() string { return b.name }

// Engine returns the engine that the branch is of.
func (b *Branch) Engine() *Engine { return b.e }

func (b *Branch) errGone() error { return fmt.Errorf("%w: %q was deleted", ErrNoBranch, b.name) }

// Root returns the root of the folded tree; it folds nothing.
func (b *Branch) Root(ctx context.Context) (cid.Cid, error) {
	st, err := b.now(ctx)
	if err != nil {
		return cid.Undef, err
	}
	return st.trees[theTree].Root(), nil
}

// Staged is the number of staged edits that are not folded yet.
func (b *Branch) Staged() int { return int(b.edits.Load()) }

// Sync makes durable what was staged before; it folds nothing.
func (b *Branch) Sync(ctx context.Context) error { return b.e.Sync(ctx) }

// Head returns the last commit; ErrNoCommit when there is none.
func (b *Branch) Head(ctx context.Context) (Commit, error) {
	st, err := b.now(ctx)
	if err != nil {
		return Commit{}, err
	}
	if !st.ref.hasCommit {
		return Commit{}, fmt.Errorf("%w: on branch %q", ErrNoCommit, b.name)
	}
	return b.e.ReadCommit(ctx, st.ref.commit.CID())
}

// now returns the branch's state for a reader.
func (b *Branch) now(ctx context.Context) (*state, error) {
	if err := b.e.ready(ctx); err != nil {
		return nil, err
	}
	st := b.state.Load()
	if st.gone {
		return nil, b.errGone()
	}
	return st, nil
}

// load brings the branch up from its record and its log.
func (b *Branch) load(ctx context.Context, raw []byte) error {
	ref, err := parseBranchRef(raw)
	if err != nil {
		return fmt.Errorf("engine: branch %q: %w", b.name, err)
	}
	st := &state{ref: ref, raw: raw}
	if ref.behind != nil {
		if st, err = b.redo(ctx, raw, ref); err != nil {
			return fmt.Errorf("engine: branch %q: %w", b.name, err)
		}
	}
	common, err := st.loadTrees(ctx, b.e.nodes)
	if err != nil {
		return fmt.Errorf("engine: branch %q: %w", b.name, err)
	}
	first := &step{layer: newLayer(ref.folded, common)}
	st.layers = []*layer{first.layer}
	b.seq = ref.folded
	b.step.Store(first)
	b.state.Store(st)
	if err := b.replay(ctx); err != nil {
		return fmt.Errorf("engine: branch %q: %w", b.name, err)
	}
	return nil
}

// loadTrees opens the trees that the record names, and returns what the keys of
// each begin with, as far as its root tells.
func (s *state) loadTrees(ctx context.Context, ns *nodeStore) (common [roots][]byte, err error) {
	for i, a := range []prolly.Addr{s.ref.tree, s.ref.side} {
		if s.trees[i] == (prolly.Tree{}) {
			if s.trees[i], err = prolly.LoadAt(ctx, ns, a); err != nil {
				return common, err
			}
		}
		if common[i], err = s.trees[i].Beginning(ctx); err != nil {
			return common, err
		}
	}
	return common, nil
}

// replay stages what stands in the log above b.seq. Records follow each other
// without a gap; one that is missing was lost.
func (b *Branch) replay(ctx context.Context) error {
	l := b.state.Load().layers[0]
	for rec, err := range b.e.store.ReadLog(ctx, b.ref, b.seq) {
		if err != nil {
			return storeError("read log", err)
		}
		if rec.Seq != b.seq+1 {
			return fmt.Errorf("%w: staging record %d follows %d", ErrCorrupt, rec.Seq, b.seq)
		}
		if err := readRecord(rec.Seq, rec.Data, func(o op) error { return b.add(l, rec.Seq, o) }); err != nil {
			return err
		}
		l.publish(rec.Seq)
		b.seq = rec.Seq
	}
	b.inDoubt = false
	return nil
}

// add stages an op in the layer that takes writes, unpublished.
func (b *Branch) add(l *layer, seq uint64, o op) error {
	before := l.over[o.root].used
	err := l.add(seq, o)
	b.staged.Add(int64(l.over[o.root].used - before))
	if err == nil {
		b.edits.Add(1)
	}
	return err
}

// errRef says that a record of the store is not what this engine left there.
func (b *Branch) errRef(err error) error {
	if errors.Is(err, kv.ErrNotFound) {
		return fmt.Errorf("%w: the record of branch %q is gone", ErrCorrupt, b.name)
	}
	return storeError("read branch "+b.name, err)
}

package engine

import (
	"context"
	"fmt"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// redoBytes is how much of the log is applied at once, in bytes. Each time may
// write most of the tree.
const redoBytes = 64 << 20

// redo makes the nodes again that a branch's ref names and a crash may have
// lost: it works the log into the durable trees, from commit to commit, and must
// arrive at the trees that the ref and its commits name. It returns the ref as it
// stands afterwards. A read-only engine keeps the nodes in memory.
type redo struct {
	b     *Branch
	ref   branchRef
	w     *writer
	trees [roots]prolly.Tree
	edits [roots][]prolly.Edit
	bytes int
	at    uint64 // the last record taken
	made  []madeTree
}

func (b *Branch) redo(ctx context.Context, raw []byte, ref branchRef) (*state, error) {
	r := &redo{b: b, ref: ref, w: b.e.newFoldWriter(), at: ref.behind.folded, made: ref.behind.made}
	st, err := r.run(ctx, raw)
	if e := r.w.drop(); err == nil {
		err = e
	}
	if err != nil {
		return nil, fmt.Errorf("make nodes again: %w", err)
	}
	return st, nil
}

func (r *redo) run(ctx context.Context, raw []byte) (*state, error) {
	from := &state{ref: branchRef{tree: r.ref.behind.tree, side: r.ref.behind.side}}
	if _, err := from.loadTrees(ctx, r.b.e.nodes); err != nil {
		return nil, err
	}
	r.trees = from.trees
	if err := r.commits(ctx); err != nil {
		return nil, err
	}
	for rec, err := range r.b.e.store.ReadLog(ctx, r.b.ref, r.at) {
		if err != nil {
			return nil, storeError("read log", err)
		}
		if rec.Seq > r.ref.folded {
			break
		}
		if rec.Seq != r.at+1 {
			return nil, fmt.Errorf("%w: staging record %d follows %d", ErrCorrupt, rec.Seq, r.at)
		}
		if err := readRecord(rec.Seq, rec.Data, r.take); err != nil {
			return nil, err
		}
		r.at, r.bytes = rec.Seq, r.bytes+len(rec.Data)
		if r.bytes > redoBytes {
			if err := r.apply(ctx); err != nil {
				return nil, err
			}
		}
		if err := r.commits(ctx); err != nil {
			return nil, err
		}
	}
	return r.finish(ctx, raw)
}

// take notes an op as an edit.
func (r *redo) take(o op) error {
	e := prolly.Edit{Key: o.key, Delete: o.kind == opDelete}
	if !e.Delete {
		var err error
		if e.Value, err = o.kind.value(o.data); err != nil {
			return err
		}
	}
	r.edits[o.root] = append(r.edits[o.root], e)
	return nil
}

func (r *redo) apply(ctx context.Context) (err error) {
	for i := range r.trees {
		if r.trees[i], err = applyThrough(ctx, r.w, r.trees[i], r.edits[i]); err != nil {
			return err
		}
		clear(r.edits[i])
		r.edits[i] = r.edits[i][:0]
	}
	r.bytes = 0
	return nil
}

// commits arrives at the trees of commits that stand here.
func (r *redo) commits(ctx context.Context) error {
	for len(r.made) > 0 && r.made[0].folded == r.at {
		if err := r.apply(ctx); err != nil {
			return err
		}
		if err := r.arrived(theTree, r.made[0].tree); err != nil {
			return err
		}
		r.made = r.made[1:]
	}
	return nil
}

func (r *redo) arrived(root rootID, want codec.Hash) error {
	if got := r.trees[root].Addr().Hash; got != want {
		return fmt.Errorf("%w: the log leads to the tree %v, and not to %v", ErrCorrupt, got, want)
	}
	return nil
}

// finish makes the nodes durable and has the ref say so.
func (r *redo) finish(ctx context.Context, raw []byte) (*state, error) {
	if r.at != r.ref.folded || len(r.made) > 0 {
		return nil, fmt.Errorf("%w: the log ends at staging record %d", ErrCorrupt, r.at)
	}
	if err := r.apply(ctx); err != nil {
		return nil, err
	}
	for i, a := range []prolly.Addr{r.ref.tree, r.ref.side} {
		if err := r.arrived(rootID(i), a.Hash); err != nil {
			return nil, err
		}
	}
	st := &state{ref: r.ref, raw: raw, trees: r.trees}
	for i := range st.trees {
		st.trees[i] = st.trees[i].In(r.b.e.nodes)
	}
	if r.b.e.o.ReadOnly {
		r.b.e.nodes.remember(r.w.pending.byHash())
		return st, nil
	}
	if err := r.w.finish(ctx); err != nil {
		return nil, err
	}
	if r.b.e.behind != nil {
		if err := r.b.e.behind.WriteNodes(ctx); err != nil {
			return nil, storeError("write nodes", err)
		}
	}
	st.ref.behind = nil
	st.ref.tree, st.ref.side = r.trees[theTree].Addr(), r.trees[theSide].Addr()
	st.raw = st.ref.encode()
	return st, r.b.e.forget(ctx, r.b.ref, raw, st)
}

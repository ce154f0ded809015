package engine

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// LogOptions choose what Log yields.
type LogOptions struct {
	Limit int     // at most so many; all when 0
	From  cid.Cid // the commit to begin with; the last one when undefined

	// Within leaves only commits that changed something in a range of keys:
	// that differ there from each of their parents, so that a merge which took
	// what one side had is not among them. Its Reverse and Limit do not count.
	// Of a commit whose parents were all cut off nobody can tell; it is
	// yielded when there is anything in the range.
	Within prolly.Range
}

// Log yields commits and all that they descend from, newest (largest Seq)
// first, each once, as far as the history was not cut off (Retain, MarkShallow);
// where it was, Cut is set. A branch without commits yields nothing. An error is the
// last thing that it yields.
func (b *Branch) Log(ctx context.Context, o LogOptions) iter.Seq2[Commit, error] {
	return func(yield func(Commit, error) bool) {
		from, ok, err := b.begin(ctx, o.From)
		if err != nil {
			yield(Commit{}, err)
		}
		if err != nil || !ok {
			return
		}
		n := 0
		err = b.e.descend(ctx, []Commit{from}, func(c Commit, parents []Commit) (follow, more bool, err error) {
			if all := (prolly.Range{}); !sameRange(o.Within, all) {
				touched, err := b.e.touches(ctx, c, parents, o.Within)
				if err != nil || !touched {
					return true, err == nil, err
				}
			}
			n++
			return true, yield(c, nil) && n != o.Limit, nil
		})
		if err != nil {
			yield(Commit{}, err)
		}
	}
}

func sameRange(a, b prolly.Range) bool {
	return string(a.From) == string(b.From) && string(a.To) == string(b.To) && string(a.Prefix) == string(b.Prefix)
}

// begin returns the commit that a walk begins with: from, or the last one; ok
// is false when there is none.
func (b *Branch) begin(ctx context.Context, from cid.Cid) (c Commit, ok bool, err error) {
	st, err := b.now(ctx)
	if err != nil {
		return c, false, err
	}
	if !from.Defined() {
		if !st.ref.hasCommit {
			return c, false, nil
		}
		from = st.ref.commit.CID()
	}
	c, err = b.e.ReadCommit(ctx, from)
	return c, err == nil, err
}

// descend calls visit with commits and what they descend from, newest first,
// each once, until it wants no more; where it does not follow, the parents are
// left out. A parent's Seq is below that of its children, so those that wait are
// all that needs to be remembered.
func (e *Engine) descend(ctx context.Context, from []Commit, visit func(c Commit, parents []Commit) (follow, more bool, err error)) error {
	var waiting []Commit
	add := func(list []Commit) {
		for _, c := range list {
			if i, found := slices.BinarySearchFunc(waiting, c, newer); !found {
				waiting = slices.Insert(waiting, i, c)
			}
		}
	}
	add(from)
	for len(waiting) > 0 {
		c := waiting[0]
		waiting = waiting[1:]
		parents, err := e.ancestors(ctx, &c)
		if err != nil { // the commit itself is there
			if _, more, visited := visit(c, nil); visited != nil || !more {
				return visited
			}
			return err
		}
		follow, more, err := visit(c, parents)
		if err != nil || !more {
			return err
		}
		if follow {
			add(parents)
		}
	}
	return nil
}

// ancestors reads the parents that the history goes on with, checks that they
// can be c's, and tells c whether there were more.
func (e *Engine) ancestors(ctx context.Context, c *Commit) ([]Commit, error) {
	parents, err := e.Parents(ctx, *c)
	for _, p := range parents {
		if p.Seq >= c.Seq {
			err = fmt.Errorf("%w: commit %v has Seq %d, its parent %v %d", ErrCorrupt, c.CID, c.Seq, p.CID, p.Seq)
		}
	}
	c.Cut = err == nil && len(parents) < len(c.Parents)
	return parents, err
}

// touches tells whether a commit changed anything within a range.
func (e *Engine) touches(ctx context.Context, c Commit, parents []Commit, within prolly.Range) (bool, error) {
	within.Reverse, within.Limit = false, 1
	for i := range max(1, len(parents)) { // without parents: before there was nothing
		root := codec.EmptyRoot.CID()
		if i < len(parents) {
			root = parents[i].Root
		}
		if differs, err := e.differ(ctx, root, c.Root, within); err != nil || !differs {
			return false, err
		}
	}
	return true, nil
}

// differ tells whether two trees differ within a range. What they share is not
// read.
func (e *Engine) differ(ctx context.Context, from, to cid.Cid, within prolly.Range) (bool, error) {
	if from == to {
		return false, nil
	}
	a, err := prolly.Load(ctx, e.nodes, from)
	if err != nil {
		return false, err
	}
	b, err := prolly.Load(ctx, e.nodes, to)
	if err != nil {
		return false, err
	}
	for _, err := range prolly.Diff(ctx, a, b, within) {
		return err == nil, err
	}
	return false, nil
}

// newer orders commits by Seq, then time, the largest first, then by name.
func newer(a, b Commit) int {
	return cmp.Or(cmp.Compare(b.Seq, a.Seq), cmp.Compare(b.Time, a.Time), cmp.Compare(a.CID.KeyString(), b.CID.KeyString()))
}

package engine

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"

	cid "github.com/ipfs/go-cid"
)

// LogOptions choose what Log yields.
type LogOptions struct {
	Limit int     // at most so many; all when 0
	From  cid.Cid // the commit to begin with; the last one when undefined
}

// Log yields commits and all that they descend from, newest (largest Seq)
// first, each once, as far as the history was not cut off (MarkShallow). A branch
// without commits yields nothing. An error is the last thing that it yields.
func (b *Branch) Log(ctx context.Context, o LogOptions) iter.Seq2[Commit, error] {
	return func(yield func(Commit, error) bool) {
		st, err := b.now(ctx)
		if err != nil {
			yield(Commit{}, err)
			return
		}
		from := o.From
		if !from.Defined() {
			if !st.ref.hasCommit {
				return
			}
			from = st.ref.commit.CID()
		}
		b.e.log(ctx, from, o.Limit, yield)
	}
}

// log yields the commit from and what it descends from. A parent's Seq is below
// that of its children, so those that wait are all that needs to be remembered.
func (e *Engine) log(ctx context.Context, from cid.Cid, limit int, yield func(Commit, error) bool) {
	c, err := e.ReadCommit(ctx, from)
	if err != nil {
		yield(Commit{}, err)
		return
	}
	waiting := []Commit{c}
	for n := 1; len(waiting) > 0; n++ {
		c := waiting[0]
		waiting = waiting[1:]
		if !yield(c, nil) || n == limit {
			return
		}
		parents, err := e.Parents(ctx, c)
		if err != nil {
			yield(Commit{}, err)
			return
		}
		for _, p := range parents {
			if p.Seq >= c.Seq {
				yield(Commit{}, fmt.Errorf("%w: commit %v has Seq %d, its parent %v %d", ErrCorrupt, c.CID, c.Seq, p.CID, p.Seq))
				return
			}
			if i, ok := slices.BinarySearchFunc(waiting, p, newer); !ok {
				waiting = slices.Insert(waiting, i, p)
			}
		}
	}
}

// newer orders commits by Seq, then time, the largest first, then by name.
func newer(a, b Commit) int {
	return cmp.Or(cmp.Compare(b.Seq, a.Seq), cmp.Compare(b.Time, a.Time), cmp.Compare(a.CID.KeyString(), b.CID.KeyString()))
}

package prolly

import (
	"context"
	"fmt"
	"iter"
)

// Limits of what is made of others' entries. The zero value sets none.
type Limits struct {
	// MaxGap is the heaviest stretch without a stage-1 cut that may come about, in
	// weight; 0: any. See CheckOptions, whose MaxGap it meets. A heavier one takes
	// memory and time with every edit in it, for whoever holds the tree.
	MaxGap uint64
}

// BuildWithin is Build within limits: ErrGap beyond, as soon as it shows.
func BuildWithin(ctx context.Context, ns NodeStore, sorted iter.Seq2[Entry, error], l Limits) (Tree, error) {
	b := newBuilder(ctx, ns)
	b.bound = newBound(l)
	return b.build(sorted)
}

// ApplyWithin is Apply within limits: ErrGap when a stretch that the edits touch
// passes them afterwards. What they do not touch is not looked at.
func (t Tree) ApplyWithin(ctx context.Context, edits []Edit, l Limits) (Tree, error) {
	return t.apply(ctx, edits, newBound(l))
}

// bound is the heaviest gap; 0: any.
type bound uint64

// newBound never turns down what one node may weigh.
func newBound(l Limits) bound {
	if l.MaxGap == 0 {
		return 0
	}
	return bound(max(l.MaxGap, maxWeight))
}

// gap checks a gap that has ended.
func (b bound) gap(level int, weight uint64) error {
	if b == 0 || weight <= uint64(b) {
		return nil
	}
	return fmt.Errorf("%w: on level %d, of more than %d", ErrGap, level, uint64(b))
}

// open checks one that has not. What stage 1 may still cut lies less than W back.
func (b bound) open(level int, weight uint64) error {
	return b.gap(level, weight-min(weight, minWeight))
}

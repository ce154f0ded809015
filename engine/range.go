package engine

import (
	"bytes"
	"context"

	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// rangeOver yields the entries that q selects: those of the tree, and before,
// between, instead of and after them what is staged.
func (r *reader) rangeOver(ctx context.Context, q prolly.Range, yield func(prolly.Entry, error) bool) {
	lo, hi, ok := bounds(q)
	if !ok {
		return
	}
	m := merged{ctx: ctx, staged: r.staged(lo, hi, q.Reverse), left: q.Limit, yield: yield}
	if m.staged.at == nil {
		r.tree.Range(ctx, q)(yield)
		return
	}
	if q.Limit <= 0 {
		m.left = -1
	}
	for e, err := range r.tree.Range(ctx, prolly.Range{From: lo, To: hi, Reverse: q.Reverse}) {
		if err != nil {
			yield(prolly.Entry{}, err)
			return
		}
		if !m.stagedBefore(e.Key) {
			return
		}
		if m.staged.at != nil && bytes.Equal(m.staged.at.key, e.Key) {
			continue // its turn comes with the next entry
		}
		if !m.emit(e) {
			return
		}
	}
	m.stagedBefore(nil)
}

// merged is an iteration of a tree and what is staged over it.
type merged struct {
	ctx    context.Context
	staged stagedCursor
	left   int // entries still wanted; negative: all
	yield  func(prolly.Entry, error) bool
	entry  prolly.Entry // the last one that was staged; it stays where it is, as copies wait for what was just written
}

// stagedBefore yields what is staged before key, all that is left for a nil
// one; false when the iteration is over.
func (m *merged) stagedBefore(key []byte) bool {
	for c := &m.staged; c.at != nil && (key == nil || c.before(c.at.key, key)); c.next() {
		if c.at.ver.kind == opDelete {
			continue
		}
		err := m.ctx.Err()
		if err == nil {
			m.entry.Key = c.at.key
			err = c.at.ver.valueTo(&m.entry.Value)
		}
		if err != nil {
			m.yield(prolly.Entry{}, err)
			return false
		}
		if !m.emit(m.entry) {
			return false
		}
	}
	return true
}

func (m *merged) emit(e prolly.Entry) bool {
	if m.left == 0 {
		return false
	}
	m.left--
	return m.yield(e, nil) && m.left != 0
}

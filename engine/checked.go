package engine

import (
	"context"
	"errors"
	"strings"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// checked is what a check remembers of what it verified, in bounded memory:
//
//	recent   what nodes must be to those above them, of some
//	passed   nodes below which all is right, of some more
//	marks    the same, of all: two bits in the store, if it is able to
//	damaged  nodes at or below which something is not
//
// What it forgot is read again.
type checked struct {
	recent  []*checkedNode
	passed  *hashSet
	marks   kv.Collection // nil: the store has none, or is too damaged
	damaged map[codec.Hash]*checkedNode
	commits *hashSet
	blobs   *hashSet            // that are right, by the hash of name and size
	shapes  *hashSet            // roots of trees whose cuts are right
	told    map[string]struct{} // damage that was reported, with the branch

	badBlobs map[codec.Hash]error // likewise by name and size
}

const (
	checkedRecent  = 1 << 15 // of them at most checkedKeys bytes of keys each are remembered
	checkedKeys    = 256
	checkedDamaged = 1 << 15
)

func newChecked() checked {
	return checked{
		recent: make([]*checkedNode, checkedRecent), passed: newHashSet(1 << 17),
		damaged: map[codec.Hash]*checkedNode{}, commits: newHashSet(1 << 16), blobs: newHashSet(1 << 16), shapes: newHashSet(1 << 12),
		told: map[string]struct{}{}, badBlobs: map[codec.Hash]error{},
	}
}

// begin has the store keep marks, if it can, until what it returns is called.
func (s *checked) begin(ctx context.Context, store kv.Store) (end func()) {
	if k, ok := store.(kv.Collector); ok {
		if m, err := k.Collect(ctx); err == nil {
			s.marks = m
		}
	}
	return func() {
		if s.marks != nil {
			_ = s.marks.Close() // temporary files, whose loss harms nothing
		}
	}
}

func (s *checked) slot(h codec.Hash) **checkedNode {
	return &s.recent[(int(h[0])|int(h[1])<<8)%len(s.recent)]
}

// node is what is remembered of a node; nil: nothing.
func (s *checked) node(h codec.Hash) *checkedNode {
	if r := *s.slot(h); r != nil && r.hash == h {
		return r
	}
	return s.damaged[h]
}

// whole tells whether a node, and all below it, is known to be right.
func (s *checked) whole(ctx context.Context, h codec.Hash) bool {
	if s.passed.has(h) {
		return true
	}
	if s.marks == nil {
		return false
	}
	m, err := s.marks.Marked(ctx, h) // with an error it is verified again, and the error met
	return err == nil && m == kv.Whole
}

// add remembers a node.
func (s *checked) add(ctx context.Context, r *checkedNode) error {
	if !r.whole {
		if len(s.damaged) < checkedDamaged {
			s.damaged[r.hash] = r
		}
		return nil
	}
	s.recently(r)
	s.passed.add(r.hash)
	if s.marks == nil {
		return nil
	}
	if err := s.marks.Mark(ctx, r.hash, kv.Whole); err != nil && !errors.Is(err, kv.ErrNotFound) && !errors.Is(err, kv.ErrCorrupt) {
		return storeError("mark node "+r.hash.String(), err)
	}
	return nil
}

func (s *checked) recently(r *checkedNode) {
	if len(r.first)+len(r.last) <= checkedKeys {
		*s.slot(r.hash) = r
	}
}

// tell tells whether some damage was reported before, and remembers that it is.
func (s *checked) tell(what ...string) bool {
	key := strings.Join(what, "\x00")
	if _, ok := s.told[key]; ok {
		return true
	}
	if len(s.told) < checkedDamaged {
		s.told[key] = struct{}{}
	}
	return false
}

package prolly

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// Apply returns the tree with the edits made, in any order; of several edits
// of one key the last wins. The result is the tree that Build makes of the same
// content. One pass a level repairs the nodes around the edits; nothing is read
// beyond the touched stage-1 gaps and one neighbour on either side. The edits'
// bytes are not kept. On error nothing of the tree has changed; blocks that
// were written are not referred to.
func (t Tree) Apply(ctx context.Context, edits []Edit) (Tree, error) {
	return t.apply(ctx, edits, 0)
}

func (t Tree) apply(ctx context.Context, edits []Edit, most bound) (Tree, error) {
	in, err := t.leafEdits(ctx, edits)
	if err != nil {
		return Tree{}, err
	}
	if t.count == 0 {
		return buildLeaves(ctx, t, in, most)
	}
	return t.repair(ctx, 0, in, most)
}

// repair makes edits of a level's items, and what follows from them above. When
// the level is no leaf level, the items name stored nodes.
func (t Tree) repair(ctx context.Context, level int, in *levelEdits, most bound) (Tree, error) {
	a := applier{ctx: ctx, old: t, bound: most}
	defer a.done()
	for ; level <= t.level; level++ {
		p, err := a.level(level, in)
		switch {
		case err != nil:
			return Tree{}, err
		case p.emptied:
			root, err := p.w.empty()
			return Tree{ns: t.ns, root: root}, err
		case p.single != nil:
			return newTree(t.ns, *p.single, level), nil
		case p.out.len() == 0:
			return t, nil
		}
		in = p.out
	}
	return buildAbove(ctx, t.ns, t.level+1, in, most)
}

// buildLeaves makes a tree of edits where there was an empty one.
func buildLeaves(ctx context.Context, empty Tree, edits *levelEdits, most bound) (Tree, error) {
	b := newBuilder(ctx, empty.ns)
	b.bound = most
	for i, e := range edits.leaf {
		if edits.del[i] {
			continue
		}
		if err := b.addLeaf(e); err != nil {
			return Tree{}, b.failed(err)
		}
	}
	if b.leaf == nil {
		return empty, nil
	}
	return b.finish()
}

// buildAbove makes the levels that the old tree did not have.
func buildAbove(ctx context.Context, ns NodeStore, level int, children *levelEdits, most bound) (Tree, error) {
	b := newBuilder(ctx, ns)
	b.bound = most
	for i, e := range children.inner {
		if err := b.addChild(level, child{InnerEntry: e, hint: children.hints[i]}); err != nil {
			return Tree{}, b.failed(err)
		}
	}
	return b.finish()
}

// levelEdits is what must change on a level: items to set or to delete, by key,
// strictly ascending.
type levelEdits struct {
	items
	del  []bool
	made []*Node // of inner: the child, if it is known; in step with inner only
}

func (s *levelEdits) clear(level int) {
	s.items.reset(level)
	s.del, s.made = s.del[:0], s.made[:0]
}

func (s *levelEdits) put(c child) {
	s.inner = append(s.inner, c.InnerEntry)
	s.hints = append(s.hints, c.hint)
	s.del, s.made = append(s.del, false), append(s.made, c.node)
}

func (s *levelEdits) delete(key []byte) {
	s.inner = append(s.inner, codec.InnerEntry{Key: key})
	s.hints = append(s.hints, Hint{})
	s.del, s.made = append(s.del, true), append(s.made, nil)
}

// leafEdits sorts the edits, keeps the last of each key, and writes long
// values out of line.
func (t Tree) leafEdits(ctx context.Context, edits []Edit) (*levelEdits, error) {
	for i := range edits {
		if err := CheckEdit(edits[i]); err != nil {
			return nil, fmt.Errorf("edit %d: %w", i, err)
		}
	}
	out := &levelEdits{}
	for _, i := range SortEdits(edits) {
		e := &edits[i]
		leaf := codec.LeafEntry{Key: e.Key}
		if !e.Delete {
			var err error
			if leaf, err = storedEntry(ctx, t.ns, e.Key, e.Value); err != nil {
				return nil, err
			}
		}
		out.leaf = append(out.leaf, leaf)
		out.del = append(out.del, e.Delete)
	}
	return out, nil
}

// sortKey orders an edit without touching its key, most of the time.
type sortKey struct {
	prefix uint64
	index  int32
}

// SortEdits returns the indices of the edits by key, and of several edits of
// one key that of the last only.
func SortEdits(edits []Edit) []int {
	keys := make([]sortKey, len(edits))
	sorted := true
	for i := range edits {
		keys[i] = sortKey{keyPrefix(edits[i].Key), int32(i)}
		sorted = sorted && (i == 0 || bytes.Compare(edits[i-1].Key, edits[i].Key) < 0)
	}
	if !sorted {
		slices.SortFunc(keys, func(a, b sortKey) int {
			if a.prefix != b.prefix {
				if a.prefix < b.prefix {
					return -1
				}
				return 1
			}
			if c := bytes.Compare(edits[a.index].Key, edits[b.index].Key); c != 0 {
				return c
			}
			return int(a.index - b.index)
		})
	}
	out := make([]int, 0, len(keys))
	for i, k := range keys {
		if i+1 < len(keys) && keys[i+1].prefix == k.prefix && bytes.Equal(edits[keys[i+1].index].Key, edits[k.index].Key) {
			continue
		}
		out = append(out, int(k.index))
	}
	return out
}

// keyPrefix is the first eight bytes of a key as a number that sorts alike.
func keyPrefix(key []byte) uint64 {
	if len(key) >= 8 {
		return binary.BigEndian.Uint64(key)
	}
	var b [8]byte
	copy(b[:], key)
	return binary.BigEndian.Uint64(b[:])
}

package engine

import (
	"bytes"
	"cmp"
	"slices"
)

// inOrderFrom is from how many ops on they are sorted before they go into an
// overlay, where each then begins to look for its place at the one before.
const inOrderFrom = 16

// placed is an op by its number, and its key's prefix in the overlay.
type placed struct {
	prefix uint64
	op     int32
	root   rootID
}

// addAll adds the ops of one write to the newest layer. The write gate is held.
func (b *Branch) addAll(l *layer, seq uint64, ops []op) error {
	if len(ops) < inOrderFrom {
		for i := range ops {
			if err := b.add(l, seq, ops[i]); err != nil {
				return err
			}
		}
		return nil
	}
	before := l.size()
	n, err := l.addInOrder(seq, ops, b.order(l, ops))
	b.staged.Add(l.size() - before)
	b.edits.Add(int64(n))
	return err
}

// order sorts ops by tree and key, and those of one key as they came. The
// result is valid until the next call.
func (b *Branch) order(l *layer, ops []op) []placed {
	all := b.placed[:0]
	for i := range ops {
		o := &ops[i]
		all = append(all, placed{l.over[o.root].prefix(o.key), int32(i), o.root})
	}
	slices.SortFunc(all, func(x, y placed) int {
		if x.prefix != y.prefix && x.root == y.root {
			if x.prefix < y.prefix {
				return -1
			}
			return 1
		}
		c := cmp.Compare(x.root, y.root)
		if c == 0 {
			c = bytes.Compare(ops[x.op].key, ops[y.op].key)
		}
		if c == 0 {
			c = cmp.Compare(x.op, y.op)
		}
		return c
	})
	if b.placed = all; cap(all) > placedKeep {
		b.placed = nil
	}
	return all
}

// placedKeep is how much room is kept between writes, in ops.
const placedKeep = 1 << 14

// addInOrder adds ops in an order and returns how many it could.
func (l *layer) addInOrder(seq uint64, ops []op, order []placed) (n int, err error) {
	for i, p := range order {
		o, over := &ops[p.op], l.over[p.root]
		if i == 0 || order[i-1].root != p.root {
			err = over.add(o.key, seq, o.kind, o.data)
		} else {
			err = over.addOn(o.key, p.prefix, seq, o.kind, o.data)
		}
		if err != nil {
			return i, err
		}
	}
	return len(order), nil
}

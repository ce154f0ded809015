package prolly

import (
	"context"
	"fmt"
)

// At returns the i-th entry in key order, counted from 0. ErrNotFound when the
// tree has no more than i. The bytes are the caller's to keep, not to change.
func (t Tree) At(ctx context.Context, i uint64) (Entry, error) {
	if i >= t.count {
		return Entry{}, ErrNotFound
	}
	n, err := t.rootNode(ctx)
	if err != nil {
		return Entry{}, err
	}
	for n.Level() > 0 {
		k := 0
		for k < n.Len() && i >= n.Count(k) {
			i -= n.Count(k)
			k++
		}
		if k == n.Len() {
			return Entry{}, fmt.Errorf("%w: counts of a node below %v do not add up", ErrCorrupt, t.root.Hash)
		}
		if n, err = loadChild(ctx, t.ns, n, k); err != nil {
			return Entry{}, err
		}
	}
	if i >= uint64(n.Len()) {
		return Entry{}, fmt.Errorf("%w: a leaf below %v has fewer entries than its parent counts", ErrCorrupt, t.root.Hash)
	}
	v, err := nodeValue(n, int(i))
	return Entry{Key: n.AppendKey(nil, int(i)), Value: v}, err
}

// Rank returns how many entries have a key before key, which need not be there.
func (t Tree) Rank(ctx context.Context, key []byte) (uint64, error) {
	n, err := t.rootNode(ctx)
	if err != nil {
		return 0, err
	}
	var rank uint64
	for n.Level() > 0 {
		i := n.childFor(key)
		for k := range i {
			rank += n.Count(k)
		}
		if n, err = loadChild(ctx, t.ns, n, i); err != nil {
			return 0, err
		}
	}
	i, _ := n.Find(key)
	return rank + uint64(i), nil
}

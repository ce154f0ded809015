package prolly

import (
	"bytes"
	"context"
)

// finder looks up values of ascending keys, each leaf once.
type finder struct {
	t   Tree
	cur cursor
}

func newFinder(ctx context.Context, t Tree) finder { return finder{t, t.cursor(ctx)} }

// find returns what a key has, nil for nothing. The bytes are the leaf's.
func (f *finder) find(key []byte) (*Value, error) {
	if err := f.cur.seekNode(f.t, 0, key); err != nil {
		return nil, err
	}
	n := f.cur.node()
	i, found := n.Find(key)
	if !found {
		return nil, nil
	}
	v, err := nodeValue(n, i)
	return &v, err
}

// equalValues tells whether two values, nil standing for none, are the same.
// Values of stored trees: one content under one key has one form.
func equalValues(a, b *Value) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Kind() == b.Kind() && a.Link == b.Link && bytes.Equal(a.blob, b.blob) && bytes.Equal(a.Bytes, b.Bytes)
}

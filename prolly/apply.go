package prolly

import (
	"bytes"
	"context"
	"iter"
	"sort"
)

// Apply rebuilds, for now, the whole tree with the edits made: any order, the last of a key
// wins.
func (t Tree) Apply(ctx context.Context, edits []Edit) (Tree, error) {
	for _, e := range edits {
		if err := CheckEdit(e); err != nil {
			return Tree{}, err
		}
	}
	s := append([]Edit(nil), edits...)
	sort.SliceStable(s, func(i, j int) bool { return bytes.Compare(s[i].Key, s[j].Key) < 0 })
	u := []Edit{}
	for i, e := range s {
		if i+1 < len(s) && bytes.Equal(s[i+1].Key, e.Key) {
			continue
		}
		u = append(u, e)
	}
	next, stop := iter.Pull2(t.Range(ctx, Range{}))
	defer stop()
	return Build(ctx, t.ns, func(yield func(Entry, error) bool) {
		e, err, ok := next()
		for ok || len(u) > 0 {
			if err != nil {
				yield(e, err)
				return
			}
			c := 1
			if ok && len(u) > 0 {
				c = bytes.Compare(u[0].Key, e.Key)
			} else if !ok {
				c = -1
			}
			if c > 0 {
				if !yield(e, nil) {
					return
				}
				e, err, ok = next()
				continue
			}
			x := u[0]
			u = u[1:]
			if c == 0 {
				e, err, ok = next()
			}
			if !x.Delete && !yield(Entry{x.Key, x.Value}, nil) {
				return
			}
		}
	})
}

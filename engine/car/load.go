package car

import (
	"context"
	"io"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Load puts the entries of the tree in a CAR file, or of the tree of its commit,
// over those of the branch, all at once, and returns how many they are. It
// makes no commit, and takes over no history. Otherwise it is as Import.
func Load(ctx context.Context, b *engine.Branch, r io.Reader, o ImportOptions) (n uint64, err error) {
	o.Shallow = true
	m := &importer{ctx: ctx, e: b.Engine(), o: o, line: newLineage(b.Engine())}
	defer m.close()
	if m.f, err = newReader(r, o.maxBlock(), o.budget()); err != nil {
		return 0, err
	}
	if err := m.known(b.Name()); err != nil {
		return 0, err
	}
	err = b.Adopt(ctx, func(a *engine.Adoption) error {
		m.a, m.ns = a, a.Nodes()
		t, _, err := m.run(m.f.root)
		if err == nil {
			err = a.Flush(ctx)
		}
		if err != nil {
			return err
		}
		n = t.Len()
		t, err = m.over(a.Tree(), t)
		if err == nil {
			a.SetTree(t)
		}
		return err
	})
	return n, err
}

// over returns a tree with the entries of another put over its own.
func (m *importer) over(t, other prolly.Tree) (prolly.Tree, error) {
	if t.Len() == 0 {
		return other, nil
	}
	var edits []prolly.Edit
	from := t
	for c, err := range prolly.Diff(m.ctx, from, other, prolly.Range{}) {
		if err != nil {
			return t, err
		}
		if c.To == nil {
			continue
		}
		c = c.Clone()
		if edits = append(edits, prolly.Edit{Key: c.Key, Value: *c.To}); len(edits) < reapplied {
			continue
		}
		if t, err = t.Apply(m.ctx, edits); err != nil {
			return t, err
		}
		edits = edits[:0]
	}
	return t.Apply(m.ctx, edits)
}

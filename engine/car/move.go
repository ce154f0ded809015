package car

import (
	"fmt"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// move makes the branch stand at what was taken, if it may.
func (m *importer) move(b *engine.Branch, t prolly.Tree, c *engine.Commit) (Imported, error) {
	res := Imported{Stats: m.stats}
	if err := m.a.Flush(m.ctx); err != nil {
		return res, err
	}
	var head *engine.Commit
	if name := m.a.Head(); name.Defined() {
		h, err := m.e.ReadCommit(m.ctx, name)
		if err != nil {
			return res, err
		}
		head = &h
	}
	var err error
	if c == nil {
		res.Head, res.Moved, err = m.moveToTree(b, t, head)
	} else {
		res.Head, res.Moved, err = m.moveToCommit(b, t, c, head)
	}
	res.Tree = m.a.Tree().Root()
	return res, err
}

// moveToCommit returns the branch's last commit, and whether that is c only now.
func (m *importer) moveToCommit(b *engine.Branch, t prolly.Tree, c, head *engine.Commit) (*engine.Commit, bool, error) {
	if head != nil {
		past, err := m.descends(head, c)
		if err != nil || past {
			return head, false, err
		}
		next, err := m.descends(c, head)
		if err != nil {
			return nil, false, err
		}
		if !next {
			return nil, false, fmt.Errorf("%w: branch %q has commits that %v does not descend from", engine.ErrConflict, b.Name(), c.CID)
		}
	}
	if now := m.a.Tree(); head == nil && now.Len() > 0 || head != nil && now.Root() != head.Root {
		return nil, false, fmt.Errorf("%w: branch %q holds what is not committed", engine.ErrConflict, b.Name())
	}
	m.a.SetTree(t)
	return c, true, m.a.SetHead(c.CID)
}

// descends tells whether c is, or descends from, another commit.
func (m *importer) descends(c, from *engine.Commit) (bool, error) {
	l := newLineage(m.e)
	l.add(*c)
	return l.has(m.ctx, from.CID)
}

// moveToTree returns the branch's last commit, and whether anything has changed.
func (m *importer) moveToTree(b *engine.Branch, t prolly.Tree, head *engine.Commit) (*engine.Commit, bool, error) {
	now := m.a.Tree()
	same := now.Root() == t.Root()
	if !same && (now.Len() > 0 || head != nil) && !m.o.Replace {
		return nil, false, fmt.Errorf("%w: branch %q is not empty, and a tree without a commit does not tell what it follows", engine.ErrConflict, b.Name())
	}
	m.a.SetTree(t)
	if m.o.Commit == nil || head != nil && head.Root == t.Root() {
		return head, !same, nil
	}
	c, err := m.a.Commit(m.ctx, *m.o.Commit)
	return &c, true, err
}

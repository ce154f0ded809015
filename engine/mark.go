package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// marker marks all blocks below what it is given. What it cannot read it
// answers with an error, for then nobody can tell what is below; but what was
// brought back may have holes, and then it goes on. It belongs to one
// goroutine.
type marker struct {
	e     *Engine
	ctx   context.Context
	c     *collecting
	seen  *hashSet // marked whole; nil: none is remembered
	now   bool     // while others sweep: each block is marked first and read then
	holes bool     // what is not here is no reason to stop
	keep  int      // commits of each head; 0: all

	count Counts
	told  func() // of progress; nil: nobody
}

func newMarker(ctx context.Context, e *Engine, c *collecting) *marker {
	return &marker{e: e, ctx: ctx, c: c}
}

// late marks what was brought back.
func (m *marker) late(roots map[codec.Hash]lateRoot) error {
	for _, r := range roots {
		if err := m.lateRoot(r); err != nil && !errors.Is(err, ErrMissing) {
			return err
		}
	}
	return nil
}

func (m *marker) lateRoot(r lateRoot) error {
	m.holes = true
	defer func() { m.holes = false }()
	if r.commit != nil {
		return m.histories([]Commit{*r.commit})
	}
	return m.tree(r.tree)
}

// histories marks commits, their trees, and all that they descend from. The
// newest goes first, so that each comes once although nobody remembers them.
func (m *marker) histories(heads []Commit) error {
	var waiting []Commit
	add := func(c Commit) {
		if i, ok := slices.BinarySearchFunc(waiting, c, newer); !ok {
			waiting = slices.Insert(waiting, i, c)
		}
	}
	for _, c := range heads {
		add(c)
	}
	var missing error
	for len(waiting) > 0 {
		c := waiting[0]
		waiting = waiting[1:]
		h, err := commitHash(c)
		if err != nil {
			return err
		}
		if m.c.known.has(h) {
			continue
		}
		if missing, err = m.hole(missing, m.commit(c)); err != nil {
			return err
		}
		if !m.now {
			m.c.known.add(h)
		}
		parents, err := m.parents(c)
		if missing, err = m.hole(missing, err); err != nil {
			return err
		}
		for _, p := range parents {
			add(p)
		}
	}
	return missing
}

// parents reads the parents of a commit; with an error, those that are here.
func (m *marker) parents(c Commit) (list []Commit, err error) {
	if list, err = m.e.Parents(m.ctx, c); !errors.Is(err, ErrMissing) {
		return list, err
	}
	for _, name := range c.Parents {
		if p, err := m.e.ReadCommit(m.ctx, name); err == nil {
			list = append(list, p)
		}
	}
	return list, err
}

// newest marks the newest of the commits that a head descends from, and itself.
func (m *marker) newest(head Commit) error {
	n := 0
	return m.e.descend(m.ctx, []Commit{head}, func(c Commit, _ []Commit) (follow, more bool, err error) {
		n++
		return true, n < m.keep, m.commit(c)
	})
}

// commit marks a commit and its tree.
func (m *marker) commit(c Commit) error {
	if err := m.blob(c.CID); err != nil {
		return err
	}
	h, err := codec.HashOf(c.Root)
	if err == nil {
		err = m.tree(prolly.Addr{Hash: h})
	}
	if err != nil {
		return fmt.Errorf("commit %v: %w", c.CID, err)
	}
	return nil
}

// tree marks the nodes at and below a, and the blobs they name.
func (m *marker) tree(a prolly.Addr) error { return m.node(a, -1) }

// node marks the node at a, which must be of the level unless that is negative,
// and all below it. It is whole only when all below it is marked.
func (m *marker) node(a prolly.Addr, level int) error {
	if a.Hash == codec.EmptyRoot || m.seen != nil && m.seen.has(a.Hash) {
		return nil
	}
	if err := m.e.ready(m.ctx); err != nil {
		return err
	}
	mark, err := m.c.Marked(m.ctx, a.Hash)
	if err == nil && mark < kv.Kept && m.now {
		err = m.c.Mark(m.ctx, a.Hash, kv.Kept)
	}
	if err != nil {
		return storeError("mark node "+a.Hash.String(), err)
	}
	if mark == kv.Whole { // a young one may have been there before, and lead to what was
		return nil
	}
	n, err := m.e.nodes.peek(m.ctx, a)
	if err != nil {
		return err
	}
	if level >= 0 && n.Level() != level {
		return fmt.Errorf("%w: node %v is of level %d where its parent needs %d", ErrCorrupt, a.Hash, n.Level(), level)
	}
	missing, err := m.below(n)
	if err != nil {
		return fmt.Errorf("node %v: %w", a.Hash, err)
	}
	mark = kv.Whole
	if missing != nil {
		mark = kv.Kept
	}
	if err := m.c.Mark(m.ctx, a.Hash, mark); err != nil {
		return storeError("mark node "+a.Hash.String(), err)
	}
	m.counted(a.Hash, n, missing == nil)
	return missing
}

func (m *marker) counted(h codec.Hash, n *prolly.Node, whole bool) {
	if m.seen != nil && whole {
		m.seen.add(h)
	}
	m.count.Nodes++
	m.count.NodeBytes += uint64(len(n.Block()))
	if m.told != nil && m.count.Nodes%1024 == 0 {
		m.told()
	}
}

// below marks what a node names. missing says that something of it is not
// here, and that this may be so.
func (m *marker) below(n *prolly.Node) (missing, err error) {
	if n.Level() == 0 {
		err := m.leaf(n)
		return m.hole(nil, err)
	}
	for i := range n.Len() {
		if missing, err = m.hole(missing, m.node(n.Addr(i), n.Level()-1)); err != nil {
			return missing, err
		}
	}
	return missing, nil
}

// hole sorts out an error: those of which a marker of what was brought back
// takes note and goes on.
func (m *marker) hole(missing, err error) (error, error) {
	if err != nil && errors.Is(err, ErrMissing) && m.holes {
		return err, nil
	}
	return missing, err
}

func (m *marker) leaf(n *prolly.Node) error {
	if !n.HasOutOfLine() {
		return nil
	}
	for i := range n.Len() {
		if n.Kind(i) == codec.Inline {
			continue
		}
		c, err := castCID(n.Link(i))
		if err != nil {
			return err
		}
		if n.Kind(i) == codec.Link {
			err = m.link(c)
		} else {
			err = m.value(c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// staged marks what a staged op names.
func (m *marker) staged(kind opKind, data []byte) error {
	switch kind {
	case opLink:
		c, err := castCID(data)
		if err != nil {
			return err
		}
		return m.link(c)
	case opBlob:
		_, c, err := splitBlob(data)
		if err != nil {
			return err
		}
		return m.value(c)
	}
	return nil
}

// blob marks a block. While others sweep it must still be here.
func (m *marker) blob(c cid.Cid) error {
	m.count.Blobs++
	if err := m.c.MarkBlob(m.ctx, c.Hash()); err != nil {
		return storeError("mark blob", err)
	}
	if !m.now {
		return nil
	}
	if _, ok := inIdentity(c); ok {
		return nil
	}
	ok, err := m.e.store.HasBlob(m.ctx, c)
	if err == nil && !ok {
		err = kv.ErrNotFound
	}
	if err != nil {
		return storeError("mark blob "+c.String(), err)
	}
	return nil
}

// link marks the block that a caller's link names, be it here or not, be it a
// blob or a node. What that links to is its caller's business.
func (m *marker) link(c cid.Cid) error {
	m.count.Blobs++
	if err := m.c.MarkBlob(m.ctx, c.Hash()); err != nil {
		return storeError("mark blob", err)
	}
	if h, ok := hashOfBlock(c); ok {
		if err := m.c.Mark(m.ctx, h, kv.Kept); err != nil && !errors.Is(err, kv.ErrNotFound) {
			return storeError("mark node "+h.String(), err)
		}
	}
	return nil
}

// value marks the blocks of an out-of-line value.
func (m *marker) value(c cid.Cid) error {
	h, hashed := hashOfBlock(c)
	list := c.Type() == cid.DagCBOR
	if list && hashed && m.seen != nil && m.seen.has(h) {
		return nil
	}
	if err := m.blob(c); err != nil || !list {
		return err
	}
	b, err := m.e.ReadBlock(m.ctx, c)
	if err != nil {
		return err
	}
	l, err := codec.ParseChunkList(b)
	if err != nil {
		return fmt.Errorf("%w: chunk list %v: %w", ErrCorrupt, c, err)
	}
	for _, x := range l.Links {
		if err := m.value(x); err != nil {
			return err
		}
	}
	if hashed && m.seen != nil {
		m.seen.add(h)
	}
	return nil
}

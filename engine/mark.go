package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// marker finds all blocks that something reaches. What it cannot read it
// answers with an error, for then nobody can tell what is below.
type marker struct {
	e     *Engine
	ctx   context.Context
	nodes map[codec.Hash]bool // true: and what is below it
	blobs map[string]struct{} // by multihash
	bytes Counts
}

// markAll marks from everything that counts. The world is stopped.
func (m *marker) markAll() error {
	for _, b := range m.e.opened() {
		if err := b.settle(m.ctx); err != nil {
			return err
		}
	}
	for ref, err := range m.e.store.ListRefs(m.ctx, "") {
		if err != nil {
			return storeError("list refs", err)
		}
		if err := m.ref(ref.Name, ref.Value); err != nil {
			return fmt.Errorf("engine: mark from %q: %w", ref.Name, err)
		}
	}
	states := m.e.pins.states()
	for _, b := range m.e.opened() {
		states = append(states, b.state.Load())
	}
	for _, st := range states {
		if err := m.state(st); err != nil {
			return err
		}
	}
	return nil
}

func (m *marker) ref(name string, raw []byte) error {
	switch {
	case strings.HasPrefix(name, tagPrefix):
		c, err := parseTag(raw)
		if err != nil {
			return err
		}
		t, err := m.e.target(m.ctx, c)
		if err != nil {
			return err
		}
		if t.commit != nil {
			return m.history(*t.commit)
		}
		return m.tree(t.tree.Addr())
	case strings.HasPrefix(name, branchPrefix):
		return m.branch(name, raw)
	case strings.HasPrefix(name, shallowPrefix):
		return parseShallow(raw)
	}
	return fmt.Errorf("%w: a ref of unknown kind", ErrCorrupt)
}

func (m *marker) branch(name string, raw []byte) error {
	ref, err := parseBranchRef(raw)
	if err != nil {
		return err
	}
	if ref.hasCommit {
		c, err := m.e.ReadCommit(m.ctx, ref.commit.CID())
		if err == nil {
			err = m.history(c)
		}
		if err != nil {
			return err
		}
	}
	if err := errors.Join(m.tree(ref.tree), m.tree(ref.side)); err != nil {
		return err
	}
	for rec, err := range m.e.store.ReadLog(m.ctx, name, ref.folded) {
		if err != nil {
			return storeError("read log", err)
		}
		if err := readRecord(rec.Seq, rec.Data, func(o op) error { return m.staged(o.kind, o.data) }); err != nil {
			return err
		}
	}
	return nil
}

// history marks a commit, its tree, and all that it descends from.
func (m *marker) history(c Commit) error {
	for waiting := []Commit{c}; len(waiting) > 0; {
		c, waiting = waiting[len(waiting)-1], waiting[:len(waiting)-1]
		if !m.blob(c.CID) {
			continue
		}
		h, err := codec.HashOf(c.Root)
		if err == nil {
			err = m.tree(prolly.Addr{Hash: h})
		}
		if err != nil {
			return fmt.Errorf("commit %v: %w", c.CID, err)
		}
		parents, err := m.e.Parents(m.ctx, c)
		if err != nil {
			return err
		}
		waiting = append(waiting, parents...)
	}
	return nil
}

// state marks what a state's readers can reach.
func (m *marker) state(st *state) error {
	for _, t := range st.trees {
		if err := m.tree(t.Addr()); err != nil {
			return err
		}
	}
	for _, l := range st.layers {
		for _, o := range l.over {
			if err := m.overlay(o); err != nil {
				return err
			}
		}
	}
	return nil
}

// overlay marks what all versions of an overlay name.
func (m *marker) overlay(o *overlay) error {
	for e := o.next(o.head); e != 0; e = o.next(e) {
		for v := range o.all(e) {
			if err := m.staged(v.kind, v.data); err != nil {
				return err
			}
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
		m.link(c)
	case opBlob:
		_, c, err := splitBlob(data)
		if err != nil {
			return err
		}
		return m.value(c)
	}
	return nil
}

// tree marks the nodes at and below a, and the blobs they name.
func (m *marker) tree(a prolly.Addr) error {
	if a.Hash == codec.EmptyRoot {
		m.nodes[a.Hash] = true
		return nil
	}
	for waiting := []prolly.Addr{a}; len(waiting) > 0; {
		a, waiting = waiting[len(waiting)-1], waiting[:len(waiting)-1]
		if m.nodes[a.Hash] {
			continue
		}
		if err := m.ctx.Err(); err != nil {
			return err
		}
		n, err := m.e.nodes.peek(m.ctx, a)
		if err != nil {
			return err
		}
		m.nodes[a.Hash] = true
		m.bytes.NodeBytes += uint64(len(n.Block()))
		if n.Level() > 0 {
			for i := range n.Len() {
				waiting = append(waiting, n.Addr(i))
			}
		} else if err := m.leaf(n); err != nil {
			return fmt.Errorf("leaf %v: %w", a.Hash, err)
		}
	}
	return nil
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
			m.link(c)
		} else if err := m.value(c); err != nil {
			return err
		}
	}
	return nil
}

// blob marks a block; false when it was marked before.
func (m *marker) blob(c cid.Cid) bool {
	if _, ok := m.blobs[string(c.Hash())]; ok {
		return false
	}
	m.blobs[string(c.Hash())] = struct{}{}
	return true
}

// link marks the block that a caller's link names, be it here or not, be it a
// blob or a node.
func (m *marker) link(c cid.Cid) {
	m.blob(c)
	if h, ok := hashOfBlock(c); ok && !m.nodes[h] {
		m.nodes[h] = false
	}
}

// value marks the blocks of an out-of-line value.
func (m *marker) value(c cid.Cid) error {
	if !m.blob(c) || c.Type() != cid.DagCBOR {
		return nil
	}
	b, err := m.e.ReadBlock(m.ctx, c)
	if err != nil {
		return err
	}
	list, err := codec.ParseChunkList(b)
	if err != nil {
		return fmt.Errorf("%w: chunk list %v: %w", ErrCorrupt, c, err)
	}
	for _, x := range list.Links {
		if err := m.value(x); err != nil {
			return err
		}
	}
	return nil
}

// keepsNode and keepsBlob tell what is marked.
func (m *marker) keepsNode(h codec.Hash) bool {
	_, ok := m.nodes[h]
	return ok
}

func (m *marker) keepsBlob(multihash []byte) bool {
	if _, ok := m.blobs[string(multihash)]; ok {
		return true
	}
	return m.e.young.has(multihash)
}

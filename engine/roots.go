package engine

import (
	"fmt"
	"strings"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// rootSet is where marking begins.
type rootSet struct {
	refs    []kv.Ref
	states  map[*state]struct{}
	commits []Commit
	trees   []prolly.Addr
}

// roots marks from everything that counts. What is found and what went
// meanwhile was all there at one moment at least; the order does not matter,
// but that a log is read before its ref, which a fold trims after.
func (m *marker) roots() error {
	var r rootSet
	if err := m.logs(); err != nil {
		return err
	}
	for ref, err := range m.e.store.ListRefs(m.ctx, "") {
		if err != nil {
			return storeError("list refs", err)
		}
		r.refs = append(r.refs, ref)
	}
	r.states = map[*state]struct{}{}
	for _, b := range m.e.opened() {
		st := b.state.Load()
		r.states[st] = struct{}{}
		if err := m.head(&r, st.ref); err != nil {
			return fmt.Errorf("engine: mark from %q: %w", b.name, err)
		}
	}
	for _, st := range m.e.pins.states() {
		r.states[st] = struct{}{}
	}
	for st := range m.c.rooted() {
		r.states[st] = struct{}{}
	}
	for _, ref := range r.refs {
		if err := m.ref(&r, ref.Name, ref.Value); err != nil {
			return fmt.Errorf("engine: mark from %q: %w", ref.Name, err)
		}
	}
	return m.from(&r)
}

// from marks what the roots reach.
func (m *marker) from(r *rootSet) error {
	for st := range r.states {
		if err := m.state(st); err != nil {
			return fmt.Errorf("engine: mark what is in use: %w", err)
		}
	}
	for _, a := range r.trees {
		if err := m.tree(a); err != nil {
			return fmt.Errorf("engine: mark a tree: %w", err)
		}
	}
	if m.keep <= 0 {
		if err := m.histories(r.commits); err != nil {
			return fmt.Errorf("engine: mark history: %w", err)
		}
		return nil
	}
	for _, c := range r.commits {
		if err := m.newest(c); err != nil {
			return fmt.Errorf("engine: mark history: %w", err)
		}
	}
	return nil
}

// logs marks what staging records name.
func (m *marker) logs() error {
	var names []string
	for ref, err := range m.e.store.ListRefs(m.ctx, branchPrefix) {
		if err != nil {
			return storeError("list refs", err)
		}
		names = append(names, ref.Name)
	}
	for _, name := range names {
		for rec, err := range m.e.store.ReadLog(m.ctx, name, 0) {
			if err != nil {
				return storeError("read log", err)
			}
			err := readRecord(rec.Seq, rec.Data, func(o op) error { return m.staged(o.kind, o.data) })
			if err != nil {
				return fmt.Errorf("engine: mark from the log of %q: %w", name, err)
			}
		}
	}
	return nil
}

// ref adds what a ref names to the roots.
func (m *marker) ref(r *rootSet, name string, raw []byte) error {
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
			r.commits = append(r.commits, *t.commit)
		} else {
			r.trees = append(r.trees, t.tree.Addr())
		}
		return nil
	case strings.HasPrefix(name, branchPrefix):
		return m.branch(r, raw)
	case strings.HasPrefix(name, shallowPrefix):
		return parseShallow(raw)
	}
	return fmt.Errorf("%w: a ref of unknown kind", ErrCorrupt)
}

func (m *marker) branch(r *rootSet, raw []byte) error {
	ref, err := parseBranchRef(raw)
	if err != nil {
		return err
	}
	r.trees = append(r.trees, ref.tree, ref.side)
	if ref.behind != nil {
		r.trees = append(r.trees, ref.behind.tree, ref.behind.side)
	}
	return m.head(r, ref)
}

// head adds the last commit of a branch.
func (m *marker) head(r *rootSet, ref branchRef) error {
	if !ref.hasCommit {
		return nil
	}
	c, err := m.e.ReadCommit(m.ctx, ref.commit.CID())
	if err == nil {
		r.commits = append(r.commits, c)
	}
	return err
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
	w := walk{o: o}
	for w.ahead(); w.e != 0; w.forward() {
		for v := range o.all(w.e) {
			if err := m.staged(v.kind, v.data); err != nil {
				return err
			}
		}
	}
	return nil
}

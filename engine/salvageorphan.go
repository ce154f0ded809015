package engine

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sort"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// ranges are keys of holes, in order, none touching the next.
type ranges []hole

func rangesOf(holes map[codec.Hash]hole) (r ranges) {
	var list []hole
	for _, h := range holes {
		list = append(list, h)
	}
	slices.SortFunc(list, func(a, b hole) int { return bytes.Compare(a.from, b.from) })
	for _, h := range list {
		last := len(r) - 1
		switch {
		case last < 0 || r[last].to != nil && bytes.Compare(r[last].to, h.from) < 0:
			r = append(r, h)
		case h.to == nil || r[last].to != nil && bytes.Compare(r[last].to, h.to) < 0:
			r[last].to = h.to
		}
	}
	return r
}

func (r ranges) has(key []byte) bool {
	i := sort.Search(len(r), func(i int) bool { return bytes.Compare(r[i].from, key) > 0 }) - 1
	return i >= 0 && (r[i].to == nil || bytes.Compare(key, r[i].to) < 0)
}

// scan goes through all stored nodes twice and finds the orphans of holes: first those
// nodes that have a parent, then the others. Without a store that can be gone through
// there are none.
func (m *mender) scan() error {
	s, ok := m.e.store.(kv.Scanner)
	if !ok {
		return nil
	}
	in := rangesOf(m.holes)
	named := map[codec.Hash]struct{}{}
	err := m.nodes(s, func(h codec.Hash, n *prolly.Node) bool {
		for i := range n.Len() {
			if n.Level() > 0 && in.has(n.AppendKey(nil, i)) {
				named[n.Child(i)] = struct{}{}
			}
		}
		return len(named) <= mostNamed
	})
	if err != nil || len(named) > mostNamed {
		return err
	}
	err = m.nodes(s, func(h codec.Hash, n *prolly.Node) bool {
		if _, ok := named[h]; ok || n.Len() == 0 || m.roots[h] || m.height > 0 && n.Level() >= m.height {
			return true
		}
		o := orphan{Child: childOf(prolly.Addr{Hash: h}, n), level: n.Level(), age: len(m.orphans)}
		if in.has(o.Key) {
			m.orphans = append(m.orphans, o)
		}
		return len(m.orphans) <= mostOrphans
	})
	if len(m.orphans) > mostOrphans {
		m.orphans = nil
	}
	for i := range m.orphans {
		o := &m.orphans[i]
		if o.last, err = m.last(o.Addr, o.Key); err != nil {
			return err
		}
	}
	slices.SortStableFunc(m.orphans, func(a, b orphan) int { return bytes.Compare(a.Key, b.Key) })
	return err
}

// last is the last key below a node, or the last that is known to be.
func (m *mender) last(a prolly.Addr, key []byte) ([]byte, error) {
	for {
		n, err := m.load(a, -1)
		if n == nil || err != nil || n.Len() == 0 {
			return key, err
		}
		if key = n.AppendKey(nil, n.Len()-1); n.Level() == 0 {
			return key, nil
		}
		a = n.Addr(n.Len() - 1)
	}
}

// nodes calls f with every sound node, until it wants no more. What cannot be read is
// passed over, if the store can be.
func (m *mender) nodes(s kv.Scanner, f func(codec.Hash, *prolly.Node) bool) error {
	for x, err := range s.ScanNodes(m.ctx) {
		if errors.Is(err, kv.ErrClosed) || m.ctx.Err() != nil {
			return errors.Join(err, m.ctx.Err())
		}
		if err != nil {
			return nil
		}
		n, err := prolly.DecodeNode(x.Hash, x.Node.Block, nil)
		if err == nil && !f(x.Hash, n) {
			return nil
		}
	}
	return nil
}

// within are the orphans all of whose keys are those of a hole.
func (m *mender) within(h hole) (list []orphan) {
	from := sort.Search(len(m.orphans), func(i int) bool { return bytes.Compare(m.orphans[i].Key, h.from) >= 0 })
	for _, o := range m.orphans[from:] {
		if h.to != nil && bytes.Compare(o.Key, h.to) >= 0 {
			break
		}
		if (h.to == nil || bytes.Compare(o.last, h.to) < 0) && (h.level < 1 || o.level < h.level) {
			list = append(list, o)
		}
	}
	return list
}

// disjoint leaves out orphans whose keys overlap those of a newer, or else an older
// one, in order of their keys.
func disjoint(list []orphan, newest bool) []orphan {
	byAge := slices.Clone(list)
	slices.SortFunc(byAge, func(a, b orphan) int {
		if newest {
			a, b = b, a
		}
		return a.age - b.age
	})
	var kept []orphan
	for _, o := range byAge {
		i := sort.Search(len(kept), func(i int) bool { return bytes.Compare(kept[i].last, o.Key) >= 0 })
		if i == len(kept) || bytes.Compare(o.last, kept[i].Key) < 0 {
			kept = slices.Insert(kept, i, o)
		}
	}
	return kept
}

// fill yields the leaves that a guess has in a hole: the chosen orphans, and those of
// the tree base, if it is any, whose keys do not overlap theirs.
func (m *mender) fill(h hole, base codec.Hash, chosen []orphan, leaf func(prolly.Child) error) error {
	next := 0
	until := func(key []byte) error { // nil: all
		for ; next < len(chosen) && (key == nil || bytes.Compare(chosen[next].Key, key) < 0); next++ {
			o := chosen[next]
			err := m.leaves(o.Addr, o.level, hole{from: o.Key}, hole{}, leaf, func(hole) error { return nil })
			if err != nil {
				return err
			}
		}
		return nil
	}
	var held *prolly.Child
	release := func(after []byte) error { // the first key after held; nil: none
		c := held
		held = nil
		if c == nil {
			return nil
		}
		i := sort.Search(len(chosen), func(i int) bool { return bytes.Compare(chosen[i].last, c.Key) >= 0 })
		if i < len(chosen) {
			over, err := m.overlaps(*c, chosen[i], after)
			if over || err != nil {
				return err
			}
		}
		if err := until(c.Key); err != nil {
			return err
		}
		return leaf(*c)
	}
	if base != (codec.Hash{}) {
		err := m.leaves(prolly.Addr{Hash: base}, -1, hole{}, h, func(c prolly.Child) error {
			if bytes.Compare(c.Key, h.from) < 0 {
				return nil
			}
			if err := release(c.Key); err != nil {
				return err
			}
			held = &c
			return nil
		}, func(hole) error { return nil })
		if err == nil {
			err = release(h.to)
		}
		if err != nil {
			return err
		}
	}
	return until(nil)
}

// overlaps tells whether keys of a leaf are among those of an orphan that ends behind
// the leaf's first key.
func (m *mender) overlaps(c prolly.Child, o orphan, after []byte) (bool, error) {
	if bytes.Compare(o.Key, c.Key) <= 0 {
		return true, nil
	}
	if after != nil && bytes.Compare(o.Key, after) >= 0 {
		return false, nil
	}
	n, err := m.load(c.Addr, 0)
	if n == nil || err != nil {
		return false, err
	}
	return bytes.Compare(n.AppendKey(nil, n.Len()-1), o.Key) >= 0, nil
}

// mend makes lost inner nodes again, the first time that it is called, and tells whether
// any was.
func (s *salvage) mend() (bool, error) {
	if s.mender != nil {
		return false, nil
	}
	s.mender = newMender(s.ctx, s.src, s.refs)
	made, err := s.mender.mend()
	s.done.Mended = s.mender.made
	return made, err
}

// foundPrefix begins the names of branches of orphans.
const foundPrefix = "found/"

// found makes branches of the commits to which no ref leads, if refs may be missing, and
// of the orphans that are left, the newest in the first one.
func (s *salvage) found() error {
	if d, ok := s.src.store.(damaged); ok && d.Damage() != nil {
		if err := s.foundCommits(); err != nil {
			return err
		}
	}
	if s.mender == nil || len(s.mender.holes) == 0 {
		return nil
	}
	in := rangesOf(s.mender.holes)
	left := slices.DeleteFunc(s.mender.orphans, func(o orphan) bool { return !in.has(o.Key) })
	for len(left) > 0 {
		layer := disjoint(left, true)
		in := map[codec.Hash]bool{}
		for _, o := range layer {
			in[o.Addr.Hash] = true
		}
		left = slices.DeleteFunc(left, func(o orphan) bool { return in[o.Addr.Hash] })
		b, err := s.foundBranch()
		if err == nil {
			err = s.foundIn(b, layer)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// foundBranch makes the next branch for what was found.
func (s *salvage) foundBranch() (*Branch, error) {
	for n := 1; ; n++ {
		name := fmt.Sprintf("%s%d", foundPrefix, n)
		if _, err := s.dst.Lookup(s.ctx, name); err == nil {
			continue // the old store's, or made before
		}
		b, err := s.dst.Branch(s.ctx, name)
		if err == nil {
			s.at = Loss{Ref: name}
			s.done.Found = append(s.done.Found, name)
		}
		return b, err
	}
}

// foundCommits makes branches of commits that were not met, each of one that is nobody's
// parent.
func (s *salvage) foundCommits() error {
	scan, ok := s.src.store.(kv.Scanner)
	if !ok {
		return nil
	}
	unmet, parents := []cid.Cid{}, map[cid.Cid]bool{}
	for x, err := range scan.ScanBlobs(s.ctx) {
		if err != nil {
			break
		}
		c, err := codec.ParseCommit(x.Block)
		if err != nil || len(unmet) == mostOrphans {
			continue
		}
		if name := codec.Sum(x.Block).CID(); !s.met(name) {
			unmet = append(unmet, name)
		}
		for _, p := range c.Parents {
			parents[p] = true
		}
	}
	for _, c := range unmet {
		if parents[c] {
			continue
		}
		b, err := s.foundBranch()
		if err == nil {
			err = s.history(b, c)
		}
		if err != nil {
			return err
		}
	}
	return s.ctx.Err()
}

func (s *salvage) met(c cid.Cid) bool {
	_, ok := s.commits[c]
	return ok
}

// foundIn makes a branch of leaves.
func (s *salvage) foundIn(b *Branch, layer []orphan) error {
	return s.adopt(b, func(a *Adoption, w *treeSalvage) error {
		t, err := prolly.Build(s.ctx, a.Nodes(), func(yield func(prolly.Entry, error) bool) {
			p := partial{w: w, yield: yield}
			for _, o := range layer {
				err := p.below(o.Addr, o.level, o.Key, append(bytes.Clone(o.last), 0))
				if errors.Is(err, errEnough) {
					return
				}
				if err != nil {
					yield(prolly.Entry{}, err)
					return
				}
			}
		})
		a.SetTree(t)
		return err
	})
}

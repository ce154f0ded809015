package engine

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// mender makes lost inner nodes again. Which inner nodes stand above leaves follows
// from the leaves, so it guesses which leaves were below a lost one, assembles what
// then stands above, and takes what has the hash that was asked for: that is the proof.
//
//	     root                 leaves of the hole:  orphans, to which no inner node
//	   ╱   │   ╲                                   leads that can be read, and in
//	node   ✗   node                                between those that a neighbour in
//	╱ ╲  ? ? ?  ╱ ╲                                history has there
//
// What is made is kept in the memory of the engine that is read, and stored nowhere
// but in the copy. Orphans that no proof has found a place for are the salvage's to
// keep apart.
type mender struct {
	ctx     context.Context
	e       *Engine
	trees   []codec.Hash // roots; those next to each other in history are so here
	roots   map[codec.Hash]bool
	holes   map[codec.Hash]hole // inner nodes, or roots, that cannot be read
	sound   map[codec.Hash]bool // inner nodes below which none is missing
	orphans []orphan            // by first key
	made    uint64              // nodes
	height  int                 // level of the highest root that can be read
}

// hole is where an inner node is missing: its keys, to excluded; nil: from the first
// on, up to the last.
type hole struct {
	from, to []byte
	level    int // of the node; less than 1: that of a root, which nobody tells
}

// orphan is a node that no readable inner node names.
type orphan struct {
	prolly.Child
	level int
	last  []byte // key below it
	age   int    // how early it was found; newer ones mostly lie behind
}

// What a mender holds in memory at most; a store that needs more is mended by what
// neighbours in history have.
const (
	mostNamed   = 1 << 20 // nodes that have a parent, in holes
	mostOrphans = 1 << 17
	neighbours  = 4       // in history that are asked, to each side
	mostLeaves  = 1 << 22 // of all mixtures of two neighbours that are tried for a tree
)

func newMender(ctx context.Context, e *Engine, refs []kv.Ref) *mender {
	m := &mender{ctx: ctx, e: e, roots: map[codec.Hash]bool{}, holes: map[codec.Hash]hole{}, sound: map[codec.Hash]bool{}}
	for _, ref := range refs {
		if strings.HasPrefix(ref.Name, tagPrefix) {
			if c, err := parseTag(ref.Value); err == nil && !m.history(c) {
				m.addRoot(c)
			}
			continue
		}
		r, err := parseBranchRef(ref.Value)
		if !strings.HasPrefix(ref.Name, branchPrefix) || err != nil {
			continue
		}
		if r.hasCommit {
			m.history(r.commit.CID())
		}
		m.add(r.tree.Hash)
		m.add(r.side.Hash)
		if r.behind != nil {
			m.add(r.behind.tree.Hash)
			m.add(r.behind.side.Hash)
		}
	}
	return m
}

func (m *mender) add(h codec.Hash) {
	if h != codec.EmptyRoot && h != (codec.Hash{}) && !m.roots[h] {
		m.roots[h] = true
		m.trees = append(m.trees, h)
	}
}

func (m *mender) addRoot(c cid.Cid) {
	if h, err := codec.HashOf(c); err == nil {
		m.add(h)
	}
}

// history adds the trees of the commits that can be read, oldest first, and tells
// whether there is any.
func (m *mender) history(head cid.Cid) bool {
	seen := map[cid.Cid]bool{head: true}
	var list []Commit
	for waiting := []cid.Cid{head}; len(waiting) > 0; waiting = waiting[1:] {
		c, err := m.e.ReadCommit(m.ctx, waiting[0])
		if err != nil {
			continue
		}
		list = append(list, c)
		for _, p := range c.Parents {
			if !seen[p] {
				seen[p] = true
				waiting = append(waiting, p)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b Commit) int { return newer(b, a) })
	for _, c := range list {
		m.addRoot(c.Root)
	}
	return len(list) > 0
}

// mend does what can be done, and tells whether anything was.
func (m *mender) mend() (any bool, err error) {
	for _, root := range m.trees {
		if _, err := m.whole(prolly.Addr{Hash: root}, -1, hole{}); err != nil {
			return false, err
		}
	}
	if len(m.holes) == 0 {
		return false, nil
	}
	if err := m.scan(); err != nil {
		return false, err
	}
	for more := true; more && len(m.holes) > 0; {
		more = false
		for i, root := range m.trees {
			if ok, err := m.whole(prolly.Addr{Hash: root}, -1, hole{}); err != nil {
				return any, err
			} else if ok {
				continue
			}
			made, err := m.tree(i)
			if err != nil {
				return any, err
			}
			more, any = more || made, any || made
		}
	}
	return any, nil
}

// load reads a node; nil when it cannot be read, or is of another level than it
// should be; level is -1 when that is not known.
func (m *mender) load(a prolly.Addr, level int) (*prolly.Node, error) {
	n, err := m.e.nodes.LoadNode(m.ctx, a)
	if errors.Is(err, ErrClosed) || m.ctx.Err() != nil {
		return nil, errors.Join(err, m.ctx.Err())
	}
	if err != nil || level >= 0 && n.Level() != level {
		return nil, nil
	}
	return n, nil
}

// whole tells whether no inner node is missing below a, nor a itself, and notes those
// that are. at are the keys that stand there.
func (m *mender) whole(a prolly.Addr, level int, at hole) (bool, error) {
	if m.sound[a.Hash] {
		return true, nil
	}
	n, err := m.load(a, level)
	if err != nil {
		return false, err
	}
	if n == nil {
		if was, ok := m.holes[a.Hash]; ok && (was.to == nil || at.to != nil && bytes.Compare(was.to, at.to) > 0) {
			at.to = was.to
		}
		at.level = level
		m.holes[a.Hash] = at
		return false, nil
	}
	if level < 0 {
		m.height = max(m.height, n.Level())
	}
	all := true
	for i := range n.Len() {
		if n.Level() < 2 {
			break
		}
		ok, err := m.whole(n.Addr(i), n.Level()-1, below(n, i, at))
		if err != nil {
			return false, err
		}
		all = all && ok
	}
	if all {
		m.sound[a.Hash] = true
	}
	return all, nil
}

// below are the keys that stand below the i-th child of a node at which at stand.
func below(n *prolly.Node, i int, at hole) hole {
	h := hole{from: n.AppendKey(nil, i), to: at.to}
	if i+1 < n.Len() {
		h.to = n.AppendKey(nil, i+1)
	}
	return h
}

// leaves calls leaf with what is known of the leaves below a with keys of within, in
// order, and gap where an inner node is missing.
func (m *mender) leaves(a prolly.Addr, level int, at, within hole, leaf func(prolly.Child) error, gap func(hole) error) error {
	n, err := m.load(a, level)
	if err != nil {
		return err
	}
	if n == nil {
		at.level = level
		return gap(at)
	}
	if n.Level() == 0 {
		if n.Len() == 0 {
			return nil
		}
		return leaf(childOf(a, n))
	}
	for i := range n.Len() {
		h := below(n, i, at)
		if h.to != nil && bytes.Compare(h.to, within.from) <= 0 {
			continue
		}
		if within.to != nil && bytes.Compare(h.from, within.to) >= 0 {
			return nil
		}
		if n.Level() > 1 {
			err = m.leaves(n.Addr(i), n.Level()-1, h, within, leaf, gap)
		} else {
			err = leaf(prolly.Child{Key: h.from, Addr: n.Addr(i), Entries: n.Count(i), Bytes: n.Bytes(i)})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func childOf(a prolly.Addr, n *prolly.Node) prolly.Child {
	entries, bytes := n.Sums()
	return prolly.Child{Key: n.AppendKey(nil, 0), Addr: a, Entries: entries, Bytes: bytes}
}

// tree tries to mend the i-th tree, and tells whether any node was made.
func (m *mender) tree(i int) (bool, error) {
	orders := []bool{true, false}
	if len(disjoint(m.orphans, true)) == len(m.orphans) {
		orders = orders[:1]
	}
	for _, newest := range orders {
		bases := []codec.Hash{{}}
		for d := 1; d <= neighbours; d++ {
			for _, j := range []int{i - d, i + d} {
				if j >= 0 && j < len(m.trees) {
					bases = append(bases, m.trees[j])
				}
			}
		}
		for _, base := range bases {
			ok, err := m.try(func(leaf func(prolly.Child) error) error {
				return m.filled(m.trees[i], base, newest, leaf)
			})
			if ok || err != nil {
				return ok, err
			}
		}
		if ok, err := m.mixtures(i, newest); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// filled yields the leaves of a tree, with holes filled with orphans, and in between
// with what the tree base has there; newest says which of two orphans for the same keys
// to take.
func (m *mender) filled(root, base codec.Hash, newest bool, leaf func(prolly.Child) error) error {
	return m.leaves(prolly.Addr{Hash: root}, -1, hole{}, hole{}, leaf, func(h hole) error {
		return m.fill(h, base, disjoint(m.within(h), newest), leaf)
	})
}

// try assembles the tree of a guess, and tells whether any of it was lost.
func (m *mender) try(leaves func(leaf func(prolly.Child) error) error) (bool, error) {
	out := &assembled{nodeStore: m.e.nodes, nodes: map[codec.Hash]*prolly.Node{}}
	_, err := prolly.Assemble(m.ctx, out, func(yield func(prolly.Child, error) bool) {
		err := leaves(func(c prolly.Child) error {
			if !yield(c, nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(prolly.Child{}, err)
		}
	})
	if errors.Is(err, prolly.ErrUnsorted) { // a bad guess
		err = nil
	}
	return m.accept(out.nodes), err
}

// assembled keeps what is assembled and not stored. Nothing is written.
type assembled struct {
	*nodeStore
	nodes map[codec.Hash]*prolly.Node
}

// WriteNode implements prolly.NodeStore.
func (s *assembled) WriteNode(ctx context.Context, h codec.Hash, block []byte, _ []prolly.Hint) (prolly.Hint, error) {
	if _, err := s.LoadNode(ctx, prolly.Addr{Hash: h}); err == nil {
		return prolly.Hint{}, nil
	}
	n, err := prolly.DecodeNode(h, bytes.Clone(block), nil)
	s.nodes[h] = n
	return prolly.Hint{}, err
}

// accept takes of what was assembled the nodes that were lost, and those below them.
func (m *mender) accept(made map[codec.Hash]*prolly.Node) bool {
	found := map[codec.Hash]*prolly.Node{}
	placed := map[codec.Hash]bool{} // that have a parent now
	var take func(codec.Hash)
	take = func(h codec.Hash) {
		n, ok := made[h]
		if _, twice := found[h]; !ok || twice {
			return
		}
		found[h] = n
		delete(m.holes, h)
		for i := range n.Len() { // it is no leaf
			placed[n.Child(i)] = true
			take(n.Child(i))
		}
	}
	for h := range m.holes {
		take(h)
	}
	m.e.nodes.remember(found)
	m.made += uint64(len(found))
	m.orphans = slices.DeleteFunc(m.orphans, func(o orphan) bool { return placed[o.Addr.Hash] })
	return len(found) > 0
}

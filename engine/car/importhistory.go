package car

import (
	"bytes"
	"errors"
	"fmt"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// awaited is a commit that a taken one names as its parent.
type awaited struct {
	name  cid.Cid
	child *engine.Commit
	tree  *prolly.Tree // the child's
}

// history takes the commit root, its tree, and what it descends from. It returns
// the first two.
func (m *importer) history(root cid.Cid) (t prolly.Tree, head *engine.Commit, err error) {
	seqs := map[cid.Cid]uint64{} // of all commits seen
	var check []engine.Commit    // those whose Seq is to be compared with the parents'
	for waiting := []awaited{{name: root}}; len(waiting) > 0; {
		w := waiting[len(waiting)-1]
		waiting = waiting[:len(waiting)-1]
		if _, ok := seqs[w.name]; ok {
			continue
		}
		c, fresh, err := m.commit(w)
		if err != nil {
			return t, nil, err
		}
		if c == nil { // cut off
			if err := m.a.MarkShallow(m.ctx, w.child.CID); err != nil {
				return t, nil, err
			}
			continue
		}
		seqs[w.name] = c.Seq
		tree, err := m.commitTree(c, w, fresh)
		if err != nil {
			return t, nil, fmt.Errorf("car: commit %v: %w", w.name, err)
		}
		if head == nil {
			t, head = tree, c
		}
		if !fresh {
			continue
		}
		check = append(check, *c)
		for i := len(c.Parents) - 1; i >= 0; i-- {
			waiting = append(waiting, awaited{c.Parents[i], c, &tree})
		}
	}
	return t, head, checkSeqs(check, seqs)
}

// commit takes a commit, or finds one that the store has for sure: fresh is
// then false. It is nil when history is cut off there.
func (m *importer) commit(w awaited) (c *engine.Commit, fresh bool, err error) {
	if m.ahead(w.name) {
		c, err := m.freshCommit(w)
		return c, true, err
	}
	known, err := m.line.has(m.ctx, w.name)
	if err != nil {
		return nil, false, err
	}
	stored, err := m.e.ReadCommit(m.ctx, w.name)
	if err == nil {
		if known {
			return &stored, false, nil
		}
		// One that nothing leads to may lack what it names, and may be about to
		// go: it is taken as if it came from the file.
		block, err := stored.Encode()
		if err == nil {
			err = m.a.PutBlock(m.ctx, w.name, block)
		}
		return &stored, true, err
	}
	if !errors.Is(err, engine.ErrMissing) {
		return nil, false, err
	}
	if w.child == nil {
		return nil, false, m.missing("commit", w.name)
	}
	if !m.o.Shallow {
		return nil, false, fmt.Errorf("%w: before commit %v", ErrHistory, w.child.CID)
	}
	return nil, false, nil
}

func (m *importer) freshCommit(w awaited) (*engine.Commit, error) {
	d, err := codec.ParseCommit(m.f.block)
	if err != nil {
		return nil, fmt.Errorf("%w: commit %v: %w", prolly.ErrCorrupt, w.name, err)
	}
	if err := m.a.PutBlock(m.ctx, w.name, bytes.Clone(m.f.block)); err != nil {
		return nil, err
	}
	return &engine.Commit{CID: w.name, Commit: d}, m.take(&m.stats.Commits)
}

// commitTree takes a commit's tree.
func (m *importer) commitTree(c *engine.Commit, w awaited, fresh bool) (prolly.Tree, error) {
	if !fresh {
		return prolly.Load(m.ctx, m.ns, c.Root)
	}
	h, err := codec.HashOf(c.Root)
	if err != nil {
		return prolly.Tree{}, fmt.Errorf("%w: root: %w", prolly.ErrCorrupt, err)
	}
	have := m.have
	if w.tree != nil {
		have = append(bases{newBase(m.ns, *w.tree)}, have...)
	}
	return m.tree(h, have)
}

// checkSeqs makes sure that each commit's Seq is one more than the largest of its
// parents', as far as they are here.
func checkSeqs(commits []engine.Commit, seqs map[cid.Cid]uint64) error {
	for _, c := range commits {
		most, all := uint64(0), true
		for _, p := range c.Parents {
			seq, here := seqs[p]
			most, all = max(most, seq), all && here
		}
		if c.Seq <= most || all && c.Seq != most+1 {
			return fmt.Errorf("%w: commit %v is number %d after %d", ErrShape, c.CID, c.Seq, most)
		}
	}
	return nil
}

package engine

import (
	"fmt"
	"slices"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// history checks a commit and all that it descends from, the newest first, so
// that each tree follows one that it is like. Once something is damaged it also goes
// through what another branch led to before, for this one is touched too.
func (c *check) history(name cid.Cid) error {
	var waiting []Commit
	add := func(name cid.Cid) error {
		d, err := c.e.ReadCommit(c.ctx, name)
		if err != nil {
			return c.commitAgain(name, err)
		}
		if i, ok := slices.BinarySearchFunc(waiting, d, newer); !ok {
			waiting = slices.Insert(waiting, i, d)
		}
		return nil
	}
	if err := add(name); err != nil {
		return err
	}
	for len(waiting) > 0 {
		d := waiting[0]
		waiting = waiting[1:]
		h, err := commitHash(d)
		if err != nil {
			return err
		}
		if c.seen.commits.has(h) && c.stats.Problems == 0 {
			continue
		}
		if err := c.mark(d.CID); err != nil {
			return err
		}
		if err := c.commit(d, !c.seen.commits.has(h)); err != nil {
			return err
		}
		c.seen.commits.add(h)
		for _, p := range c.parents(d) {
			if err := add(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// commitAgain reports a commit that cannot be read, once for each branch.
func (c *check) commitAgain(name cid.Cid, err error) error {
	if c.seen.tell("commit", name.KeyString(), c.branch) {
		return nil
	}
	return c.found(ProblemCommit, name, err)
}

// mark asks whether the history was cut at a commit, which whoever reads it has to know,
// and which may fail although no history was cut anywhere.
func (c *check) mark(name cid.Cid) error {
	_, _, err := c.e.shallow(c.ctx, name)
	if err == nil || c.seen.tell("mark", name.KeyString(), c.branch) {
		return nil
	}
	return c.found(ProblemRef, name, err)
}

// parents returns the parents of a commit that have to be here.
func (c *check) parents(d Commit) []cid.Cid {
	here, err := c.e.Parents(c.ctx, d)
	if err != nil { // told when its turn comes
		return d.Parents
	}
	names := make([]cid.Cid, len(here))
	for i, p := range here {
		names[i] = p.CID
	}
	return names
}

// commit checks a commit against its parents, if it is met first, and its tree.
func (c *check) commit(d Commit, first bool) error {
	if first {
		c.stats.Commits++
		if err := c.seq(d); err != nil {
			return err
		}
	}
	h, err := codec.HashOf(d.Root)
	if err != nil {
		return c.found(ProblemCommit, d.CID, fmt.Errorf("%w: root: %w", ErrCorrupt, err))
	}
	return c.root(prolly.Addr{Hash: h}, c.likeShaped)
}

// seq checks the number of a commit.
func (c *check) seq(d Commit) error {
	seq := uint64(1)
	for _, name := range d.Parents {
		p, err := c.e.ReadCommit(c.ctx, name)
		if err != nil {
			return nil // told when its turn comes
		}
		seq = max(seq, p.Seq+1)
	}
	if d.Seq == seq {
		return nil
	}
	return c.found(ProblemCommit, d.CID, fmt.Errorf("%w: Seq is %d, its parents demand %d", ErrCorrupt, d.Seq, seq))
}

package sync

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// hiddenPrefix begins the names of branches on which something new is put
// together. They are not served.
const hiddenPrefix = "sync-incoming-"

// lookup returns a branch that may be served.
func (h *Handler) lookup(ctx context.Context, name string) (*engine.Branch, error) {
	if strings.HasPrefix(name, hiddenPrefix) {
		return nil, fmt.Errorf("%w: %q", engine.ErrNoBranch, name)
	}
	return h.e.Lookup(ctx, name)
}

// version tells where a branch is.
func (h *Handler) version(ctx context.Context, name string) (Version, error) {
	b, err := h.lookup(ctx, name)
	if err != nil {
		return Version{}, err
	}
	v, snap, err := committed(ctx, b)
	if err != nil {
		return v, err
	}
	return v, snap.Close()
}

// committed pins what a branch shows to others: its last commit, or its folded
// tree when it has none.
func committed(ctx context.Context, b *engine.Branch) (v Version, snap *engine.Snapshot, err error) {
	for range 1000 {
		if v, snap, err = committedNow(ctx, b); !errors.Is(err, errMoved) {
			break
		}
	}
	return v, snap, err
}

func committedNow(ctx context.Context, b *engine.Branch) (Version, *engine.Snapshot, error) {
	snap, err := b.Snapshot(ctx, engine.SnapshotOptions{Committed: true})
	var v Version
	switch {
	case errors.Is(err, engine.ErrNoCommit):
		if snap, err = b.Snapshot(ctx); err != nil {
			return v, nil, err
		}
	case err != nil:
		return v, nil, err
	default:
		c, err := headOf(ctx, b, snap.Root())
		if err != nil {
			return v, nil, errors.Join(err, snap.Close())
		}
		v.Commit = c
	}
	v.Root, v.Entries, v.Bytes = snap.Root(), snap.Tree().Len(), snap.Tree().Bytes()
	return v, snap, nil
}

// errMoved: the branch moved between two looks.
var errMoved = fmt.Errorf("%w: the branch has just moved", ErrBusy)

// headOf returns the last commit, which must have a root.
func headOf(ctx context.Context, b *engine.Branch, root cid.Cid) (cid.Cid, error) {
	c, err := b.Head(ctx)
	if err == nil && c.Root != root {
		err = errMoved
	}
	return c.CID, err
}

// RemoteBranch is a branch as a server lists it.
type RemoteBranch struct {
	Name    string  `json:"name"`
	Commit  cid.Cid `json:"commit"` // null when it has none
	Root    cid.Cid `json:"root"`
	Entries uint64  `json:"entries"`
}

// branches lists those that the caller may read.
func (c *call) branches() error {
	if err := c.allow(OpList, cid.Undef); err != nil {
		return err
	}
	list, err := c.h.e.Branches(c.ctx)
	if err != nil {
		return err
	}
	out := []RemoteBranch{}
	for _, b := range list {
		c.branch = b.Name
		if strings.HasPrefix(b.Name, hiddenPrefix) || c.allow(OpRead, cid.Undef) != nil {
			continue
		}
		out = append(out, RemoteBranch{b.Name, b.Commit, b.Root, b.Entries})
	}
	return c.json(http.StatusOK, out)
}

// pull answers what a branch has beyond what the client names.
func (c *call) pull() error {
	if err := c.allow(OpRead, cid.Undef); err != nil {
		return err
	}
	raw, err := c.request(maxRequest)
	if err != nil {
		return err
	}
	q, err := parsePull(raw)
	if err != nil {
		return err
	}
	b, err := c.h.lookup(c.ctx, c.branch)
	if err != nil {
		return err
	}
	v, snap, err := committed(c.ctx, b)
	if err != nil {
		return err
	}
	defer snap.Close()
	return c.answer(func(w *frameWriter) error {
		p := &pullAnswer{call: c, w: w, version: v, tree: snap.Tree(), s: newSender(c.h.e, w)}
		return p.run(q)
	})
}

// pullAnswer is a pull being answered.
type pullAnswer struct {
	*call
	w       *frameWriter
	version Version
	tree    prolly.Tree
	s       *sender
}

func (p *pullAnswer) run(q pullRequest) error {
	for _, c := range q.haves {
		if c == p.version.name() {
			return p.head(statusSame)
		}
	}
	done, err := p.fromCommits(q)
	if done || err != nil {
		return err
	}
	if done, err = p.fromRoots(q.haves); done || err != nil {
		return err
	}
	if len(q.haves) == 0 {
		return p.bulk()
	}
	return p.apart(q)
}

func (p *pullAnswer) head(s status) error {
	b, err := head{s, p.version}.append(nil)
	if err != nil {
		return err
	}
	return p.w.write(frameHead, b)
}

// fromCommits sends the commits that the client's descend not from, when it has
// commits that are known here.
func (p *pullAnswer) fromCommits(q pullRequest) (bool, error) {
	if !p.version.Commit.Defined() {
		return false, nil
	}
	g := newGraph(p.h.e, nil, p.h.o.Budget.Commits)
	head, err := g.read(p.ctx, p.version.Commit)
	if err != nil {
		return false, err
	}
	var have []engine.Commit
	for _, name := range q.haves {
		c, err := g.read(p.ctx, name)
		if errors.Is(err, engine.ErrMissing) || errors.Is(err, engine.ErrNoCommit) {
			continue
		}
		if err != nil {
			return false, err
		}
		have = append(have, c)
	}
	if len(have) == 0 {
		return false, nil
	}
	list, joined, err := g.between(p.ctx, head, have, p.h.o.Budget.Commits)
	if err != nil {
		return false, err
	}
	if len(list) == 0 {
		return true, p.head(statusSame)
	}
	if !joined {
		return false, nil
	}
	if err := p.head(statusSteps); err != nil {
		return false, err
	}
	ch := chain{s: p.s, g: g}
	if q.shallow {
		ch.there = map[cid.Cid]bool{}
		for _, c := range have {
			ch.there[c.CID], ch.last = true, c.Root
		}
	}
	return true, ch.send(p.ctx, list)
}

// fromRoots sends one step from a tree that both sides have.
func (p *pullAnswer) fromRoots(haves []cid.Cid) (bool, error) {
	for _, root := range haves {
		base, err := p.h.e.Tree(p.ctx, root)
		if errors.Is(err, engine.ErrMissing) || errors.Is(err, engine.ErrUnknownRef) {
			continue
		}
		if err != nil {
			return false, err
		}
		defer base.Close()
		if base.Root() != root { // a commit, of a history that does not meet this one
			continue
		}
		if err := p.head(statusSteps); err != nil {
			return false, err
		}
		block, err := p.commitBlock()
		if err != nil {
			return false, err
		}
		return true, p.s.step(p.ctx, base.Tree(), p.tree, block)
	}
	return false, nil
}

func (p *pullAnswer) commitBlock() ([]byte, error) {
	if !p.version.Commit.Defined() {
		return nil, nil
	}
	return p.h.e.ReadBlock(p.ctx, p.version.Commit)
}

// bulk sends everything.
func (p *pullAnswer) bulk() error {
	if err := p.head(statusBulk); err != nil {
		return err
	}
	block, err := p.commitBlock()
	if err != nil {
		return err
	}
	return p.s.step(p.ctx, prolly.Empty(p.h.e.Nodes()), p.tree, block)
}

// rangeOf sends the rest of a step.
func (c *call) rangeOf() error {
	raw, err := c.request(maxRequest)
	if err != nil {
		return err
	}
	q, err := parseRange(raw)
	if err != nil {
		return err
	}
	if err := c.allow(OpRead, q.root); err != nil {
		return err
	}
	to, err := c.h.e.Tree(c.ctx, q.root)
	if err != nil {
		return err
	}
	defer to.Close()
	base, err := c.h.e.Tree(c.ctx, q.base)
	if err != nil {
		return err
	}
	defer base.Close()
	return c.answer(func(w *frameWriter) error {
		return newSender(c.h.e, w).edits(c.ctx, base.Tree(), to.Tree(), q.after)
	})
}

// history sends the commits below one, newest first, each as a step back from
// one that it is a parent of.
func (c *call) history() error {
	raw, err := c.request(maxRequest)
	if err != nil {
		return err
	}
	q, err := parseHistory(raw)
	if err != nil {
		return err
	}
	if err := c.allow(OpRead, q.from); err != nil {
		return err
	}
	g := newGraph(c.h.e, nil, c.h.o.Budget.Commits)
	from, err := g.read(c.ctx, q.from)
	if err != nil {
		return err
	}
	return c.answer(func(w *frameWriter) error {
		s := newSender(c.h.e, w)
		child := map[cid.Cid]cid.Cid{} // the root of a commit's child
		var n uint64
		var failed error
		err := g.walk(c.ctx, []engine.Commit{from}, nil, func(p painted) bool {
			for _, x := range p.Parents {
				if _, ok := child[x]; !ok {
					child[x] = p.Root
				}
			}
			if p.CID == from.CID {
				return q.limit > 0
			}
			if n++; n > q.skip {
				failed = s.commit(c.ctx, p.Commit, child[p.CID])
			}
			return failed == nil && n < q.skip+q.limit
		})
		return errors.Join(failed, err)
	})
}

// blocks sends blocks by their names; those that are not here are left out.
func (c *call) blocks() error {
	if err := c.allow(OpRead, cid.Undef); err != nil {
		return err
	}
	raw, err := c.request(maxIDRequest)
	if err != nil {
		return err
	}
	names, err := parseBlocks(raw)
	if err != nil {
		return err
	}
	return c.answer(func(w *frameWriter) error {
		s := newSender(c.h.e, w)
		for _, name := range names {
			if err := s.blocks.link(c.ctx, name); err != nil {
				return err
			}
		}
		return nil
	})
}

package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Problem is something that Check found wrong.
type Problem struct {
	Kind   string  // one of the kinds below
	CID    cid.Cid // of the block at fault; cid.Undef when it is no block
	Branch string  // or tag, through which it was met; empty when through none
	Err    error

	// From and To are the keys whose entries the damage touches, To excluded,
	// when it is in a tree; nil: from the first on, up to the last.
	From, To []byte
}

// Kinds of problems.
const (
	ProblemRef     = "ref"     // the record of a branch or a tag
	ProblemStaging = "staging" // a staging record, or a gap between two
	ProblemCommit  = "commit"
	ProblemNode    = "node"  // missing, damaged, or not what its parent says
	ProblemShape   = "shape" // right nodes in a form that the content does not have
	ProblemBlob    = "blob"  // a block of an out-of-line value or a link
	ProblemStore   = "store" // the store's own records
)

// String is for people.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.Kind)
	if p.Branch != "" {
		fmt.Fprintf(&b, " of %q", p.Branch)
	}
	if p.CID.Defined() {
		fmt.Fprintf(&b, " %v", p.CID)
	}
	return fmt.Sprintf("%s: %v", b.String(), p.Err)
}

// Check verifies everything that is reachable from branches and tags, each
// block once, and the store's own records. In the tree and side tree of each
// branch, and the trees that are tagged, it also verifies every cut between
// nodes; in those of the history, hashes, levels, keys, sums and weights. It reports each problem and goes on; an error means that it
// could not. Garbage is not collected meanwhile; writers go on. Memory grows by
// about 150 bytes a node.
func (e *Engine) Check(ctx context.Context, report func(Problem)) error {
	if err := e.ready(ctx); err != nil {
		return err
	}
	inside, err := e.world.enter(ctx)
	if err != nil {
		return err
	}
	defer inside.leave()
	c := newCheck(ctx, e, report)
	defer c.hold()()
	if err := c.refs(); err != nil {
		return err
	}
	if s, ok := e.store.(kv.Checker); ok {
		err := s.CheckStore(ctx, func(err error) { report(Problem{Kind: ProblemStore, Err: err}) })
		if err != nil {
			return storeError("check store", err)
		}
	}
	return nil
}

// hold has the nodes made again that a crash may have lost, and keeps those of
// branches from being spared as they move on, until what it returns is called. A
// branch that cannot be opened is reported in its turn.
func (c *check) hold() (release func()) {
	_ = c.e.openLagging(c.ctx)
	var held []*pin
	for _, b := range c.e.opened() {
		if p, err := b.pin(); err == nil {
			held = append(held, p)
		}
	}
	return func() {
		for _, p := range held {
			c.e.pins.remove(p)
		}
	}
}

// check is a Check under way.
type check struct {
	ctx     context.Context
	e       *Engine
	report  func(Problem)
	branch  string                      // at hand
	nodes   map[codec.Hash]*checkedNode // verified, with all below
	commits map[codec.Hash]bool
	blobs   map[string]bool // verified, by multihash

	tree     bool            // a tree is being gone through: these are the keys at hand
	from, to []byte          // of the node or entry
	told     map[string]bool // damaged nodes met again, by the branch they were met through
}

func newCheck(ctx context.Context, e *Engine, report func(Problem)) *check {
	return &check{
		ctx: ctx, e: e, report: report,
		nodes: map[codec.Hash]*checkedNode{}, commits: map[codec.Hash]bool{}, blobs: map[string]bool{},
		told: map[string]bool{},
	}
}

// found reports an error of what was looked at, unless it says that looking
// further is of no use; then it is returned.
func (c *check) found(kind string, name cid.Cid, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, ErrClosed) || c.ctx.Err() != nil {
		return err
	}
	p := Problem{Kind: kind, CID: name, Branch: c.branch, Err: err}
	if c.tree {
		p.From, p.To = c.from, c.to
	}
	c.report(p)
	return nil
}

// refs checks all that refs lead to.
func (c *check) refs() error {
	var refs []kv.Ref
	for ref, err := range c.e.store.ListRefs(c.ctx, "") {
		if err != nil {
			return storeError("list refs", err)
		}
		refs = append(refs, ref)
	}
	for _, ref := range refs {
		if err := c.ref(ref.Name, ref.Value); err != nil {
			return err
		}
	}
	return nil
}

func (c *check) ref(name string, raw []byte) error {
	if tag, ok := strings.CutPrefix(name, tagPrefix); ok {
		c.branch = tag
		name, err := parseTag(raw)
		if err != nil {
			return c.found(ProblemRef, cid.Undef, err)
		}
		return c.tag(name)
	}
	if strings.HasPrefix(name, shallowPrefix) {
		c.branch = ""
		return c.found(ProblemRef, cid.Undef, parseShallow(raw))
	}
	branch, ok := strings.CutPrefix(name, branchPrefix)
	if c.branch = branch; !ok {
		return c.found(ProblemRef, cid.Undef, fmt.Errorf("%w: ref %q of unknown kind", ErrCorrupt, name))
	}
	ref, err := parseBranchRef(raw)
	if err != nil {
		return c.found(ProblemRef, cid.Undef, err)
	}
	if ref.hasCommit {
		if err := c.history(ref.commit.CID()); err != nil {
			return err
		}
	}
	for _, a := range []prolly.Addr{ref.tree, ref.side} {
		if err := c.root(a, true); err != nil {
			return err
		}
	}
	return c.staging(name, raw, ref)
}

func (c *check) tag(name cid.Cid) error {
	t, err := c.e.target(c.ctx, name)
	switch {
	case err != nil:
		return c.found(ProblemRef, name, err)
	case t.commit != nil:
		return c.history(name)
	}
	return c.root(t.tree.Addr(), true)
}

// history checks a commit and all that it descends from.
func (c *check) history(name cid.Cid) error {
	for waiting := []cid.Cid{name}; len(waiting) > 0; {
		name, waiting = waiting[len(waiting)-1], waiting[:len(waiting)-1]
		h, err := codec.HashOf(name)
		if err == nil && c.commits[h] {
			continue
		}
		c.commits[h] = true
		d, err := c.e.ReadCommit(c.ctx, name)
		if err != nil {
			if err := c.found(ProblemCommit, name, err); err != nil {
				return err
			}
			continue
		}
		if err := c.commit(d); err != nil {
			return err
		}
		parents, err := c.parents(d)
		if err != nil {
			return err
		}
		waiting = append(waiting, parents...)
	}
	return nil
}

// parents returns the parents of a commit that have to be here.
func (c *check) parents(d Commit) ([]cid.Cid, error) {
	here, err := c.e.Parents(c.ctx, d)
	if err != nil { // told when its turn comes
		return d.Parents, nil
	}
	names := make([]cid.Cid, len(here))
	for i, p := range here {
		names[i] = p.CID
	}
	return names, nil
}

// commit checks a commit against its parents, and its tree.
func (c *check) commit(d Commit) error {
	seq, known := uint64(1), true
	for _, name := range d.Parents {
		p, err := c.e.ReadCommit(c.ctx, name)
		if err != nil {
			known = false // told when its turn comes
			continue
		}
		seq = max(seq, p.Seq+1)
	}
	if known && d.Seq != seq {
		if err := c.found(ProblemCommit, d.CID, fmt.Errorf("%w: Seq is %d, its parents demand %d", ErrCorrupt, d.Seq, seq)); err != nil {
			return err
		}
	}
	h, err := codec.HashOf(d.Root)
	if err != nil {
		return c.found(ProblemCommit, d.CID, fmt.Errorf("%w: root: %w", ErrCorrupt, err))
	}
	return c.root(prolly.Addr{Hash: h}, false)
}

// staging checks the log of a branch.
func (c *check) staging(name string, raw []byte, ref branchRef) error {
	last := ref.durable()
	for rec, err := range c.e.store.ReadLog(c.ctx, name, last) {
		if err != nil {
			return c.found(ProblemStaging, cid.Undef, storeError("read log", err))
		}
		if rec.Seq != last+1 {
			return c.gap(name, raw, last, rec.Seq)
		}
		last = rec.Seq
		var stop error
		err := readRecord(rec.Seq, rec.Data, func(o op) error {
			stop = c.staged(o)
			return stop
		})
		if stop != nil {
			return stop
		}
		if err := c.found(ProblemStaging, cid.Undef, err); err != nil {
			return err
		}
	}
	return nil
}

// gap tells whether records are missing, or were folded since the ref was
// read.
func (c *check) gap(name string, raw []byte, last, next uint64) error {
	now, err := c.e.readRef(c.ctx, name)
	if err != nil {
		return c.found(ProblemRef, cid.Undef, err)
	}
	if bytes.Equal(now, raw) {
		return c.found(ProblemStaging, cid.Undef, fmt.Errorf("%w: staging record %d follows %d", ErrCorrupt, next, last))
	}
	if now == nil {
		return nil
	}
	ref, err := parseBranchRef(now)
	if err != nil {
		return c.found(ProblemRef, cid.Undef, err)
	}
	return c.staging(name, now, ref)
}

// staged checks the blocks that a staged op names.
func (c *check) staged(o op) error {
	switch o.kind {
	case opLink:
		name, err := castCID(o.data)
		if err != nil {
			return c.found(ProblemStaging, cid.Undef, err)
		}
		return c.link(name)
	case opBlob:
		size, name, err := splitBlob(o.data)
		if err != nil {
			return c.found(ProblemStaging, cid.Undef, err)
		}
		return c.value(name, size)
	}
	return nil
}

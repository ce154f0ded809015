package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	cid "github.com/ipfs/go-cid"

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

// CheckOptions of one check.
type CheckOptions struct {
	Report   func(Problem)    // told of each problem as it is found; nil: nobody is
	Progress func(CheckStats) // told now and then how far it is; nil: nobody is
}

// CheckStats is what a check has verified so far.
type CheckStats struct {
	Nodes, NodeBytes uint64 // each once, but for a few of which it was forgotten
	Blobs            uint64 // likewise
	Commits          uint64
	Trees            uint64 // whose cuts were verified
	Problems         uint64
	Store            bool // all that is reached is verified: these are the store's own records
	Duration         time.Duration
}

// Check is CheckWith for one who wants to know the problems only.
func (e *Engine) Check(ctx context.Context, report func(Problem)) error {
	_, err := e.CheckWith(ctx, CheckOptions{Report: report})
	return err
}

// CheckWith verifies everything that is reached from branches and tags, each
// block once, and the store's own records; of trees also every cut between
// nodes: those of branches and tags by going through them, those of the history
// by what they differ in from the one after. It reports each problem and goes on;
// an error means that it could not. Garbage is not collected meanwhile; writers
// go on. Memory is bounded, whatever the store's size, if the store is a
// kv.Collector whose marks are; with another it is too, but a large history
// takes longer.
func (e *Engine) CheckWith(ctx context.Context, o CheckOptions) (CheckStats, error) {
	if err := e.ready(ctx); err != nil {
		return CheckStats{}, err
	}
	if err := e.collections.lock(ctx); err != nil {
		return CheckStats{}, err
	}
	defer e.collections.unlock()
	inside, err := e.world.enter(ctx)
	if err != nil {
		return CheckStats{}, err
	}
	defer inside.leave()
	c := newCheck(ctx, e, o)
	defer c.hold()()
	defer c.seen.begin(ctx, e.store)()
	if err := c.refs(); err != nil {
		return c.progress(), err
	}
	c.stats.Store = true
	c.tell()
	if s, ok := e.store.(kv.Checker); ok {
		err := s.CheckStore(ctx, func(err error) { c.problem(Problem{Kind: ProblemStore, Err: err}) })
		if err != nil {
			return c.progress(), storeError("check store", err)
		}
	}
	return c.progress(), nil
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
	ctx    context.Context
	e      *Engine
	o      CheckOptions
	began  time.Time
	stats  CheckStats
	branch string // at hand
	seen   checked

	tree     bool        // a tree is being gone through: these are the keys at hand
	from, to []byte      // of the node or entry
	shaped   prolly.Tree // the last one whose cuts were found right
	any      bool        // there is one
}

func newCheck(ctx context.Context, e *Engine, o CheckOptions) *check {
	return &check{ctx: ctx, e: e, o: o, began: time.Now(), seen: newChecked()}
}

func (c *check) problem(p Problem) {
	c.stats.Problems++
	if c.o.Report != nil {
		c.o.Report(p)
	}
}

func (c *check) progress() CheckStats {
	c.stats.Duration = time.Since(c.began)
	return c.stats
}

func (c *check) tell() {
	if c.o.Progress != nil {
		c.o.Progress(c.progress())
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
	c.problem(p)
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
		// Who asks for it by name goes another way than who lists all.
		if _, err := c.e.store.ReadRef(c.ctx, ref.Name); err != nil && !errors.Is(err, kv.ErrNotFound) {
			if err := c.found(ProblemRef, cid.Undef, storeError("read ref", err)); err != nil {
				return err
			}
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
	for _, a := range []prolly.Addr{ref.side, ref.tree} {
		if err := c.root(a, c.cuts); err != nil {
			return err
		}
	}
	if ref.hasCommit {
		if err := c.history(ref.commit.CID()); err != nil {
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
	return c.root(t.tree.Addr(), c.cuts)
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
		_, err = c.link(name)
		return err
	case opBlob:
		size, name, err := splitBlob(o.data)
		if err != nil {
			return c.found(ProblemStaging, cid.Undef, err)
		}
		_, err = c.value(name, size)
		return err
	}
	return nil
}

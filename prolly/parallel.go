package prolly

import (
	"bytes"
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// Large batches are repaired by several passes side by side, each with a run
// of the edits. Two passes may be joined when nodes that neither touched lie between them:
// a cut depends on nothing farther than W away or outside of its stage-1 gap, and
// a node weighs at least W. Where edits are few, there are such nodes for all
// that is likely, and whether there were is seen afterwards; where they are
// many, a cut is looked for that no edit can move. Where neither holds the level
// is done again by one pass.

// editsAPass is how many edits make another pass worth while. Tests lower it.
var editsAPass = 64

const (
	// nodesApart is how many untouched nodes lie between two passes whose
	// split is not firm: one would do; with four the level also weighs more
	// than M for certain.
	nodesApart = 4
	// nodesFar is how many untouched nodes between two edits make it likely
	// that passes split there stay apart.
	nodesFar = 32
	// passesACore is how many passes each core gets, one after the other: a core
	// that has other work too then does fewer of them.
	passesACore = 4
	// splitTries is how many places are looked at for a split.
	splitTries = 128
)

// applier repairs a tree level by level.
type applier struct {
	ctx    context.Context
	old    Tree
	bound  bound
	passes []*levelPass // reused from level to level
}

// pass returns the k-th pass, made ready for a level.
func (a *applier) pass(k, level int, in *levelEdits) *levelPass {
	for len(a.passes) <= k {
		p := passes.Get().(*levelPass)
		p.ctx, p.old, p.w.ctx, p.w.ns = a.ctx, a.old, a.ctx, a.old.ns
		a.passes = append(a.passes, p)
	}
	p := a.passes[k]
	p.bound = a.bound
	p.begin(level, in)
	return p
}

// passes keeps the memory of passes for the next Apply.
var passes = sync.Pool{New: func() any { return &levelPass{} }}

// retained is up to how many items a pass's memory is kept.
const retained = 1 << 10

// passDepth is about how many frames a path has.
const passDepth = 8

// done gives the passes back. Nothing of them may be used afterwards.
func (a *applier) done() {
	for _, p := range a.passes {
		if p.release() {
			passes.Put(p)
		}
	}
	a.passes = nil
}

// release lets go of what a pass refers to, and tells whether its memory is
// worth keeping.
func (p *levelPass) release() bool {
	r := &p.region
	if max(cap(r.begun), cap(r.gone), cap(r.fresh), cap(p.pending), cap(p.frames)/passDepth, cap(p.outs[0].del), cap(p.outs[1].del), cap(p.w.old)) > retained {
		return false
	}
	p.ctx, p.old, p.w.ctx, p.w.ns = nil, Tree{}, nil, nil
	p.arena = arena{}
	if cap(p.keys.buf)+cap(p.keys.spare) > 8*keysTidy {
		p.keys = keys{}
	}
	p.in, p.out, p.single = nil, nil, nil
	p.cur, p.floor, p.first, p.end = cursor{}, cursor{}, cursor{}, cursor{}
	clear(p.pending[:cap(p.pending)])
	clear(p.frames[:cap(p.frames)])
	clear(r.begun[:cap(r.begun)])
	clear(p.w.old[:cap(p.w.old)])
	clear(r.gone[:cap(r.gone)])
	clear(r.fresh[:cap(r.fresh)])
	r.items.wipe()
	for i := range p.outs {
		p.outs[i].wipe()
		clear(p.outs[i].made[:cap(p.outs[i].made)])
	}
	return true
}

// wipe lets go of all bytes, keeping the arrays.
func (s *items) wipe() {
	clear(s.leaf[:cap(s.leaf)])
	clear(s.inner[:cap(s.inner)])
	s.leaf, s.inner, s.hints = s.leaf[:0], s.inner[:0], s.hints[:0]
}

// level repairs one level. The edits that the pass it returns puts out are
// valid until the next call but one.
func (a *applier) level(level int, in *levelEdits) (*levelPass, error) {
	splits, err := a.splits(level, in)
	if err != nil {
		return nil, err
	}
	if len(splits) > 0 {
		if p, err := a.together(level, in, splits); p != nil || err != nil {
			return p, err
		}
	}
	p := a.pass(0, level, in)
	if err := p.run(); err != nil {
		return nil, err
	}
	p.w.tell()
	return p, nil
}

// split is where the edits of a level are parted.
type split struct {
	at   int  // the first edit of the right part
	firm bool // no pass reaches beyond, whatever it does
}

// splits returns where the edits of a level may be split.
func (a *applier) splits(level int, in *levelEdits) ([]split, error) {
	cores := runtime.GOMAXPROCS(0)
	n := min(passesACore*cores, in.len()/editsAPass)
	if n < 2 || cores < 2 || level == a.old.level {
		return nil, nil
	}
	var splits []split
	left, right := a.old.cursor(a.ctx), a.old.cursor(a.ctx)
	last := 0
	for k := 1; k < n; k++ {
		from := max(in.len()*k/n, last+1)
		for i := from; i < min(from+splitTries, in.len()); i++ {
			if err := left.seekNode(a.old, level, in.key(i-1)); err != nil {
				return nil, err
			}
			if err := right.seekNode(a.old, level, in.key(i)); err != nil {
				return nil, err
			}
			firm := false
			if nodesBetween(&left, &right) < nodesFar {
				var err error
				if firm, err = parts(&left, &right); err != nil {
					return nil, err
				}
				if firm = firm || meet(&left, &right, in, i); !firm {
					continue
				}
			}
			splits, last = append(splits, split{i, firm}), i
			break
		}
	}
	return splits, nil
}

// parts tells whether just two untouched nodes lie between two others of one
// parent, with a stage-1 cut between them. The two are all that the cut depends
// on: so it stays, and who repairs one side does not come to the other. Both are
// neighbours of touched nodes, and nothing else is read.
func parts(left, right *cursor) (bool, error) {
	k := len(left.path) - 2
	if k < 0 || left.path[k].node != right.path[k].node || right.path[k].i != left.path[k].i+3 {
		return false, nil
	}
	c := left.clone()
	var between [2]*Node
	for i := range between {
		if more, err := c.nextNode(); err != nil || !more {
			return false, err
		}
		between[i] = c.node()
	}
	return stage1(between[0], between[1]), nil
}

// meet tells whether the nodes of edits i-1 and i are neighbours of one parent with
// a stage-1 cut between them that the edits on neither side can move. So it is a
// cut afterwards too, and no repair goes beyond it.
func meet(left, right *cursor, in *levelEdits, i int) bool {
	k := len(left.path) - 2
	if k < 0 || left.path[k].node != right.path[k].node || right.path[k].i != left.path[k].i+1 {
		return false
	}
	l, r := left.node(), right.node()
	if !stage1(l, r) {
		return false
	}
	lo, hi := i, i
	for lo > 0 && compareKey(l, 0, in.key(lo-1)) <= 0 {
		lo--
	}
	var buf [codec.MaxKey]byte
	fence := right.fence(buf[:0])
	for hi < in.len() && (fence == nil || bytes.Compare(in.key(hi), fence) < 0) {
		hi++
	}
	return unbeaten(l, in, lo, i, r.priority()) && unbeaten(r, in, i, hi, r.priority())
}

// together runs a pass for each part of the edits. It returns nil when the
// passes came too close to each other, or the level may have become small.
func (a *applier) together(level int, in *levelEdits, splits []split) (*levelPass, error) {
	parts := len(splits) + 1
	for k := range parts {
		lo, hi := 0, in.len()
		if k > 0 {
			lo = splits[k-1].at
		}
		if k < len(splits) {
			hi = splits[k].at
		}
		a.pass(k, level, in.slice(lo, hi))
	}
	if err := a.run(a.passes[:parts]); err != nil {
		return nil, err
	}
	weight := uint64(0)
	for _, p := range a.passes[:parts] {
		weight += p.weight + p.rewritten*minWeight
	}
	for k, s := range splits {
		if s.firm {
			continue
		}
		if weight += nodesApart * minWeight; !a.passes[k].apart(a.passes[k+1]) {
			return nil, nil
		}
	}
	all := a.passes[0]
	for _, p := range a.passes[1:parts] {
		all.moved = all.moved || p.moved
		all.out.appendAll(p.out)
	}
	if all.moved && weight <= maxWeight {
		return nil, nil
	}
	for _, p := range a.passes[:parts] {
		p.w.tell()
	}
	return all, nil
}

// run makes passes side by side. The caller's goroutine makes its share: one that
// only waits has to be woken for every pass, which takes longer than many a
// pass.
func (a *applier) run(passes []*levelPass) error {
	group, ctx := errgroup.WithContext(a.ctx)
	for _, p := range passes {
		p.ctx, p.w.ctx = ctx, ctx
	}
	var next atomic.Int32
	share := func() error {
		for k := next.Add(1) - 1; int(k) < len(passes); k = next.Add(1) - 1 {
			if err := passes[k].edits(); err != nil {
				return err
			}
		}
		return nil
	}
	for range min(runtime.GOMAXPROCS(0), len(passes)) - 1 {
		group.Go(share)
	}
	mine := share()
	if mine != nil {
		group.Go(func() error { return mine }) // stops the others
	}
	err := group.Wait()
	for _, p := range passes {
		p.ctx, p.w.ctx = a.ctx, a.ctx
	}
	return err
}

// apart tells whether untouched nodes lie between a pass and the one after it.
func (p *levelPass) apart(next *levelPass) bool {
	if len(next.first.path) == 0 || len(p.first.path) == 0 {
		return true // one of them touched nothing
	}
	return !p.toEnd && p.end.before(&next.first) && nodesBetween(&p.end, &next.first) > nodesApart
}

// before tells whether c stands at an earlier node of the level than d.
func (c *cursor) before(d *cursor) bool {
	for k := range c.path[:len(c.path)-1] {
		if i, j := c.path[k].i, d.path[k].i; i != j {
			return i < j
		}
	}
	return false
}

// slice returns edits [lo, hi), which share the bytes and arrays of s.
func (s *levelEdits) slice(lo, hi int) *levelEdits {
	t := &levelEdits{del: s.del[lo:hi:hi]}
	t.level = s.level
	if s.level == 0 {
		t.leaf = s.leaf[lo:hi:hi]
		return t
	}
	t.inner, t.hints, t.made = s.inner[lo:hi:hi], s.hints[lo:hi:hi], s.made[lo:hi:hi]
	return t
}

func (s *levelEdits) appendAll(o *levelEdits) {
	s.inner = append(s.inner, o.inner...)
	s.hints = append(s.hints, o.hints...)
	s.del, s.made = append(s.del, o.del...), append(s.made, o.made...)
}

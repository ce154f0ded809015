package car

import (
	"context"
	"errors"
	"fmt"
	"io"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// ExportOptions choose what goes into a file. The zero value takes all.
type ExportOptions struct {
	// Without are commits and roots that the receiver has: what they reach is
	// left out.
	Without []cid.Cid

	// Depth is how many generations of commits are taken, 1 being the commit
	// itself; 0: all. Where history is cut off, Import needs Shallow.
	Depth int

	// Progress is called now and then with what was done so far; nil: nobody.
	Progress func(Stats)
}

// Stats is what a file holds, or what was taken from one.
type Stats struct {
	Root    cid.Cid // a commit or a tree's root
	Commits uint64
	Nodes   uint64
	Blobs   uint64 // of values out of line: whole ones, chunks and lists
	Linked  uint64 // blocks that a caller's links name
	Missing uint64 // and those of them that were not there
	Bytes   uint64 // of the file
}

func (s *Stats) blocks() uint64 { return s.Commits + s.Nodes + s.Blobs + s.Linked }

// progressEvery is after how many blocks Progress is called.
const progressEvery = 1024

// Export writes the commit or root to w as a CAR file: commits, trees, values
// out of line, and those linked blocks that the store has. It needs memory for a
// path of nodes, for a few ten thousand names of blobs, and for a name a commit.
// The error is w's, ctx's, or one of the store's; what was written until then
// is no whole file.
func Export(ctx context.Context, e *engine.Engine, w io.Writer, root cid.Cid, o ExportOptions) (Stats, error) {
	x := &exporter{ctx: ctx, e: e, o: o, ns: e.Nodes(), line: newLineage(e)}
	x.stats.Root = root
	defer x.close()
	err := x.leaveOut(o.Without)
	if err == nil {
		x.w, err = newWriter(w, root)
	}
	if err == nil {
		err = x.run(root)
	}
	if err == nil {
		err = x.w.flush()
	}
	if x.w != nil {
		x.stats.Bytes = x.w.n
	}
	return x.stats, err
}

type exporter struct {
	ctx    context.Context
	e      *engine.Engine
	ns     prolly.NodeStore
	o      ExportOptions
	w      *writer
	stats  Stats
	line   *lineage // what the receiver has
	have   bases
	values recent // blocks of them
	links  recent
	key    []byte // scratch
	pinned []*engine.Snapshot
}

func (x *exporter) close() {
	for _, s := range x.pinned {
		_ = s.Close() // it never fails
	}
}

// pin returns a tree that stays until the end.
func (x *exporter) pin(c cid.Cid) (prolly.Tree, error) {
	s, err := x.e.Tree(x.ctx, c)
	if err != nil {
		return prolly.Tree{}, err
	}
	x.pinned = append(x.pinned, s)
	return s.Tree(), nil
}

// leaveOut notes what the receiver has.
func (x *exporter) leaveOut(names []cid.Cid) error {
	for _, name := range names {
		r, err := x.e.Resolve(x.ctx, name.String())
		if err != nil {
			return err
		}
		if r.Commit != nil {
			x.line.add(*r.Commit)
		}
		t, err := x.pin(r.Root)
		if err != nil {
			return err
		}
		x.have = append(x.have, newBase(x.ns, t))
	}
	return nil
}

func (x *exporter) run(root cid.Cid) error {
	r, err := x.e.Resolve(x.ctx, root.String())
	if err != nil {
		return err
	}
	if r.Commit != nil {
		return x.history(*r.Commit)
	}
	t, err := x.pin(root)
	if err != nil {
		return err
	}
	return x.tree(t, x.have)
}

// ancestor is a commit that waits, and the tree that goes out before its own.
type ancestor struct {
	commit engine.Commit
	child  *prolly.Tree
	depth  int
}

// history writes a commit, its tree, and what it descends from.
func (x *exporter) history(c engine.Commit) error {
	written := map[cid.Cid]bool{}
	for waiting := []ancestor{{c, nil, 1}}; len(waiting) > 0; {
		a := waiting[len(waiting)-1]
		waiting = waiting[:len(waiting)-1]
		known, err := x.line.has(x.ctx, a.commit.CID)
		if err != nil {
			return err
		}
		if known || written[a.commit.CID] {
			continue
		}
		written[a.commit.CID] = true
		t, err := x.commit(a)
		if err != nil {
			return fmt.Errorf("car: commit %v: %w", a.commit.CID, err)
		}
		if a.depth == x.o.Depth {
			continue
		}
		parents, err := x.e.Parents(x.ctx, a.commit)
		if err != nil {
			return err
		}
		for i := len(parents) - 1; i >= 0; i-- {
			waiting = append(waiting, ancestor{parents[i], &t, a.depth + 1})
		}
	}
	return nil
}

// commit writes one commit and of its tree what its child's has not.
func (x *exporter) commit(a ancestor) (prolly.Tree, error) {
	s, err := x.e.Tree(x.ctx, a.commit.Root)
	if err != nil {
		return prolly.Tree{}, err
	}
	defer s.Close()
	block, err := a.commit.Encode()
	if err != nil {
		return prolly.Tree{}, err
	}
	x.stats.Commits++
	if err := x.emit(a.commit.CID, block); err != nil {
		return prolly.Tree{}, err
	}
	have := x.have
	if a.child != nil {
		have = append(bases{newBase(x.ns, *a.child)}, have...)
	}
	t := s.Tree().In(x.ns)
	return t, x.tree(t, have)
}

func (x *exporter) tree(t prolly.Tree, have bases) error {
	for _, b := range have {
		if b.tree.Root() == t.Root() {
			return nil
		}
	}
	return x.node(t.Addr(), t.Height()-1, have)
}

// node writes a node and what is below it.
func (x *exporter) node(a prolly.Addr, level int, have bases) error {
	n, err := load(x.ctx, x.ns, a, level)
	if err != nil {
		return err
	}
	x.stats.Nodes++
	if err := x.emit(a.Hash.CID(), n.Block()); err != nil {
		return err
	}
	if level == 0 {
		return x.leaf(n, have)
	}
	for i := range n.Len() {
		x.key = n.AppendKey(x.key[:0], i)
		if _, ok, err := have.node(x.ctx, n.Child(i), level-1, x.key); err != nil {
			return err
		} else if ok {
			continue
		}
		if err := x.node(n.Addr(i), level-1, have); err != nil {
			return err
		}
	}
	return nil
}

// leaf writes what stands outside of a leaf.
func (x *exporter) leaf(n *prolly.Node, have bases) error {
	if !n.HasOutOfLine() {
		return nil
	}
	for i := range n.Len() {
		if n.Kind(i) == codec.Inline {
			continue
		}
		x.key = n.AppendKey(x.key[:0], i)
		same, there, err := have.value(x.ctx, x.key, n, i)
		if err != nil || same {
			if err != nil {
				return err
			}
			continue
		}
		_, c, err := cid.CidFromBytes(n.Link(i))
		if err != nil {
			return fmt.Errorf("%w: link of key %q: %w", prolly.ErrCorrupt, x.key, err)
		}
		if n.Kind(i) == codec.Link {
			err = x.linked(c)
		} else {
			err = x.value(c, there, 0)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// value writes the blocks of a value, but for those the receiver has.
func (x *exporter) value(c cid.Cid, have chunks, depth int) error {
	if _, ok := have[c]; ok {
		return nil
	}
	if _, ok := x.values.has(c); ok {
		return nil
	}
	if depth > maxListDepth {
		return fmt.Errorf("%w: chunk list %v is nested too deep", prolly.ErrCorrupt, c)
	}
	b, err := x.e.ReadBlock(x.ctx, c)
	if err != nil {
		return err
	}
	x.values.add(c, 0)
	x.stats.Blobs++
	if err := x.emit(c, b); err != nil || c.Type() != cid.DagCBOR {
		return err
	}
	l, err := codec.ParseChunkList(b)
	if err != nil {
		return fmt.Errorf("%w: chunk list %v: %w", prolly.ErrCorrupt, c, err)
	}
	for _, item := range l.Links {
		if err := x.value(item, have, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// linked writes a block that a caller's link names, if it is here.
func (x *exporter) linked(c cid.Cid) error {
	if _, ok := x.links.has(c); ok || inName(c) {
		return nil
	}
	b, err := x.e.ReadBlock(x.ctx, c)
	if errors.Is(err, engine.ErrMissing) || errors.Is(err, engine.ErrHash) {
		x.stats.Missing++
		return nil
	}
	if err != nil {
		return err
	}
	x.links.add(c, 0)
	x.stats.Linked++
	return x.emit(c, b)
}

func (x *exporter) emit(c cid.Cid, block []byte) error {
	if err := x.ctx.Err(); err != nil {
		return err
	}
	if x.o.Progress != nil && x.stats.blocks()%progressEvery == 0 {
		x.stats.Bytes = x.w.n
		x.o.Progress(x.stats)
	}
	return x.w.section(c.Bytes(), block)
}

package engine

import (
	"bytes"
	"errors"
	"fmt"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// treeSalvage copies trees. It remembers the last one, because the next is
// mostly like it: then only the differences are copied, also those of a tree
// that is damaged in places which have not changed.
type treeSalvage struct {
	s         *salvage
	a         *Adoption
	was, made prolly.Tree // the last one, and its copy
	any       bool
}

// errUnreadable ends the copying of a tree in which something cannot be read.
var errUnreadable = errors.New("engine: something below cannot be read")

// tree copies what can be read of a tree.
func (w *treeSalvage) tree(t prolly.Tree) (prolly.Tree, error) {
	made, err := w.whole(t)
	if errors.Is(err, errUnreadable) {
		if mended, e := w.s.mend(); e != nil {
			return made, e
		} else if mended {
			made, err = w.whole(t)
		}
	}
	if errors.Is(err, errUnreadable) {
		if made, err = w.changes(t); errors.Is(err, errUnreadable) {
			made, err = w.entries(t)
		}
	}
	if err == nil {
		w.was, w.made, w.any = t, made, true
	}
	return made, err
}

// whole copies a tree node by node.
func (w *treeSalvage) whole(t prolly.Tree) (prolly.Tree, error) {
	if t.Addr().Hash == codec.EmptyRoot {
		return prolly.Empty(w.a.Nodes()), nil
	}
	if err := w.node(t.Addr(), -1); err != nil {
		return t, err
	}
	return prolly.LoadAt(w.s.ctx, w.a.f.w, prolly.Addr{Hash: t.Addr().Hash})
}

// node copies a node after all below it, unless it is there.
func (w *treeSalvage) node(a prolly.Addr, level int) error {
	s := w.s
	if err := s.dst.ready(s.ctx); err != nil {
		return err
	}
	if _, err := w.a.f.w.LoadNode(s.ctx, prolly.Addr{Hash: a.Hash}); err == nil {
		return nil
	}
	n, err := s.src.nodes.fetch(s.ctx, a)
	if err != nil {
		n, err = s.src.nodes.LoadNode(s.ctx, a) // made again, in memory
	}
	if err != nil || level >= 0 && n.Level() != level {
		return errors.Join(s.ctx.Err(), errUnreadable)
	}
	for i := range n.Len() {
		if n.Level() > 0 {
			err = w.node(n.Addr(i), n.Level()-1)
		} else {
			err = w.value(n, i)
		}
		if err != nil {
			return err
		}
	}
	_, err = w.a.f.w.WriteNode(s.ctx, a.Hash, n.Block(), make([]prolly.Hint, len(n.Hints())))
	return err
}

// value copies the blocks of an entry.
func (w *treeSalvage) value(n *prolly.Node, i int) error {
	if n.Kind(i) == codec.Inline {
		return nil
	}
	c, err := castCID(n.Link(i))
	if err != nil {
		return errUnreadable
	}
	return w.block(c, n.Kind(i) == codec.Link)
}

// block copies a block, and those that a chunk list names. One that a caller's
// link names need not be there.
func (w *treeSalvage) block(c cid.Cid, link bool) error {
	s := w.s
	if has, err := s.dst.store.HasBlob(s.ctx, c); err != nil || has && (link || c.Type() != cid.DagCBOR) {
		return err
	}
	b, err := s.src.ReadBlock(s.ctx, c)
	if err != nil && link {
		return s.ctx.Err()
	}
	if err != nil {
		return errors.Join(s.ctx.Err(), errUnreadable)
	}
	if !link && c.Type() == cid.DagCBOR {
		l, err := codec.ParseChunkList(b)
		if err != nil {
			return errUnreadable
		}
		for _, x := range l.Links {
			if err := w.block(x, false); err != nil {
				return err
			}
		}
	}
	return w.a.PutBlock(s.ctx, c, b)
}

// changes copies what differs from the last tree.
func (w *treeSalvage) changes(t prolly.Tree) (prolly.Tree, error) {
	if !w.any {
		return t, errUnreadable
	}
	var edits []prolly.Edit
	for c, err := range prolly.Diff(w.s.ctx, w.was, t, prolly.Range{}) {
		if err != nil {
			return t, errors.Join(w.s.ctx.Err(), errUnreadable)
		}
		e := prolly.Edit{Key: bytes.Clone(c.Key), Delete: c.To == nil}
		if c.To != nil {
			e.Value = c.To.Clone()
		}
		edits = append(edits, e)
	}
	return w.apply(w.made, edits)
}

// apply applies edits whose blocks can be copied.
func (w *treeSalvage) apply(t prolly.Tree, edits []prolly.Edit) (prolly.Tree, error) {
	kept := edits[:0]
	for _, e := range edits {
		err := error(nil)
		if v := e.Value; !e.Delete && v.Kind() == codec.Link {
			err = w.block(v.Link, true)
		} else if !e.Delete && v.Kind() == codec.Blob {
			err = w.block(v.Blob(), false)
		}
		if errors.Is(err, errUnreadable) {
			err = w.s.here(e.Key, append(bytes.Clone(e.Key), 0), fmt.Errorf("%w: value", ErrCorrupt))
			e = prolly.Edit{Key: e.Key, Delete: true}
		}
		if err != nil {
			return t, err
		}
		kept = append(kept, e)
	}
	return t.In(w.a.f.w).Apply(w.s.ctx, kept)
}

// entries builds a tree of the entries that can be read, and reports where some
// cannot.
func (w *treeSalvage) entries(t prolly.Tree) (prolly.Tree, error) {
	return prolly.Build(w.s.ctx, w.a.f.w, func(yield func(prolly.Entry, error) bool) {
		p := partial{w: w, yield: yield}
		if err := p.below(t.Addr(), -1, nil, nil); err != nil && !errors.Is(err, errEnough) {
			yield(prolly.Entry{}, err)
		}
	})
}

// partial yields the entries of a damaged tree.
type partial struct {
	w     *treeSalvage
	yield func(prolly.Entry, error) bool
	last  []byte
}

var errEnough = errors.New("engine: no more is wanted")

// below yields the entries of a node, whose keys are from from up to to.
func (p *partial) below(a prolly.Addr, level int, from, to []byte) error {
	s := p.w.s
	n, err := s.src.nodes.fetch(s.ctx, a)
	if err != nil {
		n, err = s.src.nodes.LoadNode(s.ctx, a)
	}
	if err == nil && level >= 0 && n.Level() != level {
		err = fmt.Errorf("%w: node %v of level %d", ErrCorrupt, a.Hash, n.Level())
	}
	if err != nil {
		return s.here(from, to, err)
	}
	for i := range n.Len() {
		key := n.AppendKey(nil, i)
		if n.Level() == 0 {
			err = p.entry(n, i, key)
		} else {
			next := to
			if i+1 < n.Len() {
				next = n.AppendKey(nil, i+1)
			}
			err = p.below(n.Addr(i), n.Level()-1, key, next)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *partial) entry(n *prolly.Node, i int, key []byte) error {
	after := append(bytes.Clone(key), 0)
	if p.last != nil && bytes.Compare(key, p.last) <= 0 {
		return p.w.s.here(key, after, fmt.Errorf("%w: keys do not ascend", ErrCorrupt))
	}
	if err := p.w.value(n, i); errors.Is(err, errUnreadable) {
		return p.w.s.here(key, after, fmt.Errorf("%w: value", ErrCorrupt))
	} else if err != nil {
		return err
	}
	p.last = key
	e := prolly.Entry{Key: key}
	switch n.Kind(i) {
	case codec.Inline:
		e.Value = prolly.Value{Bytes: n.Inline(i)}
	default:
		c, err := castCID(n.Link(i))
		if err != nil {
			return err
		}
		if n.Kind(i) == codec.Link {
			e.Value = prolly.Value{Link: c}
		} else {
			e.Value = prolly.OutOfLine(c, n.Size(i))
		}
	}
	if !p.yield(e, nil) {
		return errEnough
	}
	return nil
}

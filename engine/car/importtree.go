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

// tree takes a tree, of which the receiver has what is in have, and makes sure
// that it is the one its entries make.
func (m *importer) tree(h codec.Hash, have bases) (prolly.Tree, error) {
	for _, b := range have {
		if b.tree.Addr().Hash == h && !m.ahead(h.CID()) {
			return b.tree.In(m.ns), nil
		}
	}
	root, err := m.node(h, -1, have)
	if err != nil {
		return prolly.Tree{}, err
	}
	t, err := prolly.LoadAt(m.ctx, m.ns, prolly.Addr{Hash: h, Hint: root.hint})
	if err != nil {
		return t, err
	}
	return t, m.shape(t, have) // also of what was here: others may have left it
}

// taken is a node that was taken, or found, with all that is below it.
type taken struct {
	node *prolly.Node
	hint prolly.Hint
}

// node takes the node h, of a level unless that is negative, and what is below
// it. It is stored after its children: what is in the store is whole, and knows
// where they lie.
func (m *importer) node(h codec.Hash, level int, have bases) (taken, error) {
	n, err := m.nodeBlock(h)
	if err != nil {
		return taken{}, err
	}
	if level >= 0 && n.Level() != level {
		return taken{}, fmt.Errorf("%w: node %v has level %d where its parent needs %d", ErrShape, h, n.Level(), level)
	}
	var hints []prolly.Hint
	if n.Level() == 0 {
		err = m.leaf(n, have)
	} else {
		hints, err = m.children(n, have)
	}
	if err != nil {
		return taken{}, err
	}
	hint, err := m.ns.WriteNode(m.ctx, h, n.Block(), hints)
	return taken{n, hint}, err
}

// nodeBlock returns the node h: from the file, or from the store, where
// perhaps nothing names it any more, so that it is written again.
func (m *importer) nodeBlock(h codec.Hash) (*prolly.Node, error) {
	name := h.CID()
	if !m.ahead(name) {
		n, err := prolly.ReadNode(m.ctx, m.ns, prolly.Addr{Hash: h})
		if errors.Is(err, prolly.ErrMissing) {
			err = m.missing("node", name)
		}
		return n, err
	}
	n, err := prolly.DecodeNode(h, bytes.Clone(m.f.block), nil)
	if err != nil {
		return nil, fmt.Errorf("car: %w", err)
	}
	return n, m.take(&m.stats.Nodes)
}

// children takes the children of a node and returns where they lie.
func (m *importer) children(n *prolly.Node, have bases) ([]prolly.Hint, error) {
	hints := make([]prolly.Hint, n.Len())
	for i := range n.Len() {
		m.key = n.AppendKey(m.key[:0], i)
		var p place
		here := false
		if !m.ahead(n.Child(i).CID()) {
			var err error
			if p, here, err = have.node(m.ctx, n.Child(i), n.Level()-1, m.key); err != nil {
				return nil, err
			}
		}
		if here {
			if hints[i] = p.addr.Hint; p.count != n.Count(i) || p.bytes != n.Bytes(i) {
				return nil, m.misfit(n, i, "other sums")
			}
			continue
		}
		c, err := m.node(n.Child(i), n.Level()-1, have)
		if err != nil {
			return nil, err
		}
		count, size := c.node.Sums()
		if m.key = n.AppendKey(m.key[:0], i); !bytes.Equal(m.key, c.node.AppendKey(nil, 0)) {
			return nil, m.misfit(n, i, "another first key")
		}
		if count != n.Count(i) || size != n.Bytes(i) {
			return nil, m.misfit(n, i, "other sums")
		}
		hints[i] = c.hint
	}
	return hints, nil
}

func (m *importer) misfit(n *prolly.Node, i int, what string) error {
	return fmt.Errorf("%w: node %v has %s than its parent says", ErrShape, n.Child(i), what)
}

// leaf takes what stands outside of a leaf.
func (m *importer) leaf(n *prolly.Node, have bases) error {
	if !n.HasOutOfLine() {
		return nil
	}
	for i := range n.Len() {
		if n.Kind(i) == codec.Inline {
			continue
		}
		_, c, err := cid.CidFromBytes(n.Link(i))
		if err != nil {
			return fmt.Errorf("%w: a link: %w", prolly.ErrCorrupt, err)
		}
		m.key = n.AppendKey(m.key[:0], i)
		if n.Kind(i) == codec.Link {
			err = m.linked(c, n, i, have)
		} else {
			err = m.value(c, n, i, have)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// linked takes the block that link i of a leaf names, if it is in the file or
// here. The link's key is m.key.
func (m *importer) linked(c cid.Cid, n *prolly.Node, i int, have bases) error {
	if inName(c) {
		return nil
	}
	if m.ahead(c) {
		if err := m.a.PutBlock(m.ctx, c, m.f.block); err != nil {
			return err
		}
		return m.take(&m.stats.Linked)
	}
	if same, _, err := have.value(m.ctx, m.key, n, i); same || err != nil {
		return err
	}
	b, err := m.e.ReadBlock(m.ctx, c)
	if errors.Is(err, engine.ErrMissing) || errors.Is(err, engine.ErrHash) {
		return nil
	}
	if err != nil {
		return err
	}
	return m.a.PutBlock(m.ctx, c, b)
}

// value takes the blocks of value i of a leaf, whose key is m.key.
func (m *importer) value(c cid.Cid, n *prolly.Node, i int, have bases) error {
	same, there, err := have.value(m.ctx, m.key, n, i)
	if err != nil || same && !m.ahead(c) {
		return err
	}
	size := n.Size(i)
	if err := m.blob(c, size, there, 0); err != nil || c.Type() != cid.DagCBOR {
		return err
	}
	// The right bytes, cut elsewhere, would be another value.
	if _, ok := m.lists.has(c); ok {
		return nil
	}
	m.lists.add(c, size)
	if err := m.a.Flush(m.ctx); err != nil {
		return err
	}
	if err := prolly.CheckBlob(m.ctx, m.ns, n.Link(i), size); err != nil {
		return fmt.Errorf("%w: %w", ErrShape, err)
	}
	return nil
}

// blob takes a block of a value, of which size bytes are at or below it.
func (m *importer) blob(c cid.Cid, size uint64, have chunks, depth int) error {
	if depth > maxListDepth {
		return fmt.Errorf("%w: chunk list %v is nested too deep", ErrShape, c)
	}
	if m.ahead(c) {
		return m.freshBlob(c, size, have, depth)
	}
	there, ok := have[c]
	if !ok {
		there, ok = m.values.has(c)
	}
	if ok {
		return fits(c, there, size)
	}
	b, err := m.storedBlob(c)
	if err != nil {
		return err
	}
	m.values.add(c, size)
	return m.inside(c, b, size, have, depth)
}

// storedBlob returns a block that the file leaves out, and keeps it: perhaps
// nothing named it any more.
func (m *importer) storedBlob(c cid.Cid) ([]byte, error) {
	b, err := m.e.ReadBlock(m.ctx, c)
	if errors.Is(err, engine.ErrMissing) { // or it came, but long ago
		if err := m.a.Flush(m.ctx); err != nil {
			return nil, err
		}
		b, err = m.e.ReadBlock(m.ctx, c)
	}
	if errors.Is(err, engine.ErrMissing) {
		return nil, m.missing("block", c)
	}
	if err != nil {
		return nil, err
	}
	return b, m.a.PutBlock(m.ctx, c, b)
}

func (m *importer) freshBlob(c cid.Cid, size uint64, have chunks, depth int) error {
	if err := m.a.PutBlock(m.ctx, c, m.f.block); err != nil {
		return err
	}
	m.values.add(c, size)
	if c.Type() == cid.DagCBOR {
		block := bytes.Clone(m.f.block)
		if err := m.take(&m.stats.Blobs); err != nil {
			return err
		}
		return m.inside(c, block, size, have, depth)
	}
	if err := m.inside(c, m.f.block, size, have, depth); err != nil {
		return err
	}
	return m.take(&m.stats.Blobs)
}

// fits compares the bytes at or below a block with what is said of them.
func fits(c cid.Cid, there, size uint64) error {
	if there != size {
		return fmt.Errorf("%w: %v holds %d bytes where %d are named", ErrShape, c, there, size)
	}
	return nil
}

// inside takes what a block of a value names, and compares lengths.
func (m *importer) inside(c cid.Cid, block []byte, size uint64, have chunks, depth int) error {
	if c.Type() != cid.DagCBOR {
		return fits(c, uint64(len(block)), size)
	}
	l, err := codec.ParseChunkList(block)
	if err != nil {
		return fmt.Errorf("%w: chunk list %v: %w", prolly.ErrCorrupt, c, err)
	}
	if err := fits(c, l.Total, size); err != nil {
		return err
	}
	for i, item := range l.Links {
		if err := m.blob(item, l.Lengths[i], have, depth+1); err != nil {
			return err
		}
	}
	return nil
}

package prollyipld

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/ipld/go-ipld-prime/adl"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/ipld/go-ipld-prime/node/mixins"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Map is a tree as a map node. It may be used by several goroutines at once.
// Reading ends with the context that it was made with.
type Map struct {
	ctx       context.Context
	tree      prolly.Tree
	substrate datamodel.Node
}

var _ adl.ADL = (*Map)(nil)

// NewMap returns a tree as a map, read where the tree is read.
func NewMap(ctx context.Context, t prolly.Tree) *Map { return &Map{ctx: ctx, tree: t} }

// Tree returns the tree.
func (m *Map) Tree() prolly.Tree { return m.tree }

// Substrate returns the root node of the tree; nil when it cannot be read.
func (m *Map) Substrate() datamodel.Node {
	if m.substrate != nil {
		return m.substrate
	}
	var block []byte
	err := m.tree.Walk(m.ctx, func(_ prolly.Addr, n *prolly.Node) error {
		block = n.Block()
		return prolly.SkipNode
	})
	nb := basicnode.Prototype.Any.NewBuilder()
	if err != nil || dagcbor.Decode(nb, bytes.NewReader(block)) != nil {
		return nil
	}
	return nb.Build()
}

func (m *Map) mixin() mixins.Map { return mixins.Map{TypeName: "prolly.Map"} }

// Kind implements datamodel.Node.
func (m *Map) Kind() datamodel.Kind { return datamodel.Kind_Map }

// LookupByString returns the value of a key; datamodel.ErrNotExists.
func (m *Map) LookupByString(key string) (datamodel.Node, error) {
	e, err := m.tree.Lookup(m.ctx, []byte(key))
	if errors.Is(err, prolly.ErrNotFound) {
		return nil, datamodel.ErrNotExists{Segment: datamodel.PathSegmentOfString(key)}
	}
	if err != nil {
		return nil, fmt.Errorf("prollyipld: %w", err)
	}
	return m.value(e.Value), nil
}

// LookupByNode is LookupByString for a key that is a string or bytes.
func (m *Map) LookupByNode(key datamodel.Node) (datamodel.Node, error) {
	if key.Kind() == datamodel.Kind_Bytes {
		b, err := key.AsBytes()
		if err != nil {
			return nil, err
		}
		return m.LookupByString(string(b))
	}
	s, err := key.AsString()
	if err != nil {
		return nil, err
	}
	return m.LookupByString(s)
}

// LookupBySegment is LookupByString.
func (m *Map) LookupBySegment(seg datamodel.PathSegment) (datamodel.Node, error) {
	return m.LookupByString(seg.String())
}

// MapIterator walks the entries in the order of their keys.
func (m *Map) MapIterator() datamodel.MapIterator { return &iterator{m: m} }

// Length is the number of entries.
func (m *Map) Length() int64 { return int64(m.tree.Len()) }

// Prototype implements datamodel.Node. What it builds is an ordinary map.
func (m *Map) Prototype() datamodel.NodePrototype { return basicnode.Prototype.Map }

// The rest of datamodel.Node answers as every map does.

func (m *Map) LookupByIndex(i int64) (datamodel.Node, error) { return m.mixin().LookupByIndex(i) }
func (m *Map) ListIterator() datamodel.ListIterator          { return nil }
func (m *Map) IsAbsent() bool                                { return false }
func (m *Map) IsNull() bool                                  { return false }
func (m *Map) AsBool() (bool, error)                         { return m.mixin().AsBool() }
func (m *Map) AsInt() (int64, error)                         { return m.mixin().AsInt() }
func (m *Map) AsFloat() (float64, error)                     { return m.mixin().AsFloat() }
func (m *Map) AsString() (string, error)                     { return m.mixin().AsString() }
func (m *Map) AsBytes() ([]byte, error)                      { return m.mixin().AsBytes() }
func (m *Map) AsLink() (datamodel.Link, error)               { return m.mixin().AsLink() }

// value makes a node of a value whose bytes may be kept.
func (m *Map) value(v prolly.Value) datamodel.Node {
	switch v.Kind() {
	case codec.Link:
		return basicnode.NewLink(cidlink.Link{Cid: v.Link})
	case codec.Blob:
		return &largeBytes{Bytes: mixins.Bytes{TypeName: "prolly.Value"}, ctx: m.ctx, tree: m.tree, v: v}
	}
	return basicnode.NewBytes(v.Bytes)
}

// iterator reads a page of entries at a time, so that one which is given up
// leaves nothing behind.
type iterator struct {
	m    *Map
	page []prolly.Entry
	from []byte // where the next page begins
	n    int64  // entries handed out
	err  error
}

// pageEntries is how many entries are read at once.
const pageEntries = 256

// Done implements datamodel.MapIterator.
func (it *iterator) Done() bool { return it.err == nil && it.n >= it.m.Length() }

// Next implements datamodel.MapIterator. After an error it answers the same again.
func (it *iterator) Next() (datamodel.Node, datamodel.Node, error) {
	if it.Done() {
		return nil, nil, datamodel.ErrIteratorOverread{}
	}
	if len(it.page) == 0 && it.err == nil {
		it.err = it.read()
	}
	if it.err != nil {
		return nil, nil, it.err
	}
	e := it.page[0]
	it.page = it.page[1:]
	it.n++
	return basicnode.NewString(string(e.Key)), it.m.value(e.Value), nil
}

// read reads the next page.
func (it *iterator) read() error {
	it.page = make([]prolly.Entry, 0, pageEntries)
	for e, err := range it.m.tree.Range(it.m.ctx, prolly.Range{From: it.from, Limit: pageEntries}) {
		if err != nil {
			return fmt.Errorf("prollyipld: %w", err)
		}
		it.page = append(it.page, e.Clone())
	}
	if len(it.page) == 0 {
		return fmt.Errorf("prollyipld: %w: fewer entries than the root counts", prolly.ErrCorrupt)
	}
	it.from = append(bytes.Clone(it.page[len(it.page)-1].Key), 0) // the key right after
	return nil
}

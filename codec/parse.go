package codec

import (
	"bytes"
	"encoding/binary"
	"reflect"

	cid "github.com/ipfs/go-cid"
)

// nodeVersion is the first item of every node.
const nodeVersion = 1

// Items of a node's array.
const (
	leafFields  = 9
	innerFields = 7
)

// ParseNode checks the block of a node against every rule that can be checked
// without another block (FORMAT.md, section 4) and returns a view of it. The
// block is not copied. What is wrong is a *DecodeError.
func ParseNode(block []byte) (Node, error) {
	r := reader{block: block}
	n := Node{block: block}
	n.parse(&r)
	if r.err != nil {
		return Node{}, r.err
	}
	return n, nil
}

// ViewNode returns a view of a block that AppendLeaf or AppendInner made, or
// that SetInline or SetChild changed since, without checking what is in it. Of
// any other block it may be nonsense.
func ViewNode(block []byte) Node {
	r := reader{block: block, trusted: true}
	n := Node{block: block}
	n.parse(&r)
	if r.err != nil || invariants && !n.parses() {
		panic("codec: a view of a block that no encoder made")
	}
	return n
}

// parses tells whether the block is a node's, and the view of it the same.
func (n *Node) parses() bool {
	p, err := ParseNode(n.block)
	return err == nil && reflect.DeepEqual(p, *n)
}

func (n *Node) parse(r *reader) {
	if len(r.block) > MaxNode {
		r.fail(0, "block", ErrTooLarge)
		return
	}
	fields := r.head(majorArray, "block")
	if v := r.head(majorUint, "version"); v != nodeVersion {
		r.fail(1, "version", ErrVersion)
	}
	at := r.off
	n.level = uint8(r.uint(MaxLevel, "level"))
	if n.level == 0 && fields != leafFields || n.level > 0 && fields != innerFields {
		r.fail(0, "block", ErrSyntax)
	}
	if r.err != nil {
		return
	}
	n.parseKeys(r)
	if n.level > 0 && n.n < 2 {
		r.fail(at, "block", ErrTooFew)
	}
	if r.err != nil {
		return
	}
	if n.level == 0 {
		n.parseValues(r)
	} else {
		n.parseChildren(r)
	}
	r.end()
}

// parseKeys reads prefix, keyEnds and keys.
func (n *Node) parseKeys(r *reader) {
	prefix, prefixEnd := r.bytes("prefix")
	table, tableEnd := r.bytes("keyEnds")
	keys, keysEnd := r.bytes("keys")
	if r.err != nil {
		return
	}
	if (tableEnd-table)%2 != 0 {
		r.fail(table, "keyEnds", ErrTable)
		return
	}
	n.n = uint16((tableEnd - table) / 2)
	n.prefix, n.prefixEnd = uint16(prefix), uint16(prefixEnd)
	n.keyEnds, n.keys = uint16(table), uint16(keys)
	n.checkKeys(r, keysEnd)
}

// checkKeys goes over the keys, which end at the offset end. It leaves the
// weight and the bytes of the keys in n.
func (n *Node) checkKeys(r *reader, end int) {
	prefix := int(n.prefixEnd - n.prefix)
	if r.trusted {
		n.bytes = uint64(int(n.n)*prefix + end - int(n.keys))
		n.takeHeads(r.block[n.keys:end])
		return
	}
	keys := r.block[n.keys:end]
	table := r.block[n.keyEnds:][:2*int(n.n)]
	if n.n == 0 {
		if prefix != 0 {
			r.fail(int(n.prefix), "prefix", ErrPrefix)
		}
		if len(keys) != 0 {
			r.fail(int(n.keyEnds), "keyEnds", ErrTable)
		}
		return
	}
	var last []byte
	at := 0
	for i := 0; i < len(table); i += 2 {
		to := int(binary.LittleEndian.Uint16(table[i:]))
		if to < at || to > len(keys) {
			r.fail(int(n.keyEnds)+i, "keyEnds", ErrTable)
			return
		}
		suffix := keys[at:to]
		if size := prefix + len(suffix); size == 0 || size > MaxKey {
			r.fail(int(n.keys)+at, "keys", ErrKey)
			return
		}
		if i > 0 && bytes.Compare(last, suffix) >= 0 {
			r.fail(int(n.keys)+at, "keys", ErrOrder)
			return
		}
		last, at = suffix, to
	}
	if at != len(keys) {
		r.fail(int(n.keyEnds)+len(table)-2, "keyEnds", ErrTable)
		return
	}
	n.bytes = uint64(int(n.n)*prefix + len(keys))
	n.takeHeads(keys)
	n.checkPrefix(r, last)
}

// checkPrefix checks that no longer prefix would do. Keys ascend, so what the
// first and the last have in common is common to all.
func (n *Node) checkPrefix(r *reader, last []byte) {
	first := n.Suffix(0)
	if n.n == 1 && len(first) > 0 || n.n > 1 && len(first) > 0 && first[0] == last[0] {
		r.fail(int(n.prefix), "prefix", ErrPrefix)
	}
}

// parseValues reads what follows the keys of a leaf.
func (n *Node) parseValues(r *reader) {
	kinds, kindsEnd := r.bytes("kinds")
	table, tableEnd := r.bytes("valEnds")
	vals, valsEnd := r.bytes("vals")
	at := r.off
	links := r.head(majorArray, "links")
	if r.err != nil {
		return
	}
	n.entries = uint64(n.n)
	n.valEnds, n.vals, n.links = uint16(table), uint16(vals), uint16(r.off)
	if kindsEnd > kinds {
		n.table = uint16(kinds)
		if kindsEnd-kinds != int(n.n) {
			r.fail(kinds, "kinds", ErrTable)
			return
		}
	}
	if tableEnd-table != 2*int(n.n) {
		r.fail(table, "valEnds", ErrTable)
		return
	}
	outOfLine := kindsEnd - kinds - bytes.Count(r.block[kinds:kindsEnd], inlineKind)
	if n.table != 0 && outOfLine == 0 {
		r.fail(kinds, "kinds", ErrKind)
		return
	}
	if links != uint64(outOfLine) {
		r.fail(at, "links", ErrLink)
		return
	}
	weight := int(n.n)*LeafWeight(0, Inline, 0) + int(n.bytes)
	if weight > MaxWeight {
		r.fail(0, "block", ErrTooLarge)
		return
	}
	n.weight = uint16(weight) // what the values add is less than the block
	if n.n <= maxHeads {
		takeEnds(&n.heads.valEnds, r.block[table:tableEnd])
	}
	v := valueCheck{reader: r, node: n, vals: r.block[vals:valsEnd]}
	v.check()
	if n.weight > MaxWeight {
		r.fail(0, "block", ErrTooLarge)
	}
}

// parseChildren reads what follows the keys of an inner node.
func (n *Node) parseChildren(r *reader) {
	stats, statsEnd := r.bytes("stats")
	at := r.off
	links := r.head(majorArray, "links")
	if r.err != nil {
		return
	}
	if statsEnd-stats != int(n.n)*statSize {
		r.fail(stats, "stats", ErrTable)
		return
	}
	if links != uint64(n.n) {
		r.fail(at, "links", ErrLink)
		return
	}
	weight := int(n.n)*InnerWeight(0) + int(n.bytes)
	if weight > MaxWeight {
		r.fail(0, "block", ErrTooLarge)
		return
	}
	n.weight = uint16(weight)
	n.table, n.links = uint16(stats), uint16(r.off)
	n.sumStats(r, r.block[stats:statsEnd])
	if r.trusted {
		r.off += int(n.n) * linkSize
		return
	}
	for range int(n.n) {
		if !isLink(r.block[r.off:], cid.DagCBOR) {
			r.hashLink("links")
			return
		}
		r.off += linkSize
	}
}

func (n *Node) sumStats(r *reader, stats []byte) {
	n.entries, n.bytes = 0, 0
	for i := 0; i < len(stats); i += statSize {
		count := u48(stats[i:])
		if count == 0 {
			r.fail(int(n.table)+i, "stats", ErrStats)
			return
		}
		n.entries += count
		n.bytes += u48(stats[i+6:])
		if n.entries > MaxSum || n.bytes > MaxSum {
			r.fail(int(n.table)+i, "stats", ErrTooLarge)
			return
		}
	}
}

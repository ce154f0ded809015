package codec

// SetInline overwrites the i-th value in block, a copy of n's block, by one of
// the same length: both the old and the new value are Inline. What results is the
// node that AppendLeaf would make, for nothing else depends on a value's bytes.
func (n *Node) SetInline(block []byte, i int, value []byte) {
	from, to := n.valueAt(i)
	copy(block[from:to], value)
}

// SetChild overwrites the i-th child in block, a copy of n's block, by one with
// the same first key.
func (n *Node) SetChild(block []byte, i int, child Hash, count, size uint64) {
	at := int(n.links) + i*linkSize
	copy(block[at+linkSize-HashSize:at+linkSize], child[:])
	stat := block[int(n.table)+i*statSize:]
	putU48(stat, count)
	putU48(stat[6:], size)
}

// With returns the view of block, a copy of n's block that SetInline or SetChild
// changed since. entries and bytes are its Sums: those of n for a leaf.
func (n *Node) With(block []byte, entries, bytes uint64) Node {
	m := *n
	m.block, m.entries, m.bytes = block, entries, bytes
	if invariants && !m.parses() {
		panic("codec: a view of a block that is no changed copy")
	}
	return m
}

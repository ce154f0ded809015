package codec

// SetInline overwrites the i-th value in block, a copy of n's block, by one of
// the same length: both the old and the new value are Inline. What results is the
// node that AppendLeaf would make, for nothing else depends on a value's bytes.
func (n *Node) SetInline(block []byte, i int, value []byte) {
	from, to := ends(n.block, n.valEnds, n.vals, i)
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

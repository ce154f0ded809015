package codec

import "bytes"

// SameFrom returns the first item from i on in which two leaves differ that have the same
// keys and lengths of values, all of them inline: n.Len() when there is none. ok is
// false for any other two leaves. It goes through memory from front to back, which
// is quicker than item by item.
func (n *Node) SameFrom(i int, o *Node) (first int, ok bool) {
	if n.table != 0 || n.vals != o.vals || len(n.block) != len(o.block) || !bytes.Equal(n.block[:n.vals], o.block[:n.vals]) {
		return 0, false
	}
	from, _ := n.valueAt(i)
	at := from + mismatch(n.block[from:], o.block[from:])
	if at == len(n.block) {
		return n.Len(), true
	}
	for {
		if _, to := n.valueAt(i); at < to {
			return i, true
		}
		i++
	}
}

// mismatch is how many bytes two slices of one length begin with alike.
func mismatch(a, b []byte) int {
	at := 0
	for _, stride := range [...]int{512, 64} {
		for at+stride <= len(a) && bytes.Equal(a[at:at+stride], b[at:at+stride]) {
			at += stride
		}
	}
	return at + commonPrefix(a[at:], b[at:])
}

// SameChildren is how many children of an inner node from i on are those of another
// from j on.
func (n *Node) SameChildren(i int, o *Node, j int) int {
	count := min(int(n.n)-i, int(o.n)-j)
	a := n.block[int(n.links)+i*linkSize:][:count*linkSize]
	b := o.block[int(o.links)+j*linkSize:][:count*linkSize]
	return mismatch(a, b) / linkSize
}

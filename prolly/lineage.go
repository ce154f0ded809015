package prolly

import "github.com/go-ds-prolly/go-ds-prolly/codec"

// lineage tells of a node which other it was made of by replacing items, and which
// those are: all others, and all keys, are the same. So the two are compared without
// looking at what they hold. The zero value tells of none. It is known only of nodes
// that were made in this process and have not left memory since.
type lineage struct {
	from    codec.Hash
	changed uint64 // by bit
}

// lineageItems is the most items of which a lineage can tell.
const lineageItems = 64

// since is which items of n are not those of the node of a hash, by bit; 0 when
// that is not known.
func (n *Node) since(h codec.Hash) uint64 {
	if n.lineage.changed == 0 || n.lineage.from != h {
		return 0
	}
	return n.lineage.changed
}

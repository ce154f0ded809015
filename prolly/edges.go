package prolly

import (
	"math"
	"sync/atomic"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// edges are what a stage-1 cut at either end of a node depends on, found when it is
// first asked for: so a repair that comes by again and again need not look at
// the keys. They follow from the node, and may be computed by several goroutines
// at once. A zero is not known yet.
type edges struct {
	first atomic.Uint64 // the first item's priority
	right atomic.Uint64 // the least of those after it that begin less than W from the node's start; MaxUint64: none
	left  atomic.Uint64 // the least of those that begin less than W before the node's end; MaxUint64: none
}

// takeEdges takes over the edges of a node with the same keys and weights.
func (n *Node) takeEdges(o *Node) {
	n.edges.first.Store(o.edges.first.Load())
	n.edges.right.Store(o.edges.right.Load())
	n.edges.left.Store(o.edges.left.Load())
}

// priority is that of the first item.
func (n *Node) priority() uint64 {
	if p := n.edges.first.Load(); p != 0 {
		return p
	}
	p := n.priorityOf(0)
	n.edges.first.Store(p)
	return p
}

func (n *Node) priorityOf(i int) uint64 {
	var buf [codec.MaxKey]byte
	return priority1(n.Level(), n.AppendKey(buf[:0], i))
}

// leastRight is the least priority that the first item competes with in its node.
func (n *Node) leastRight() uint64 {
	if p := n.edges.right.Load(); p != 0 {
		return p
	}
	least := uint64(math.MaxUint64)
	for i, d := 1, n.ItemWeight(0); i < n.Len() && d < minWeight; i++ {
		least = min(least, n.priorityOf(i))
		d += n.ItemWeight(i)
	}
	n.edges.right.Store(least)
	return least
}

// leastLeft is the least priority that the first item of the next node competes
// with in this one.
func (n *Node) leastLeft() uint64 {
	if p := n.edges.left.Load(); p != 0 {
		return p
	}
	least := uint64(math.MaxUint64)
	for i, d := n.Len()-1, 0; i >= 0; i-- {
		if d += n.ItemWeight(i); d >= minWeight {
			break
		}
		least = min(least, n.priorityOf(i))
	}
	n.edges.left.Store(least)
	return least
}

// stage1 tells whether the cut between two neighbouring nodes of a stored
// level is one of stage 1. A window reaches less than W to either side and a
// node weighs at least W, so the two nodes are all it can see.
func stage1(prev, n *Node) bool {
	p := n.priority()
	if least := prev.leastLeft(); least <= p && (least < p || prev.ItemWeight(prev.Len()-1) < minWeight) {
		return false // of equal ones the earlier is smaller
	}
	return n.leastRight() >= p
}

// unbeaten tells whether edits [lo, hi) of a node's items leave a cut at either of
// its ends alone, by looking at them only: nothing goes or becomes lighter, which
// would bring others nearer, and what comes has a priority above p1. False is no
// answer.
func unbeaten(n *Node, edits *levelEdits, lo, hi int, p1 uint64) bool {
	for e := lo; e < hi; e++ {
		key := edits.key(e)
		i, found := n.Find(key)
		switch {
		case edits.del[e], found && edits.weight(e) < n.ItemWeight(i):
			return false
		case !found && (i == 0 || priority1(n.Level(), key) <= p1):
			return false
		}
	}
	return true
}

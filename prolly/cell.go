package prolly

import (
	"sync/atomic"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// Cell is room in a node for the cache that holds it, which so needs no record of
// its own, nor a look at one: the node is looked at anyway. A node is in one
// cache at most, whose business all of it is. The zero value is of a node that
// is in none.
type Cell struct {
	Hash     codec.Hash
	Place    int32 // where the cache lists the node
	Held     bool  // the node is in the cache
	Replaced bool  // a fold has replaced it

	asked atomic.Bool
}

// Cell returns the node's room for its cache.
func (n *Node) Cell() *Cell { return &n.cell }

// Ask notes that the node was asked for. It may be called by any number of
// goroutines, as Asked may.
func (c *Cell) Ask() {
	if !c.asked.Load() { // who only looks does not take the line from others
		c.asked.Store(true)
	}
}

// Asked tells whether the node was asked for since Unask.
func (c *Cell) Asked() bool { return c.asked.Load() }

// Unask forgets that the node was asked for.
func (c *Cell) Unask() { c.asked.Store(false) }

// Replaced is a node of an old tree that has no place in the new one.
type Replaced struct {
	Hash codec.Hash
	Node *Node // as it was loaded
}

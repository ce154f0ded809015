package prolly

import (
	"sync"
	"sync/atomic"
)

// links are the shortcuts from an inner node to children that a cache holds, by
// which they are found without being looked up by their hashes. What stays in
// memory is for the cache to decide all the same: at most one place leads to a
// node, and it is emptied when the node leaves the cache.
//
//	parent ── to[i] ──► child
//	            ▲          │ from
//	            └──────────┘
//
// A node that is made of another, with the same children but for a few, takes
// over what that one remembers (takeLinks).
//
// The zero value leads nowhere.
type links struct {
	to atomic.Pointer[[]place] // of an inner node, made when the first is set

	mu   sync.Mutex // held while to changes or a place of it is set, and guards from
	from *place     // that leads here; nil: none; noPlace: the node left the cache, for good
}

// place is where a child is remembered.
type place = atomic.Pointer[Node]

// noPlace is where the links of a node that left the cache come from.
var noPlace place

// Recall returns child i of an inner node if it was remembered and not forgotten
// since, and nil otherwise.
func (n *Node) Recall(i int) *Node {
	to := n.links.to.Load()
	if to == nil {
		return nil
	}
	child := (*to)[i].Load()
	if n.links.to.Load() != to {
		return nil // handed on meanwhile, so this may be another's child
	}
	return child
}

// Remember keeps child i of an inner node in mind until child.Forget; afterwards
// it does nothing. Another parent that remembered the child does so no more. For
// caches, of nodes that they hold.
func (n *Node) Remember(i int, child *Node) {
	n.links.mu.Lock() // a parent's before its child's: hashes allow no circle
	defer n.links.mu.Unlock()
	to := n.links.to.Load()
	if to == nil {
		made := make([]place, n.Len())
		to = &made
		n.links.to.Store(to)
	}
	at := &(*to)[i]
	l := &child.links
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.from == &noPlace || at.Load() == child {
		return
	}
	l.empty(child)
	l.from = at
	at.Store(child)
}

// takeLinks has n, which nobody else has yet, remember what another node of as
// many children did, which then remembers nothing. Children in which they differ
// are for who calls.
func (n *Node) takeLinks(o *Node) {
	if o.links.to.Load() == nil {
		return
	}
	o.links.mu.Lock()
	defer o.links.mu.Unlock()
	n.links.to.Store(o.links.to.Swap(nil))
}

// relink has n remember a new child i, or none, in place of what it took over.
func (n *Node) relink(i int, child *Node) {
	if to := n.links.to.Load(); to != nil {
		(*to)[i].Store(nil) // the new one may have left the cache already
	}
	if child != nil {
		n.Remember(i, child)
	}
}

// Forget has the parent forget n, now and from now on. Caches call it when n
// leaves them.
func (n *Node) Forget() {
	l := &n.links
	l.mu.Lock()
	defer l.mu.Unlock()
	l.empty(n)
	l.from = &noPlace
}

// empty empties the place that leads to n. l.mu is held.
func (l *links) empty(n *Node) {
	if l.from != nil {
		l.from.CompareAndSwap(n, nil) // another copy of n may have come there since
	}
}

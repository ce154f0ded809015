package prolly

import (
	"context"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// cursor walks the items of one level of a tree, in either direction. It holds
// the path from the root; nodes on it are read once.
//
//	path[0]       root, level = height-1
//	path[len-1]   the node whose items are walked
type cursor struct {
	ctx  context.Context
	ns   NodeStore
	root Addr
	path []frame
}

// frame is a node on the path and which of its items the path goes through.
type frame struct {
	node *Node
	i    int
}

func (t Tree) cursor(ctx context.Context) cursor {
	return cursor{ctx: ctx, ns: t.ns, root: t.root, path: make([]frame, 0, t.level+1)}
}

// clone returns a cursor that moves on its own.
func (c *cursor) clone() cursor {
	d := *c
	d.path = append(make([]frame, 0, cap(c.path)), c.path...)
	return d
}

func (c *cursor) top() *frame { return &c.path[len(c.path)-1] }

// node returns the node whose items are walked.
func (c *cursor) node() *Node { return c.top().node }

// addr returns the address of that node.
func (c *cursor) addr() Addr {
	if k := len(c.path) - 2; k >= 0 {
		return c.path[k].node.Addr(c.path[k].i)
	}
	return c.root
}

// hash is that of the node, looked for where it is at hand.
func (c *cursor) hash() codec.Hash {
	if h := c.node().cell.Hash; h != (codec.Hash{}) {
		return h
	}
	return c.addr().Hash
}

// start puts the root of t on the path.
func (c *cursor) start(t Tree) error {
	n, err := t.rootNode(c.ctx)
	if err != nil {
		return err
	}
	c.root = t.root
	c.path = append(c.path[:0], frame{n, 0})
	return nil
}

// descend extends the path down to level, each step through the item that pick
// chooses.
func (c *cursor) descend(level int, pick func(*Node) int) error {
	for {
		f := c.top()
		f.i = pick(f.node)
		if f.node.Level() <= level {
			return nil
		}
		if err := c.down(); err != nil {
			return err
		}
	}
}

// down enters the child at the top of the path.
func (c *cursor) down() error {
	f := c.top()
	n, err := loadChild(c.ctx, c.ns, f.node, f.i)
	if err != nil {
		return err
	}
	c.path = append(c.path, frame{n, 0})
	return nil
}

func first(*Node) int  { return 0 }
func last(n *Node) int { return n.Len() - 1 }

// seekNode moves to the node of a level in which key belongs: the last one whose
// first key is not above it, or the first of the level. It climbs no further
// than it must, so ascending seeks share their paths.
func (c *cursor) seekNode(t Tree, level int, key []byte) error {
	if len(c.path) == 0 {
		if err := c.start(t); err != nil {
			return err
		}
	}
	for len(c.path) > 1 && !c.covers(len(c.path)-1, key) {
		c.path = c.path[:len(c.path)-1]
	}
	return c.descend(level, func(n *Node) int { return n.childFor(key) })
}

// covers tells whether key belongs in the node of frame k > 0, judged by its
// parent, without climbing higher: false may only cost a longer way.
func (c *cursor) covers(k int, key []byte) bool {
	p := &c.path[k-1]
	if p.i == 0 || p.i == p.node.Len()-1 {
		return false
	}
	return p.node.childFor(key) == p.i
}

// nextNode moves to the first item of the next node of the level; false at the
// end, where the cursor stays.
func (c *cursor) nextNode() (bool, error) { return c.sibling(+1, first) }

// prevNode moves to the last item of the node before; false at the beginning.
func (c *cursor) prevNode() (bool, error) { return c.sibling(-1, last) }

func (c *cursor) sibling(step int, pick func(*Node) int) (bool, error) {
	k := len(c.path) - 2
	for k >= 0 && (c.path[k].i+step < 0 || c.path[k].i+step >= c.path[k].node.Len()) {
		k--
	}
	if k < 0 {
		return false, nil
	}
	if k == len(c.path)-2 {
		p := &c.path[k]
		n, err := loadChild(c.ctx, c.ns, p.node, p.i+step)
		if err != nil {
			return false, err
		}
		p.i += step
		c.path[k+1] = frame{n, pick(n)}
		return true, nil
	}
	// Only a whole step is taken: the path stays as it was when reading fails.
	level := c.node().Level()
	d := cursor{c.ctx, c.ns, c.root, append(make([]frame, 0, cap(c.path)), c.path[:k+1]...)}
	d.top().i += step
	if err := d.down(); err != nil {
		return false, err
	}
	if err := d.descend(level, pick); err != nil {
		return false, err
	}
	c.path = append(c.path[:0], d.path...)
	return true, nil
}

// fence returns the first key after the current node, nil when there is none.
// It is appended to buf.
func (c *cursor) fence(buf []byte) []byte {
	for k := len(c.path) - 2; k >= 0; k-- {
		if f := &c.path[k]; f.i+1 < f.node.Len() {
			return f.node.AppendKey(buf, f.i+1)
		}
	}
	return nil
}

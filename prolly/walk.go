package prolly

import (
	"context"
	"errors"
)

// SkipNode, returned by the function given to Walk, leaves out what stands
// below the node.
var SkipNode = errors.New("prolly: skip what is below this node")

// Walk calls f with every node of the tree, parents before children, children
// in key order. Another error than SkipNode ends the walk and is returned.
func (t Tree) Walk(ctx context.Context, f func(Addr, *Node) error) error {
	n, err := t.rootNode(ctx)
	if err != nil {
		return err
	}
	return t.walk(ctx, t.root, n, f)
}

func (t Tree) walk(ctx context.Context, a Addr, n *Node, f func(Addr, *Node) error) error {
	if err := f(a, n); err == SkipNode {
		return nil
	} else if err != nil {
		return err
	}
	if n.Level() == 0 {
		return nil
	}
	for i := range n.Len() {
		if err := ctx.Err(); err != nil {
			return err
		}
		c, err := loadChild(ctx, t.ns, n, i)
		if err != nil {
			return err
		}
		if err := t.walk(ctx, n.Addr(i), c, f); err != nil {
			return err
		}
	}
	return nil
}

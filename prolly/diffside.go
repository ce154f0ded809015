package prolly

import (
	"context"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// side is one tree of a diff: the path to its head. Finished nodes leave the
// path when the head is asked for, so that what was just passed can still be
// read.
type side struct {
	ns   NodeStore
	lo   []byte
	path []sideFrame
	last *sideFrame // passed by the latest next
	key  []byte     // scratch

	reads int
	seen  map[codec.Hash]int // nil when nobody counts
	mark  int
}

type sideFrame struct {
	node *Node
	i    int

	twin    *Node  // a node of the other tree with the same keys; nil: none is known
	changed uint64 // the items that are not the twin's, by bit
}

func (s *side) start(ctx context.Context, t Tree) error {
	s.ns = t.ns
	s.path = make([]sideFrame, 0, t.level+2)
	n, err := t.rootNode(ctx)
	if err != nil {
		return err
	}
	s.push(n)
	if s.seen != nil {
		s.seen[t.root.Hash] |= s.mark
	}
	return nil
}

// push enters a node at the first item that the range can touch.
func (s *side) push(n *Node) {
	i := 0
	if len(s.lo) > 0 {
		if n.Level() > 0 {
			i = n.childFor(s.lo)
		} else {
			i, _ = n.Find(s.lo)
		}
	}
	s.path = append(s.path, sideFrame{node: n, i: i})
	s.reads++
}

// head returns the frame whose item comes next, nil at the end. It is valid
// until the next call.
func (s *side) head() *sideFrame {
	for len(s.path) > 0 {
		if f := &s.path[len(s.path)-1]; f.i < f.node.Len() {
			return f
		}
		s.path = s.path[:len(s.path)-1]
	}
	return nil
}

// top returns the frame of the node entered last.
func (s *side) top() *sideFrame { return &s.path[len(s.path)-1] }

// next passes the head.
func (s *side) next() {
	s.last = &s.path[len(s.path)-1]
	s.last.i++
}

// end gives up all that follows.
func (s *side) end() { s.path = s.path[:0] }

// down passes the head and enters the node it names.
func (s *side) down(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f := &s.path[len(s.path)-1]
	n, err := loadChild(ctx, s.ns, f.node, f.i)
	if err != nil {
		return err
	}
	if s.seen != nil {
		s.seen[f.node.Child(f.i)] |= s.mark
	}
	f.i++
	s.push(n)
	return nil
}

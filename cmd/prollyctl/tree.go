package main

import (
	"context"
	"fmt"
	"io"

	cid "github.com/ipfs/go-cid"
	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/djson"
	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/plain"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

type treeOptions struct{ depth, width int }

func newTree(a *app) *cobra.Command {
	var o treeOptions
	c := &cobra.Command{
		Use:   "tree [REF]",
		Short: "Draw the nodes of a version",
		Long: `tree draws the nodes of a version, by default of the branch's last commit: what
each holds, the size of its block, its first key, and the end of its CID. It
goes --depth levels below the root, and shows --width children of a node.`,
		Example: `  prollyctl tree
  prollyctl tree main~1 --depth 2 --width 4
  prollyctl tree --depth -1 --width 0 -o json     # all of it`,
		Args:              wantArgs(0, 1),
		ValidArgsFunction: a.completeRefs,
		RunE:              func(c *cobra.Command, args []string) error { return a.tree(c.Context(), optional(args, 0), o) },
	}
	c.Flags().IntVar(&o.depth, "depth", 1, "levels to show below the root; -1 for all")
	c.Flags().IntVar(&o.width, "width", 12, "children to show of a node; 0 for all")
	return c
}

// nodeInfo is a node and what was asked for below it, as JSON.
type nodeInfo struct {
	CID      cid.Cid     `json:"cid"`
	Level    int         `json:"level"`
	Items    int         `json:"items"`   // entries of a leaf, children of another
	Entries  uint64      `json:"entries"` // in the tree below
	Bytes    int         `json:"bytes"`   // of the block
	Weight   int         `json:"weight"`
	FirstKey djson.Bytes `json:"firstKey"`
	Children []*nodeInfo `json:"children,omitempty"`
	Omitted  int         `json:"omitted,omitempty"` // children that are not shown
}

func newNodeInfo(a prolly.Addr, n *prolly.Node) *nodeInfo {
	info := &nodeInfo{
		CID:    a.Hash.CID(),
		Level:  n.Level(),
		Items:  n.Len(),
		Bytes:  len(n.Block()),
		Weight: n.Weight(),
	}
	info.Entries, _ = n.Sums()
	if n.Len() > 0 {
		info.FirstKey = n.AppendKey(nil, 0)
	}
	return info
}

func (a *app) tree(ctx context.Context, ref string, o treeOptions) error {
	if o.width < 0 {
		return usagef("--width %d is below 0", o.width)
	}
	return a.reading(ctx, func(s *session) error {
		r, err := s.committed(ctx, ref)
		if err != nil {
			return err
		}
		root, err := s.nodes(ctx, r, o)
		if err != nil {
			return err
		}
		return a.print(root, func(w io.Writer) { root.draw(w, "", "") })
	})
}

// nodes reads the nodes to show.
func (s *session) nodes(ctx context.Context, r engine.Resolved, o treeOptions) (*nodeInfo, error) {
	snap, err := s.e.Tree(ctx, r.Root)
	if err != nil {
		return nil, err
	}
	top := snap.Tree().Height() - 1
	path := make([]*nodeInfo, top+1) // by level: the node that the walk is in
	err = snap.Tree().Walk(ctx, func(addr prolly.Addr, n *prolly.Node) error {
		if n.Level() < top {
			parent := path[n.Level()+1]
			if o.width > 0 && len(parent.Children) == o.width {
				parent.Omitted++
				return prolly.SkipNode
			}
		}
		info := newNodeInfo(addr, n)
		path[n.Level()] = info
		if n.Level() < top {
			parent := path[n.Level()+1]
			parent.Children = append(parent.Children, info)
		}
		if o.depth >= 0 && top-n.Level() >= o.depth {
			return prolly.SkipNode
		}
		return nil
	})
	return path[top], also(err, snap.Close())
}

// shownKey is how many bytes of a key a drawing shows.
const shownKey = 40

// draw writes a node and what is below it. first stands before its own line and
// rest before the others.
func (n *nodeInfo) draw(w io.Writer, first, rest string) {
	what := "leaf, " + many(n.Items, "entry", "entries")
	if n.Level > 0 {
		what = fmt.Sprintf("level %d, %s, %s", n.Level, many(n.Items, "child", "children"), many(n.Entries, "entry", "entries"))
	}
	name := n.CID.String()
	fmt.Fprintf(w, "%s%s  %s bytes  \"%s\"  …%s\n", first, what, count(n.Bytes), plain.Head(n.FirstKey, shownKey), name[len(name)-8:])
	for i, c := range n.Children {
		if i == len(n.Children)-1 && n.Omitted == 0 {
			c.draw(w, rest+"└─ ", rest+"   ")
		} else {
			c.draw(w, rest+"├─ ", rest+"│  ")
		}
	}
	if n.Omitted > 0 {
		fmt.Fprintf(w, "%s└─ … %s more\n", rest, count(n.Omitted))
	}
}

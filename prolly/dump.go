package prolly

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// Dump draws the tree as text, a line a node: its level by indentation, its
// entries, weight and size, its first key and the beginning of its CID. Nodes
// more than depth levels below the root are left out; a negative depth draws all.
func (t Tree) Dump(ctx context.Context, w io.Writer, depth int) error {
	return t.Walk(ctx, func(a Addr, n *Node) error {
		below := t.level - n.Level()
		items := "entries"
		if n.Level() > 0 {
			items = "children"
		}
		var key []byte
		if n.Len() > 0 {
			key = n.AppendKey(nil, 0)
		}
		count, _ := n.Sums()
		_, err := fmt.Fprintf(w, "%s%s %d %s, %d below, weight %d, %d bytes, from %q\n",
			strings.Repeat("  ", below), shortCID(a), n.Len(), items, count, n.Weight(), len(n.Block()), clip(key))
		if err == nil && below == depth {
			err = SkipNode
		}
		return err
	})
}

// shortCID keeps the end, for all CIDs of nodes begin alike.
func shortCID(a Addr) string {
	s := a.Hash.String()
	return "…" + s[len(s)-8:]
}

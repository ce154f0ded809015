package main

import (
	"fmt"
	"io"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/djson"
	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/plain"
	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// shownNode is a node with all that stands in it.
type shownNode struct {
	blockInfo
	Level   int         `json:"level"`
	Weight  int         `json:"weight"`
	Entries uint64      `json:"entries"` // in the tree below
	Bytes   uint64      `json:"bytes"`   // of their keys and values
	Prefix  djson.Bytes `json:"prefix"`  // of all keys
	Items   []itemInfo  `json:"items"`
}

// itemInfo is an entry of a leaf, or a child of another node: Key is then the
// first key below.
type itemInfo struct {
	Key   djson.Bytes  `json:"key"`
	Value *djson.Bytes `json:"value,omitempty"` // kept in the leaf
	Link  *cid.Cid     `json:"link,omitempty"`  // the value is a link
	Blob  *cid.Cid     `json:"blob,omitempty"`  // the value stands there
	Size  *uint64      `json:"size,omitempty"`  // of a value that stands elsewhere

	Child   *cid.Cid `json:"child,omitempty"`
	Entries *uint64  `json:"entries,omitempty"`
	Bytes   *uint64  `json:"bytes,omitempty"`
}

func newShownNode(head blockInfo, n *codec.Node) shownNode {
	head.Kind = "leaf"
	if n.Level() > 0 {
		head.Kind = "inner"
	}
	info := shownNode{blockInfo: head, Level: n.Level(), Weight: n.Weight(), Prefix: n.Prefix(), Items: []itemInfo{}}
	info.Entries, info.Bytes = n.Sums()
	for i := range n.Len() {
		if n.Level() > 0 {
			info.Items = append(info.Items, childItem(n, i))
		} else {
			info.Items = append(info.Items, leafItem(n, i))
		}
	}
	return info
}

func childItem(n *codec.Node, i int) itemInfo {
	c, entries, bytes := n.Child(i).CID(), n.Count(i), n.Bytes(i)
	return itemInfo{Key: n.AppendKey(nil, i), Child: &c, Entries: &entries, Bytes: &bytes}
}

func leafItem(n *codec.Node, i int) itemInfo {
	item := itemInfo{Key: n.AppendKey(nil, i)}
	if n.Kind(i) == codec.Inline {
		v := djson.Bytes(n.Inline(i))
		item.Value = &v
		return item
	}
	c, err := cid.Cast(n.Link(i))
	if err != nil { // the node was parsed: it has only whole CIDs
		c = cid.Undef
	}
	if n.Kind(i) == codec.Link {
		item.Link = &c
		return item
	}
	size := n.Size(i)
	item.Blob, item.Size = &c, &size
	return item
}

// shownValue is how many bytes of a value are shown as text.
const shownValue = 60

func (n shownNode) write(w io.Writer) {
	what := fmt.Sprintf("a leaf of %s", many(len(n.Items), "entry", "entries"))
	if n.Level > 0 {
		what = fmt.Sprintf("a node of level %d with %s and %s below", n.Level, many(len(n.Items), "child", "children"), many(n.Entries, "entry", "entries"))
	}
	n.title(w, what)
	fmt.Fprintf(w, "weight %s, prefix %s\n", count(n.Weight), quote(n.Prefix))
	for _, item := range n.Items {
		fmt.Fprintf(w, "  %s\t", plain.Bytes(item.Key))
		switch {
		case item.Child != nil:
			fmt.Fprintf(w, "%v  %s\n", *item.Child, many(*item.Entries, "entry", "entries"))
		case item.Link != nil:
			fmt.Fprintf(w, "<link %v>\n", *item.Link)
		case item.Blob != nil:
			fmt.Fprintf(w, "<%s, %v>\n", many(*item.Size, "byte", "bytes"), *item.Blob)
		default:
			fmt.Fprintln(w, plain.Head(*item.Value, shownValue))
		}
	}
}

package codec

import (
	"fmt"
	"strings"

	cid "github.com/ipfs/go-cid"
)

// shownValue is how many bytes of a value String shows.
const shownValue = 32

// String tells about the node, for people: a line for the node, and one for
// each item. Keys and values are quoted, with what a terminal must not see
// escaped.
func (n *Node) String() string {
	var b strings.Builder
	name := "leaf"
	if n.level > 0 {
		name = fmt.Sprintf("node of level %d", n.level)
	}
	fmt.Fprintf(&b, "%s: %d items, weight %d, block %d, entries %d, bytes %d, prefix %q\n",
		name, n.n, n.weight, len(n.block), n.entries, n.bytes, n.Prefix())
	for i := range n.Len() {
		fmt.Fprintf(&b, "  %q  ", n.AppendKey(nil, i))
		if n.level > 0 {
			fmt.Fprintf(&b, "%v  entries %d, bytes %d\n", n.Child(i), n.Count(i), n.Bytes(i))
			continue
		}
		n.describeValue(&b, i)
	}
	return b.String()
}

func (n *Node) describeValue(b *strings.Builder, i int) {
	switch n.Kind(i) {
	case Blob:
		fmt.Fprintf(b, "blob of %d bytes, %s\n", n.Size(i), cidText(n.Link(i)))
	case Link:
		fmt.Fprintf(b, "link %s\n", cidText(n.Link(i)))
	default:
		v := n.Inline(i)
		if len(v) <= shownValue {
			fmt.Fprintf(b, "%q\n", v)
			return
		}
		fmt.Fprintf(b, "%q... of %d bytes\n", v[:shownValue], len(v))
	}
}

func cidText(b []byte) string {
	c, err := cid.Cast(b)
	if err != nil {
		return fmt.Sprintf("%x", b)
	}
	return c.String()
}

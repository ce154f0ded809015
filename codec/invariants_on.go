//go:build invariants

package codec

import (
	"bytes"
	"fmt"
)

// invariants turns on checks that are too dear for every day.
const invariants = true

// mustBeLeaf panics unless block is a sound leaf that holds the entries.
func mustBeLeaf(block []byte, entries []LeafEntry) {
	n := mustParse(block, 0, len(entries))
	for i := range entries {
		e := &entries[i]
		same := bytes.Equal(n.AppendKey(nil, i), e.Key) && n.Kind(i) == e.Kind
		switch {
		case !same:
		case e.Kind == Inline:
			same = bytes.Equal(n.Inline(i), e.Value)
		case e.Kind == Blob:
			same = n.Size(i) == e.Size && bytes.Equal(n.Link(i), e.Link)
		default:
			same = bytes.Equal(n.Link(i), e.Link)
		}
		if !same {
			panic(fmt.Sprintf("codec: entry %d of a leaf was not encoded as given", i))
		}
	}
}

// mustBeInner panics unless block is a sound inner node that holds the
// entries.
func mustBeInner(block []byte, level int, entries []InnerEntry) {
	n := mustParse(block, level, len(entries))
	for i := range entries {
		e := &entries[i]
		if !bytes.Equal(n.AppendKey(nil, i), e.Key) || n.Child(i) != e.Child ||
			n.Count(i) != e.Count || n.Bytes(i) != e.Bytes {
			panic(fmt.Sprintf("codec: child %d of an inner node was not encoded as given", i))
		}
	}
}

func mustParse(block []byte, level, items int) Node {
	n, err := ParseNode(block)
	if err != nil {
		panic(fmt.Sprintf("codec: encoded a node that is none: %v", err))
	}
	if n.Level() != level || n.Len() != items {
		panic("codec: encoded another node than the one given")
	}
	return n
}

package prolly

import (
	"bytes"
	"context"
	"fmt"
	"iter"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// Child is what an inner node says of one of its children.
type Child struct {
	Key            []byte // the first one
	Addr           Addr
	Entries, Bytes uint64 // as Node.Sums
}

// Assemble writes the inner nodes above leaves that are given in key order, without
// reading these: the structure of a tree follows from what is below, so whoever knows
// the leaves can make lost inner nodes again. It believes what it is told: the result
// is the tree that was lost if, and only if, its root, or the node in question, has the
// hash that the lost one had. Keys that do not ascend are ErrUnsorted. A key need be valid
// only until the next one is asked for.
func Assemble(ctx context.Context, ns NodeStore, leaves iter.Seq2[Child, error]) (Tree, error) {
	b := newBuilder(ctx, ns)
	level, err := b.level(0)
	if err != nil {
		return Tree{}, err
	}
	var last []byte
	for c, err := range leaves {
		if err == nil && level.nodes > 0 && bytes.Compare(last, c.Key) >= 0 {
			err = fmt.Errorf("%w: leaf %d (%q after %q)", ErrUnsorted, level.nodes, clip(c.Key), clip(last))
		}
		if err == nil {
			last = append(last[:0], c.Key...)
			err = b.emit(0, level, child{InnerEntry: codec.InnerEntry{Key: c.Key, Child: c.Addr.Hash, Count: c.Entries, Bytes: c.Bytes}, hint: c.Addr.Hint})
		}
		if err != nil {
			return Tree{}, b.failed(err)
		}
	}
	return b.finish()
}

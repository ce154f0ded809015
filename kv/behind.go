package kv

import (
	"context"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// Behind is the ability of a store to write nodes in large runs, some time after
// the batches that put them. Nodes in large runs cost a device little more than
// their bytes, and a node that nobody needs any more when its run is written
// costs nothing.
type Behind interface {
	// NewBehind begins a batch whose nodes are found by readers from its
	// Commit on, and become durable later: by themselves, or through
	// WriteNodes, never through Sync alone. Until then a crash may lose any of
	// them, while what else is in the batch, blobs, ref and records, is as in
	// any other batch. So only nodes that their writer can make again are to be
	// put so, or nodes that nothing durable names before WriteNodes.
	//
	// PutNode keeps the block and the children that it is given; nobody may
	// change them afterwards.
	NewBehind() Batch

	// Put is how many nodes were put behind so far. It is a mark for Written
	// and Spare.
	Put() uint64

	// Written tells whether the nodes put up to the mark are durable, but for
	// those that were spared.
	Written(mark uint64) bool

	// WriteNodes makes durable the nodes that were put behind before the call.
	WriteNodes(ctx context.Context) error

	// WriteSoon begins what WriteNodes does and does not wait for it.
	WriteSoon()

	// Spare says that nobody needs nodes any more that were put after the
	// mark: each entry takes back one PutNode. Those for which all were taken
	// back before they are written never will be, and readers no longer find
	// them. Nodes that are written already, or were put before, stay.
	Spare(nodes []codec.Hash, after uint64)
}

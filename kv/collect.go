package kv

import (
	"context"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// Collector is the ability to give space back while others read and write.
//
//	Collect ──► Mark, MarkBlob: what must stay ──► Sweep ──► Close
//	   │
//	   └─ whatever is put from here on stays, also what was there already
type Collector interface {
	// Collect begins a collection. ErrBusy while another is under way. A store
	// that is read-only can be marked and not swept.
	Collect(ctx context.Context) (Collection, error)
}

// Collection is a collection of garbage under way. All methods may be called by
// several goroutines at once; after Close they answer nil and do nothing.
//
// What was put by a batch that was begun before Collect must be committed before
// Sweep; it stays only if it is marked.
type Collection interface {
	// Marked tells what is known of a node. ErrNotFound when it is not here.
	Marked(ctx context.Context, h codec.Hash) (Mark, error)

	// Mark makes a node stay; it never takes a mark back. ErrNotFound when it is
	// not here, or no longer: a node for which Mark answered nil stays, even
	// while Sweep is at work.
	Mark(ctx context.Context, h codec.Hash, m Mark) error

	// MarkBlob makes a blob stay, if it is here. If it still is after the call
	// it will be after Sweep.
	MarkBlob(ctx context.Context, multihash []byte) error

	// Sweep removes what was neither marked nor put since the collection began.
	// Others go on reading and writing; they wait for a bounded number of
	// removals at a time. It is durable when it returns. When it is cut short,
	// also by a crash, a part is removed and the store is sound.
	Sweep(ctx context.Context, o SweepOptions) (Collected, error)

	// Close ends the collection. It answers nil when called again.
	Close() error
}

// Mark is what a collection knows of a node.
type Mark uint8

const (
	Unmarked Mark = iota
	Young         // put since the collection began: it stays, whatever is below it
	Kept          // it stays, whatever is below it
	Whole         // it stays, and so does all that is below it
)

// SweepOptions of a Collection.
type SweepOptions struct {
	DryRun   bool                        // count and remove nothing
	KeepBlob func(multihash []byte) bool // spared besides; nil: none
	Progress func(Collected)             // told now and then; nil: nobody is
}

// Collected is what a collection removed, or would have, and what it met.
type Collected struct {
	Swept

	Copies, CopyBytes    uint64 // of nodes, older than the one that is found by hash
	KeptNodes, KeptBytes uint64
	KeptBlobs            uint64
	Rewritten            uint64 // bytes of nodes in reach of the compactions that gave the space back
	Holds                Holds  // how long others had to wait
}

// Holds counts how long others had to wait for a collection.
type Holds struct {
	N       uint64
	Longest time.Duration
	Cause   string // of the longest
	Under   [len(HoldBounds) + 1]uint64
}

// HoldBounds are the upper bounds of the classes in Holds.Under, but for the
// last.
var HoldBounds = [...]time.Duration{
	100 * time.Microsecond, 300 * time.Microsecond, time.Millisecond, 3 * time.Millisecond,
	10 * time.Millisecond, 30 * time.Millisecond, 100 * time.Millisecond,
}

// Add notes a wait.
func (h *Holds) Add(d time.Duration, cause string) {
	i := 0
	for i < len(HoldBounds) && d > HoldBounds[i] {
		i++
	}
	h.N, h.Under[i] = h.N+1, h.Under[i]+1
	if d > h.Longest {
		h.Longest, h.Cause = d, cause
	}
}

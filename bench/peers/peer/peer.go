package peer

import (
	"context"
	"errors"
	"iter"

	datastore "github.com/ipfs/go-datastore"

	"github.com/go-ds-prolly/go-ds-prolly/bench/dataset"
)

// ErrNotFound: the store has no such key.
var ErrNotFound = errors.New("peer: not found")

// Peer is a store under comparison, and how to come by it.
type Peer struct {
	Name    string // heads its column, and chooses it on the command line
	Ours    bool   // it is what the comparison is about
	About   string // a sentence: which interface, which settings
	Module  string // the module whose version is stated
	Format  string // stores of one format have equal roots (B1); empty: none to compare
	MaxReps int    // for the slow; 0: as many as asked for
	Syncs   bool   // every root waits for the disk
	Scales  bool   // it is measured at several sizes, when those are asked for
	Forgets bool   // nothing is left after Close: what others reopen it loads again

	// Open opens the store in dir, an empty directory or one that Open and
	// Close have left behind.
	Open func(ctx context.Context, dir string, o Options) (Store, error)
}

// Options are the same for all.
type Options struct {
	CacheBytes int64 // for everything that is cached of what is stored
}

// Store is an open store. It belongs to one goroutine. It must not change the
// entries it is given, and may keep them: nobody else changes them.
type Store interface {
	// Batch writes entries whose keys differ, in any order. The root, when the
	// peer has roots, is of all that is in the store then, and in it.
	Batch(ctx context.Context, entries []dataset.Entry) (root []byte, err error)

	// Get returns a value that is the caller's, or ErrNotFound.
	Get(ctx context.Context, key []byte) ([]byte, error)

	// Scan yields all entries in key order. They are valid until f returns.
	Scan(ctx context.Context, f func(key, value []byte) error) error

	// Sync makes durable what was written.
	Sync(ctx context.Context) error

	// Close makes it durable and gives everything back.
	Close() error
}

// SortedLoader loads entries in key order into an empty store.
type SortedLoader interface {
	LoadSorted(ctx context.Context, entries []dataset.Entry) (root []byte, err error)
}

// StreamLoader is SortedLoader for what is not in memory.
type StreamLoader interface {
	LoadStream(ctx context.Context, sorted iter.Seq[dataset.Entry]) (root []byte, err error)
}

// Stager writes so that a crash of the process would lose nothing, and makes
// the root of all that later.
type Stager interface {
	Stage(ctx context.Context, entries []dataset.Entry) error
	Root(ctx context.Context) ([]byte, error)
}

// Historian is Batch whose roots stay readable: a commit.
type Historian interface {
	Commit(ctx context.Context, entries []dataset.Entry) (root []byte, err error)
}

// Putter writes one entry and makes no root.
type Putter interface {
	Put(ctx context.Context, key, value []byte) error
}

// Version is the store as it was at a moment.
type Version interface{ Close() error }

// Differ tells versions apart. f gets changes in key order, nil for a value
// that is not there; they are valid until it returns.
type Differ interface {
	Version(ctx context.Context) (Version, error)
	Diff(ctx context.Context, from, to Version, f func(key, from, to []byte) error) error
}

// OneSided is a Differ that tells only what a value became.
type OneSided interface{ OneSided() }

// DiffCounter also tells how many nodes a diff visits in both trees, whether a
// cache had them or not, and how many of them stand in one tree only; differing is 0 when not known.
type DiffCounter interface {
	DiffNodes(ctx context.Context, from, to Version) (visited, differing int, err error)
}

// Querier runs a query of go-datastore for everything, in no order asked for.
type Querier interface {
	Query(ctx context.Context, f func(key string, value []byte) error) error
}

// Datastorer is a store that is used through go-datastore.
type Datastorer interface {
	Datastore() datastore.Batching
}

// Settler finishes what is written to files behind, as far as there is a call
// for it.
type Settler interface {
	Settle(ctx context.Context) error
}

// ErrNoCollector: the store has no way to give space back.
var ErrNoCollector = errors.New("peer: no garbage collection")

// Collector gives back what only earlier roots need. The last root stays.
type Collector interface {
	Collect(ctx context.Context) error
}

// Heighter tells how many levels of nodes there are.
type Heighter interface {
	Height(ctx context.Context) (int, error)
}

// NodeCounter tells how many bytes of nodes were written since Open.
type NodeCounter interface {
	NodeBytes() uint64
}

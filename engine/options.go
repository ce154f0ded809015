package engine

import (
	"log/slog"
	"time"
)

// Durability says what a write waits for.
type Durability uint8

const (
	// Sync: the write has reached the disk when the call returns. Calls that
	// run at once share the wait.
	Sync Durability = iota

	// NoSync: the write is in order and visible, and durable with the next
	// write that is, or the next Sync.
	NoSync
)

// durable is what a list of optional arguments asks for: Sync when it is empty.
func durable(d []Durability) bool { return len(d) == 0 || d[len(d)-1] == Sync }

const (
	defaultCacheBytes   = 64 << 20
	defaultStagingBytes = 32 << 20
	defaultOpenBranches = 1024
	maxStagingBytes     = 512 << 20 // of StagingBytes; twice as much of MaxStagingBytes
)

// Options of an engine. The zero value is good, and nil stands for it. None of
// them changes what is stored.
type Options struct {
	// CacheBytes bounds the cache of decoded nodes; 64 MiB when 0.
	CacheBytes int64

	// StagingBytes is how much is staged on a branch, in bytes of memory, before it
	// is folded in the background; 32 MiB when 0, 512 MiB at most. While folds would
	// write most of the tree again they begin only StagingBytes short of
	// MaxStagingBytes: a load in random order then writes the tree once or twice.
	StagingBytes int64

	// MaxStagingBytes bounds what is staged on a branch, in bytes of memory; there
	// writers wait for a fold. When 0 it is twice StagingBytes; when that is 0 too,
	// it is CacheBytes and 32 MiB, but not less than 64 MiB. 1 GiB at most. A root
	// may have as much to fold, about a second for 100 MiB in random order; and
	// whoever opens the branch may have as much to read.
	MaxStagingBytes int64

	// OpenBranches is how many branches that nothing holds stay in memory, with
	// what is staged on them; 1,024 when 0. Others are let go, those first that
	// were not asked for the longest, and come back from the store when they are.
	OpenBranches int

	// Logger is told of what nobody else would hear: failures of background
	// folds. Nothing is logged when nil.
	Logger *slog.Logger

	// ReadOnly opens without writing anything: methods that would write answer
	// ErrReadOnly. Snapshots of staged writes are folded in memory.
	ReadOnly bool

	// MustExist makes Open answer ErrNoStore when the directory holds no store.
	MustExist bool

	// Now is the clock of commits; time.Now when nil.
	Now func() time.Time
}

// withDefaults returns a copy with every field set.
func (o *Options) withDefaults() Options {
	var r Options
	if o != nil {
		r = *o
	}
	if r.CacheBytes <= 0 {
		r.CacheBytes = defaultCacheBytes
	}
	r.stagingDefaults()
	if r.OpenBranches <= 0 {
		r.OpenBranches = defaultOpenBranches
	}
	if r.Logger == nil {
		r.Logger = slog.New(slog.DiscardHandler)
	}
	if r.Now == nil {
		r.Now = time.Now
	}
	return r
}

func (o *Options) stagingDefaults() {
	most := 2 * o.StagingBytes
	if o.StagingBytes <= 0 {
		o.StagingBytes = defaultStagingBytes
		most = max(o.CacheBytes, o.StagingBytes) + o.StagingBytes
	}
	if o.MaxStagingBytes <= 0 {
		o.MaxStagingBytes = most
	}
	o.MaxStagingBytes = max(2, min(o.MaxStagingBytes, 2*maxStagingBytes))
	o.StagingBytes = min(o.StagingBytes, o.MaxStagingBytes/2)
}

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
	maxStagingBytes     = 512 << 20
)

// Options of an engine. The zero value is good, and nil stands for it. None of
// them changes what is stored.
type Options struct {
	// CacheBytes bounds the cache of decoded nodes; 64 MiB when 0.
	CacheBytes int64

	// StagingBytes is how much may be staged on a branch before it is folded in the
	// background; 32 MiB when 0, 512 MiB at most. At twice as much writers wait.
	StagingBytes int64

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
	if r.StagingBytes <= 0 {
		r.StagingBytes = defaultStagingBytes
	}
	r.StagingBytes = min(r.StagingBytes, maxStagingBytes)
	if r.Logger == nil {
		r.Logger = slog.New(slog.DiscardHandler)
	}
	if r.Now == nil {
		r.Now = time.Now
	}
	return r
}

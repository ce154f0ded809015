package prollyds

import (
	"log/slog"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

// Option changes how a Datastore behaves; none changes what is stored.
type Option func(*options)

type options struct {
	branch     string
	engine     engine.Options
	durability engine.Durability
	history    bool
	now        func() time.Time
}

const defaultBranch = "main"

func gather(opts []Option) options {
	o := options{branch: defaultBranch, durability: engine.NoSync, now: time.Now}
	for _, opt := range opts {
		opt(&o)
	}
	o.engine.Now = o.now
	return o
}

// WithBranch names the branch that NewDatastore uses; "main" without it. Wrap,
// which is given a branch, ignores it.
func WithBranch(name string) Option { return func(o *options) { o.branch = name } }

// WithCacheBytes bounds the node cache of the engine that NewDatastore opens,
// in bytes; 64 MiB without it or with 0. Wrap ignores it.
func WithCacheBytes(n int64) Option { return func(o *options) { o.engine.CacheBytes = n } }

// WithStagingBytes is how much NewDatastore's engine stages, in bytes, before it
// folds in the background; 32 MiB without it or with 0. Wrap ignores it.
func WithStagingBytes(n int64) Option { return func(o *options) { o.engine.StagingBytes = n } }

// WithReadOnly opens without writing anything; methods that would write answer
// engine.ErrReadOnly. The store and the branch must exist. Wrap ignores it.
func WithReadOnly() Option {
	return func(o *options) { o.engine.ReadOnly, o.engine.MustExist = true, true }
}

// WithDurability says what Put, Delete, a batch's or a transaction's Commit and
// the methods that set a time to live wait for. It is engine.NoSync without
// this option: what they write is visible at once, in order, and durable at the
// next Sync, as go-ds-pebble and go-ds-badger4 have it. With engine.Sync each of
// them is durable when it returns, as in go-ds-leveldb.
func WithDurability(d engine.Durability) Option { return func(o *options) { o.durability = d } }

// WithHistory makes Sync record a commit when the datastore has changed since
// the last one, so that the branch's log, diffs and time travel reach what each
// Sync made durable. Without it no history is kept.
func WithHistory() Option { return func(o *options) { o.history = true } }

// WithLogger tells l of what nobody else would hear, such as a background fold
// that failed. Nothing is logged without it. Wrap ignores it.
func WithLogger(l *slog.Logger) Option { return func(o *options) { o.engine.Logger = l } }

// WithClock replaces time.Now, for expiry and for the times of commits.
func WithClock(now func() time.Time) Option { return func(o *options) { o.now = now } }

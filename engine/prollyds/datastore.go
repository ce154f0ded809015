package prollyds

import (
	"context"
	"errors"
	"sync/atomic"

	datastore "github.com/ipfs/go-datastore"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

// Datastore is a go-datastore over a branch. All methods may be called by
// several goroutines at once. After Close all of them answer engine.ErrClosed;
// none panics.
type Datastore struct {
	o         options
	b         *engine.Branch
	owned     bool // the engine was opened here
	closed    atomic.Bool
	cursors   cursors
	ttl       *ttlLock
	recording chan struct{} // full while Sync records a commit
}

var (
	_ datastore.Batching            = (*Datastore)(nil)
	_ datastore.TxnDatastore        = (*Datastore)(nil)
	_ datastore.TTLDatastore        = (*Datastore)(nil)
	_ datastore.GCDatastore         = (*Datastore)(nil)
	_ datastore.CheckedDatastore    = (*Datastore)(nil)
	_ datastore.ScrubbedDatastore   = (*Datastore)(nil)
	_ datastore.PersistentDatastore = (*Datastore)(nil)
)

// NewDatastore opens the store in dir, on Pebble, which is created when it is
// missing. One handle at a time may hold a directory: another one's error is
// engine.ErrLocked.
func NewDatastore(dir string, opts ...Option) (*Datastore, error) {
	o := gather(opts)
	e, err := engine.Open(dir, &o.engine)
	if err != nil {
		return nil, failed("open "+dir, err)
	}
	ctx := context.Background()
	open := e.Branch
	if o.engine.ReadOnly {
		open = e.Lookup
	}
	b, err := open(ctx, o.branch)
	if err != nil {
		return nil, failed("open "+dir, errors.Join(err, e.Close()))
	}
	d := newDatastore(b, o)
	d.owned = true
	return d, nil
}

// Wrap makes a datastore of a branch of an engine that stays its owner's: Close
// does not close it. Writes that reach the branch by another way than a
// Datastore leave expiry times alone; see the package's documentation.
func Wrap(b *engine.Branch, opts ...Option) *Datastore { return newDatastore(b, gather(opts)) }

func newDatastore(b *engine.Branch, o options) *Datastore {
	return &Datastore{o: o, b: b, ttl: ttlLockOf(b), recording: make(chan struct{}, 1)}
}

// Branch is what the datastore stands on: snapshots, history, diffs and proofs
// are had from it.
func (d *Datastore) Branch() *engine.Branch { return d.b }

// Close ends results that are still open and, when NewDatastore opened the
// engine, makes everything durable and closes it. A second Close does nothing
// and returns nil.
func (d *Datastore) Close() error {
	if d.closed.Swap(true) {
		return nil
	}
	d.cursors.end(engine.ErrClosed)
	if !d.owned {
		return nil
	}
	return failed("close", d.b.Engine().Close())
}

// ready begins every call.
func (d *Datastore) ready(ctx context.Context) error {
	if d.closed.Load() {
		return engine.ErrClosed
	}
	return ctx.Err()
}

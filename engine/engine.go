package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"weak"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// Engine is a set of branches over one store. All methods may be called by
// several goroutines at once.
type Engine struct {
	o      Options
	store  kv.Store
	behind kv.Behind // the store, if it can
	nodes  *nodeStore
	world  world
	closed atomic.Bool
	n      counters
	pins   pins
	young  young
	folder *folder // nil when read-only

	collections gate // held by a collection, and by what none may run beside
	gc          atomic.Pointer[collecting]

	opening  gate // held while a branch is opened, made or removed
	mu       sync.RWMutex
	branches map[string]*Branch              // in memory, and held
	resting  map[string]weak.Pointer[Branch] // let go; none of branches
	uses     atomic.Uint64                   // how often a branch was asked for
	rested   progress
}

// New opens an engine over s, which the engine owns from then on and closes,
// also when New fails.
func New(s kv.Store, o *Options) (*Engine, error) {
	e := &Engine{o: o.withDefaults(), store: s, opening: newGate(), collections: newGate(), branches: map[string]*Branch{}, resting: map[string]weak.Pointer[Branch]{}}
	e.nodes, e.pins.e = newNodeStore(s, e.o.CacheBytes, &e.closed, &e.n), e
	e.behind, _ = s.(kv.Behind)
	if !e.o.ReadOnly {
		e.folder = startFolder(e)
	}
	return e, nil
}

// enter begins a call that writes, which ends when the visit is left. Calls do
// not nest.
func (e *Engine) enter(ctx context.Context) (visit, error) {
	if e.closed.Load() {
		return visit{}, ErrClosed
	}
	if e.o.ReadOnly {
		return visit{}, ErrReadOnly
	}
	if err := ctx.Err(); err != nil {
		return visit{}, err
	}
	return e.world.enter(ctx)
}

// ready begins a call that reads.
func (e *Engine) ready(ctx context.Context) error {
	if e.closed.Load() {
		return ErrClosed
	}
	return ctx.Err()
}

// opened returns the branches in memory.
func (e *Engine) opened() []*Branch {
	e.mu.RLock()
	defer e.mu.RUnlock()
	r := make([]*Branch, 0, len(e.branches))
	for _, b := range e.branches {
		r = append(r, b)
	}
	for _, w := range e.resting {
		if b := w.Value(); b != nil {
			r = append(r, b)
		}
	}
	return r
}

// Sync makes durable all that was written before.
func (e *Engine) Sync(ctx context.Context) error {
	if err := e.ready(ctx); err != nil {
		return err
	}
	return e.sync(ctx)
}

func (e *Engine) sync(ctx context.Context) error {
	if e.o.ReadOnly {
		return nil
	}
	if err := e.store.Sync(ctx); err != nil {
		return storeError("sync", err)
	}
	return nil
}

// Close waits for writes under way and closes the store; what is staged stays
// staged. Afterwards everything from e answers ErrClosed, Close too. It must
// not be called by the function of an Update or the source of a Load, which it
// would wait for.
func (e *Engine) Close() error {
	if e.closed.Swap(true) {
		return ErrClosed
	}
	if e.folder != nil {
		e.folder.stop()
	}
	e.world.end()
	// What is behind when the store closes would have to be made again.
	err := e.hardenOpened(context.Background())
	if e := e.store.Close(); e != nil || err != nil {
		return fmt.Errorf("engine: close: %w", errors.Join(err, e))
	}
	return nil
}

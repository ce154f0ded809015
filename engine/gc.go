package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// GCOptions of one garbage collection.
type GCOptions struct {
	// DryRun counts what would go and removes nothing.
	DryRun bool

	// Keep is how many commits of each branch and tag are kept, newest first, all
	// when 0; as by Retain.
	Keep int

	// Progress is told now and then how far it is; nil: nobody is.
	Progress func(GCStats)
}

// GCStats is what a garbage collection did.
type GCStats struct {
	Marked    Counts // kept because something names it, or because it is new
	Swept     Counts // removed, or with DryRun to be removed
	Copies    Counts // so many of those nodes were older copies of others: not in Swept
	Rewritten uint64 // bytes of live nodes that were moved to give the space back
	Duration  time.Duration
	Marking   time.Duration // of that
	Holds     kv.Holds      // how long writers had to wait for it
}

// Counts of blocks, and of their bytes. Blobs that are kept are counted, not
// measured.
type Counts struct {
	Nodes, Blobs         uint64
	NodeBytes, BlobBytes uint64
}

// GC removes what no branch, tag, snapshot, transaction or iterator reaches. All
// of the history of branches and tags is reached, unless Keep says how much.
// Readers and writers go on meanwhile; it begins when the writes, folds, loads
// and checks under way have ended. It removes nothing when it meets a damaged
// record or a missing block. When it is interrupted a part is removed, and
// another collection removes the rest. errors.ErrUnsupported when the store
// cannot give space back; with a store that can only do so alone writers wait.
func (e *Engine) GC(ctx context.Context, o GCOptions) (GCStats, error) {
	if err := e.ready(ctx); err != nil {
		return GCStats{}, err
	}
	if e.o.ReadOnly && !o.DryRun {
		return GCStats{}, ErrReadOnly
	}
	if o.Keep > 0 && !o.DryRun {
		if _, err := e.Retain(ctx, Retention{Last: o.Keep}); err != nil {
			return GCStats{}, err
		}
	}
	if err := e.collections.lock(ctx); err != nil {
		return GCStats{}, err
	}
	defer e.collections.unlock()
	ctx, cancel := e.untilClosed(ctx)
	defer cancel()
	g := &collector{e: e, ctx: ctx, o: o, began: time.Now()}
	err := g.run()
	if err != nil && e.closed.Load() {
		err = ErrClosed
	}
	g.stats.Duration = time.Since(g.began)
	return g.stats, err
}

// untilClosed returns a context that ends when the engine is closed, too.
func (e *Engine) untilClosed(ctx context.Context) (context.Context, func()) {
	if e.folder == nil {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(e.folder.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}

// collector is a GC under way.
type collector struct {
	e     *Engine
	ctx   context.Context
	o     GCOptions
	began time.Time
	stats GCStats
	c     *collecting
	m     *marker
}

func (g *collector) run() (err error) {
	if g.c, err = g.e.beginCollecting(g.ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.c.end()) }()
	if !g.c.alone {
		inside, err := g.e.world.enter(g.ctx) // so that Close waits
		if err != nil {
			return err
		}
		defer inside.leave()
	}
	if err := g.mark(); err != nil {
		return err
	}
	return g.sweep()
}

// seenHashes is how many hashes a collector remembers to have marked, 32 bytes
// each; of others it asks the store.
const seenHashes = 1 << 18

// mark marks all that is needed.
func (g *collector) mark() error {
	// From now on no branch needs nodes to make others again but those that it
	// has, or will have.
	if err := g.e.hardenAll(g.ctx); err != nil {
		return err
	}
	g.m = newMarker(g.ctx, g.e, g.c)
	g.m.seen = newHashSet(seenHashes)
	if g.o.DryRun {
		g.m.keep = g.o.Keep
	}
	g.m.told = func() {
		if g.o.Progress != nil {
			g.stats.Marked, g.stats.Duration = g.m.count, time.Since(g.began)
			g.o.Progress(g.stats)
		}
	}
	if err := g.m.roots(); err != nil {
		return err
	}
	for {
		late := g.c.takeLate()
		if late == nil {
			break
		}
		if err := g.m.late(late); err != nil {
			return err
		}
	}
	g.stats.Marking = time.Since(g.began)
	return nil
}

func (g *collector) sweep() error {
	if !g.o.DryRun {
		// What no longer names a block must be durable before the block goes.
		if err := g.e.sync(g.ctx); err != nil {
			return err
		}
	}
	w, err := g.c.Sweep(g.ctx, kv.SweepOptions{DryRun: g.o.DryRun, KeepBlob: g.e.young.has, Progress: g.swept})
	g.take(w)
	if !g.o.DryRun {
		g.forget()
	}
	if err != nil {
		return storeError("sweep", err)
	}
	if !g.o.DryRun {
		g.e.young.age()
	}
	return nil
}

func (g *collector) swept(w kv.Collected) {
	if g.o.Progress != nil {
		g.take(w)
		g.stats.Duration = time.Since(g.began)
		g.o.Progress(g.stats)
	}
}

func (g *collector) take(w kv.Collected) {
	g.stats.Swept = Counts(w.Swept)
	g.stats.Marked = Counts{Nodes: w.KeptNodes, NodeBytes: w.KeptBytes, Blobs: w.KeptBlobs}
	g.stats.Copies = Counts{Nodes: w.Copies, NodeBytes: w.CopyBytes}
	g.stats.Rewritten, g.stats.Holds = w.Rewritten, w.Holds
}

// forget drops from the cache what is no longer stored: there may be less of it
// than of a tree. It is done after an error too, which may come half way.
func (g *collector) forget() {
	g.e.nodes.cache.drop(func(h codec.Hash) bool {
		m, err := g.c.Marked(context.WithoutCancel(g.ctx), h)
		return err != nil || m == kv.Unmarked
	})
}

// commitHash is the hash by which a commit is known.
func commitHash(c Commit) (codec.Hash, error) {
	h, err := codec.HashOf(c.CID)
	if err != nil {
		return h, fmt.Errorf("%w: %w", ErrNoCommit, err)
	}
	return h, nil
}

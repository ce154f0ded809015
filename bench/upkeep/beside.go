package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"time"
	"unsafe"

	"golang.org/x/sync/errgroup"

	"github.com/go-ds-prolly/go-ds-prolly/bench/dataset"
	"github.com/go-ds-prolly/go-ds-prolly/bench/resident"
	"github.com/go-ds-prolly/go-ds-prolly/bench/stall"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// beside is what went on while something else did.
type beside struct {
	memory resident.Peak
	held   uint64 // of the heap, at most, but for caches and writes
	writes stall.Writes
	took   time.Duration
}

// written is how many entries are written meanwhile, again and again, so that
// what is staged stays small.
const written = 10_000

// room is for how many writes there is room beforehand, so that what is noted of
// them is no memory that comes later.
const room = 1 << 17

// roomBytes is what that takes.
const roomBytes = room * uint64(unsafe.Sizeof(stall.Write{}))

func newBeside() (b beside) {
	b.writes = make(stall.Writes, room)
	for i := range b.writes {
		b.writes[i].Took = 1 // touched
	}
	b.writes = b.writes[:0]
	return b
}

// during runs f while one reads and another writes, each at its pace.
func (r *result) during(ctx context.Context, s *store, b *beside, f func(ctx context.Context) error) error {
	debug.FreeOSMemory()
	over, stop := context.WithCancel(ctx)
	defer stop()
	g, ctx := errgroup.WithContext(ctx)
	data := dataset.Set{Seed: r.seed}
	r.every(g, over, r.pace, func(x *rand.Rand) error {
		i := x.IntN(min(r.entries, written))
		key, value := data.Key(i), data.Value(i, r.commits+1)
		begin := time.Now()
		err := s.b.Put(ctx, key, value, engine.NoSync)
		b.writes = append(b.writes, stall.Write{Begin: begin, Took: time.Since(begin)})
		return err
	})
	r.every(g, over, r.pace, func(x *rand.Rand) error {
		_, err := s.b.Get(ctx, data.Key(x.IntN(r.entries)))
		return err
	})
	h := heap{s: s, except: r.rooms * roomBytes}
	r.every(g, over, lookEvery, func(*rand.Rand) error {
		h.look()
		return nil
	})
	g.Go(func() (err error) {
		defer stop()
		began := time.Now()
		b.memory, err = resident.Watch(func() error { return f(ctx) })
		b.took = time.Since(began)
		runtime.GC() // one cycle at least
		return err
	})
	if err := g.Wait(); err != nil {
		return err
	}
	h.look()
	if len(b.writes) == 0 {
		return errors.New("nothing was written meanwhile")
	}
	b.held = h.held
	return nil
}

// lookEvery is how long after one look at the heap the next follows.
const lookEvery = 50 * time.Millisecond

// heap looks at what of the heap is in use beside caches, what is staged, and
// what is noted of writes. Where Pebble's memory lies there too it cannot tell.
type heap struct {
	s      *store
	except uint64 // bytes of what is noted of writes
	cycles uint64 // of the heap's collector that were looked at
	caches uint64 // at the last look
	held   uint64 // at most
}

// look counts each cycle of the collector once. What caches lost since the look
// before was still in use when the cycle began.
func (h *heap) look() {
	now, stats := resident.Now(), h.s.e.Stats()
	caches := stats.CacheBytes + stats.StagedBytes
	if now.Cycles > h.cycles {
		h.held = max(h.held, now.Live-min(now.Live, max(caches, h.caches)+h.except))
	}
	h.cycles, h.caches = now.Cycles, caches
}

// every calls f at the pace until over ends.
func (o *options) every(g *errgroup.Group, over context.Context, pace time.Duration, f func(*rand.Rand) error) {
	x := rand.New(rand.NewPCG(o.seed, rand.Uint64()))
	g.Go(func() error {
		t := time.NewTicker(pace)
		defer t.Stop()
		for {
			select {
			case <-over.Done():
				return nil
			case <-t.C:
			}
			if err := f(x); err != nil {
				return err
			}
		}
	})
}

// warm has the caches filled.
func (o *options) warm(ctx context.Context, s *store) error {
	data, x := dataset.Set{Seed: o.seed}, rand.New(rand.NewPCG(o.seed, 0))
	for range min(50_000, o.entries) {
		if _, err := s.b.Get(ctx, data.Key(x.IntN(o.entries))); err != nil {
			return err
		}
	}
	return nil
}

// scans goes through all entries, again and again, so that caches fill, blocks
// of Pebble's too, and garbage is made.
func (o *options) scans(s *store) func(context.Context) error {
	return func(ctx context.Context) error {
		for began, n := time.Now(), 0; time.Since(began) < o.calm || n == 0; n++ {
			for _, err := range s.b.Range(ctx, prolly.Range{}) {
				if err != nil {
					return err
				}
			}
		}
		return nil
	}
}

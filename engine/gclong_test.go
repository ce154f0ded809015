package engine

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

var (
	gcEntries = flag.Int("gc.entries", 20_000, "entries that TestGCLong begins with")
	gcCommits = flag.Int("gc.commits", 60, "commits it makes")
	gcEdits   = flag.Int("gc.edits", 100, "edits in each")
	gcKeep    = flag.Int("gc.keep", 10, "commits it keeps")
)

// TestGCLong makes a history, cuts it off and collects it while others read and
// write: nearly all of what nothing reaches goes, and what is kept is whole. It
// prints what it measures; nothing that depends on speed is demanded.
func TestGCLong(t *testing.T) {
	e := must(Open(t.TempDir(), nil))(t)
	l := &gcLong{t: t, e: e, b: must(e.Branch(ctx, "main"))(t), r: rand.New(rand.NewPCG(1, 1))}
	l.history()
	must(e.Retain(ctx, Retention{Last: *gcKeep}))(t)
	dry := must(e.GC(ctx, GCOptions{DryRun: true}))(t)
	before := e.Stats().DiskBytes
	stats := l.collect()
	rest := must(e.GC(ctx, GCOptions{DryRun: true}))(t)
	do(t, e.Check(ctx, func(p Problem) { t.Error(p) }))
	live := rest.Marked.NodeBytes
	t.Logf("reached %d nodes, %.1f MB; removed %d of %d nodes, %.1f of %.1f MB; moved %.1f MB; took %v, of it marking %v",
		dry.Marked.Nodes, mb(dry.Marked.NodeBytes), stats.Swept.Nodes, dry.Swept.Nodes, mb(stats.Swept.NodeBytes), mb(dry.Swept.NodeBytes),
		mb(stats.Rewritten), stats.Duration.Round(time.Millisecond), stats.Marking.Round(time.Millisecond))
	t.Logf("disk: %.1f MB before, %.1f MB after, %.2f x live", mb(before), mb(e.Stats().DiskBytes), float64(e.Stats().DiskBytes)/float64(live))
	t.Logf("memory of Go: %.1f MB before, %.1f MB at most meanwhile", mb(l.heapBefore), mb(l.heapMost.Load()))
	t.Logf("holds by the sweep: %s", holdsLine(stats.Holds))
	t.Logf("writes meanwhile: %s", holdsLine(l.writes))
	t.Logf("writes beforehand: %s", holdsLine(l.calm))
	if stats.Swept.NodeBytes*100 < dry.Swept.NodeBytes*99 {
		t.Errorf("removed %d of %d bytes", stats.Swept.NodeBytes, dry.Swept.NodeBytes)
	}
	do(t, e.Close())
}

func mb(n uint64) float64 { return float64(n) / (1 << 20) }

func holdsLine(h kv.Holds) string {
	s := fmt.Sprintf("%d, longest %v (%s);", h.N, h.Longest.Round(time.Microsecond), h.Cause)
	for i, n := range h.Under {
		if i < len(kv.HoldBounds) {
			s += fmt.Sprintf(" ≤%v: %d", kv.HoldBounds[i], n)
		} else {
			s += fmt.Sprintf(" more: %d", n)
		}
	}
	return s
}

type gcLong struct {
	t *testing.T
	e *Engine
	b *Branch
	r *rand.Rand

	calm, writes kv.Holds
	heapBefore   uint64
	heapMost     atomic.Uint64
}

func (l *gcLong) key(i int) []byte { return fmt.Appendf(nil, "key/%09d", i) }

func (l *gcLong) value(r *rand.Rand) []byte { return fmt.Appendf(nil, "%0100d", r.Uint64()) }

func (l *gcLong) history() {
	began := time.Now()
	must(l.b.Load(ctx, func(yield func(prolly.Entry, error) bool) {
		for i := range *gcEntries {
			if !yield(prolly.Entry{Key: l.key(i), Value: prolly.Value{Bytes: l.value(l.r)}}, nil) {
				return
			}
		}
	}))(l.t)
	for n := range *gcCommits {
		edits := make([]prolly.Edit, *gcEdits)
		for i := range edits {
			edits[i] = prolly.Edit{Key: l.key(l.r.IntN(*gcEntries)), Value: prolly.Value{Bytes: l.value(l.r)}}
		}
		do(l.t, l.b.Apply(ctx, edits, NoSync))
		must(l.b.Commit(ctx, CommitOptions{Durability: NoSync}))(l.t)
		if n%100 == 99 {
			l.t.Logf("%v: %d commits", time.Since(began).Round(time.Second), n+1)
		}
	}
	do(l.t, l.e.Sync(ctx))
	for range 5000 {
		l.write(l.r, &l.calm)
	}
}

func (l *gcLong) write(r *rand.Rand, h *kv.Holds) {
	began := time.Now()
	do(l.t, l.b.Put(ctx, l.key(r.IntN(*gcEntries)), l.value(r), NoSync))
	h.Add(time.Since(began), "a write")
}

// collect collects while one writes, another reads, and a third looks at the
// memory.
func (l *gcLong) collect() GCStats {
	debug.FreeOSMemory()
	l.heapBefore = heapNow()
	over := make(chan struct{})
	var wg sync.WaitGroup
	every := func(pace time.Duration, f func(r *rand.Rand)) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(2, 2))
			tick := time.NewTicker(pace)
			defer tick.Stop()
			for {
				select {
				case <-over:
					return
				case <-tick.C:
					f(r)
				}
			}
		})
	}
	every(200*time.Microsecond, func(r *rand.Rand) { l.write(r, &l.writes) })
	every(200*time.Microsecond, func(r *rand.Rand) { must(l.b.Get(ctx, l.key(r.IntN(*gcEntries))))(l.t) })
	every(5*time.Millisecond, func(*rand.Rand) { l.heapMost.Store(max(l.heapMost.Load(), heapNow())) })
	told := time.Now()
	stats, err := l.e.GC(ctx, GCOptions{Progress: func(s GCStats) {
		if time.Since(told) > 5*time.Second {
			told = time.Now()
			l.t.Logf("%v: marked %d, removed %d", s.Duration.Round(time.Second), s.Marked.Nodes, s.Swept.Nodes)
		}
	}})
	close(over)
	wg.Wait()
	do(l.t, err)
	return stats
}

// heapNow is what objects take, dead ones not yet found included.
func heapNow() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

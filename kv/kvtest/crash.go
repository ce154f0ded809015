package kvtest

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// CrashSweep runs the workload on a file system in memory and pulls the plug
// before operations that change it, spread over the whole run: what was synced
// survives, and of the rest nothing, a random half, or all. Verify judges each (K1 to
// K3). With a depth the plug is pulled again while the store recovers.
func CrashSweep(t *testing.T, w Workload, o SweepOptions) {
	t.Helper()
	o = o.orDefaults(t, *crashPoints)
	s := &crashSweep{t: t, w: w, o: o}
	s.sweep(vfs.NewCrashableMem(), w.Run, o.Points, o.Depth, nil)
	t.Logf("%s: %d crash points, seed %d", w.Name, s.tried.Load(), o.Seed)
}

type crashSweep struct {
	t     *testing.T
	w     Workload
	o     SweepOptions
	tried atomic.Int64
}

// trail says how a crash came about: one entry for each crash in a row.
type trail []string

// survivors are the shares of unsynced data that a crash leaves, in percent.
var survivors = []int{0, 50, 100}

// sweep runs the workload once for each share of survivors, on copies of base.
func (s *crashSweep) sweep(base *vfs.MemFS, run func(vfs.FS, *Ledger) error, points, depth int, past *crashed) {
	total := s.count(base, run)
	if total == 0 || points == 0 {
		return
	}
	stride := max(1, total*len(survivors)/points)
	for i, percent := range survivors {
		if i >= points {
			break
		}
		r := &crashRun{crashSweep: s, percent: percent, stride: stride, depth: depth, past: past,
			rng: s.o.rng(uint64(s.tried.Load()))}
		r.next = r.rng.IntN(stride)
		r.run(copyOf(base), run)
	}
}

// count runs the workload without a crash and counts the operations.
func (s *crashSweep) count(base *vfs.MemFS, run func(vfs.FS, *Ledger) error) int {
	var n atomic.Int64
	fs := hook(copyOf(base), func(op errorfs.Op) error {
		if changes(op) {
			n.Add(1)
		}
		return nil
	})
	if err := protect(func() error { return run(fs, &Ledger{}) }); err != nil {
		s.t.Fatalf("%s without a crash: %v", s.w.Name, err)
	}
	return int(n.Load())
}

// copyOf is a copy of a file system in which all is synced.
func copyOf(fs *vfs.MemFS) *vfs.MemFS {
	return fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))})
}

// crashed is a crash that came before: what was known then.
type crashed struct {
	acked, begun int
	trail        trail
}

// crashRun is one run of the workload, with crashes at every stride-th
// operation.
type crashRun struct {
	*crashSweep
	percent, stride, depth int
	past                   *crashed

	mu   sync.Mutex
	n    int
	next int
	rng  *rand.Rand

	links sync.RWMutex
}

func (r *crashRun) run(mem *vfs.MemFS, run func(vfs.FS, *Ledger) error) {
	l := &Ledger{}
	fs := hook(linkFS{mem, &r.links}, func(op errorfs.Op) error {
		if changes(op) {
			r.step(mem, l, op)
		}
		return nil
	})
	if err := protect(func() error { return run(fs, l) }); err != nil {
		r.t.Errorf("%s: %v", r.w.Name, err)
	}
	r.crash(mem, l, "end")
}

// step counts an operation that is about to happen, and crashes before it when
// its turn has come. The workload then goes on as if nothing had been.
func (r *crashRun) step(mem *vfs.MemFS, l *Ledger, op errorfs.Op) {
	r.mu.Lock()
	n, due := r.n, r.n == r.next
	if due {
		r.next += r.stride
	}
	r.n++
	r.mu.Unlock()
	if due && !r.t.Failed() {
		r.crash(mem, l, fmt.Sprintf("operation %d, %s", n, describeOp(op)))
	}
}

func describeOp(op errorfs.Op) string { return fmt.Sprintf("kind %d on %s", op.Kind, op.Path) }

// crash judges the state of this moment.
func (r *crashRun) crash(mem *vfs.MemFS, l *Ledger, where string) {
	c := crashed{acked: l.Acked()} // before the copy: it may only grow meanwhile
	r.mu.Lock()
	r.links.Lock()
	left := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: r.percent, RNG: r.rng})
	r.links.Unlock()
	r.mu.Unlock()
	c.begun = l.Begun()
	c.trail = trail{fmt.Sprintf("%d %% of unsynced data survive a crash at %s", r.percent, where)}
	if r.past != nil {
		c.acked, c.begun = r.past.acked, r.past.begun
		c.trail = append(append(trail{}, r.past.trail...), c.trail...)
	}
	r.tried.Add(1)
	again := copyOf(left)
	if err := protect(func() error { return r.w.Verify(left, c.acked, c.begun) }); err != nil {
		r.t.Errorf("%s, %q, steps %d acknowledged and %d begun: %v", r.w.Name, c.trail, c.acked, c.begun, err)
		return
	}
	if r.depth > 0 && r.w.Recover != nil {
		recover := func(fs vfs.FS, _ *Ledger) error { return r.w.Recover(fs) }
		r.sweep(again, recover, max(1, len(survivors)/raceFactor), r.depth-1, &c)
	}
}

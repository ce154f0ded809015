package kvtest

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// ReadFaultSweep lets one reading operation fail, each time another, while
// what Run left is observed. The answer must be whole, or an error (K6).
func ReadFaultSweep(t *testing.T, w Workload, o SweepOptions) {
	t.Helper()
	isolate(t, func() { readFaults(t, w, o) })
}

func readFaults(t *testing.T, w Workload, o SweepOptions) {
	o = o.orDefaults(t, *faultPoints)
	base := vfs.NewCrashableMem()
	if err := protect(func() error { return w.Run(base, &Ledger{}) }); err != nil {
		t.Fatalf("%s: %v", w.Name, err)
	}
	want, total, err := observeFailing(w, base, -1)
	if err != nil {
		t.Fatalf("%s without a fault: %v", w.Name, err)
	}
	stride := max(1, total/o.Points)
	failed, whole := 0, 0
	for n := o.rng(4).IntN(stride); n < total; n += stride {
		got, _, err := observeFailing(w, base, n)
		switch {
		case err != nil && strings.HasPrefix(err.Error(), "panic"):
			t.Errorf("%s, read %d fails: %v", w.Name, n, err)
		case err != nil:
			failed++
		case got != want:
			t.Errorf("%s, read %d fails: reads differ without an error (K6):\n%s", w.Name, n, firstDifference(got, want))
		default:
			whole++
		}
	}
	t.Logf("%s: %d reads, of those that were let fail %d gave an error and %d did no harm, seed %d",
		w.Name, total, failed, whole, o.Seed)
}

// observeFailing observes a copy of base with the n-th read failing, and
// counts the reads.
func observeFailing(w Workload, base *vfs.MemFS, n int) (got string, reads int, err error) {
	var count atomic.Int64
	fs := hook(copyOf(base), func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsRead && int(count.Add(1))-1 == n {
			return fmt.Errorf("%w at %s", errorfs.ErrInjected, describeOp(op))
		}
		return nil
	})
	err = protect(func() (err error) { got, err = w.Observe(fs); return err })
	return got, int(count.Load()), err
}

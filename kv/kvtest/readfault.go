package kvtest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// ReadFaultSweep lets one reading operation fail, each time another, while
// what Run left is observed. The answer must be whole, or an error (K6). The
// process may also die of a panic in a goroutine of Pebble's, where nobody can
// recover: when Pebble fails to open after it has begun a flush, it closes its
// file cache while a compaction uses it. Then there is no answer, and the sweep goes on
// behind that read.
func ReadFaultSweep(t *testing.T, w Workload, o SweepOptions) {
	t.Helper()
	if InChild() {
		from, err := strconv.Atoi(os.Getenv(childEnv))
		must(t, err)
		readFaults(t, w, o, from)
		return
	}
	for from, deaths := 0, 0; ; deaths++ {
		out, err := childProcess(t, strconv.Itoa(from)).CombinedOutput()
		if err == nil {
			if testing.Verbose() {
				t.Logf("%s", out)
			}
			return
		}
		at, ofPebble := diedReading(string(out))
		if !ofPebble || deaths > *faultPoints/10 {
			t.Errorf("%v\n%s", err, out)
			return
		}
		t.Logf("read %d fails: the process died in Pebble", at)
		from = at + 1
	}
}

// readBegins goes before the number of the read that is let fail.
const readBegins = "read fault "

// diedReading tells from a child's output which read was let fail last, and
// whether the child ended with a panic in a goroutine that Pebble had started.
func diedReading(out string) (at int, ofPebble bool) {
	for line := range strings.Lines(out) {
		if n, ok := strings.CutPrefix(strings.TrimSpace(line), readBegins); ok {
			at, _ = strconv.Atoi(n)
		}
	}
	_, trace, panicked := strings.Cut(out, "panic: ")
	first, _, _ := strings.Cut(trace, "\n\ngoroutine ")
	if _, rest, ok := strings.Cut(trace, "\n\ngoroutine "); ok {
		first, _, _ = strings.Cut(rest, "\n\ngoroutine ")
	}
	return at, panicked && !strings.Contains(out, "--- FAIL") && strings.Contains(first, "created by github.com/cockroachdb/pebble/v2.")
}

func readFaults(t *testing.T, w Workload, o SweepOptions, from int) {
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
		if n < from {
			continue
		}
		fmt.Printf("\n%s%d\n", readBegins, n)
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

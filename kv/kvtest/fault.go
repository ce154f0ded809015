package kvtest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// FaultSweep lets an operation of the file system fail, each time another:
// once; or it and all that change something after it; or these with a full disk.
// The workload may fail then, and the process may die, but not hang; Verify
// judges what is left, with a sound file system. It works on real files, in
// processes of its own, because a store may end the process.
func FaultSweep(t *testing.T, w Workload, o SweepOptions) {
	t.Helper()
	if InChild() {
		runFaults(t, w)
		return
	}
	o = o.orDefaults(t, *faultPoints)
	dir := faultDir(t)
	total := countAll(t, w, filepath.Join(dir, "count"))
	stride := max(1, total/o.Points)
	var faults []fault
	for n := o.rng(5).IntN(stride); n < total; n += stride {
		faults = append(faults, fault{Dir: filepath.Join(dir, strconv.Itoa(n)), N: n, Mode: faultMode(len(faults) % faultModes)})
	}
	tally := map[string]int{}
	for rest := faults; len(rest) > 0; {
		rest = rest[startFaults(t, rest, tally):]
	}
	for _, f := range faults {
		if err := f.verify(w); err != nil {
			t.Errorf("%s, %v: %v", w.Name, f, err)
		}
	}
	t.Logf("%s: of %d operations %d were let fail: %v, seed %d", w.Name, total, len(faults), tally, o.Seed)
}

// faultDir is a directory in memory where there is one.
func faultDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "kvtest")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

type faultMode int

const (
	once faultMode = iota
	sticky
	diskFull
	faultModes = 3
)

func (m faultMode) String() string { return [...]string{"once", "from then on", "disk full"}[m] }

// fault is one way to fail.
type fault struct {
	Dir  string // of the file system
	N    int    // of the operation
	Mode faultMode
}

func (f fault) String() string { return fmt.Sprintf("operation %d fails, %v", f.N, f.Mode) }

// inject makes a file system that fails.
func (f fault) inject(fs vfs.FS) vfs.FS {
	var count atomic.Int64
	return hook(fs, func(op errorfs.Op) error {
		n := int(count.Add(1)) - 1
		write := op.Kind.ReadOrWrite() == errorfs.OpIsWrite && op.Kind != errorfs.OpFileClose
		switch {
		case f.Mode == once && n == f.N, f.Mode == sticky && n >= f.N && (write || n == f.N):
			return fmt.Errorf("%w at %s", errorfs.ErrInjected, describeOp(op))
		case f.Mode == diskFull && n >= f.N && write:
			return fmt.Errorf("%w at %s", syscall.ENOSPC, describeOp(op))
		}
		return nil
	})
}

// countAll counts the operations of a run without faults.
func countAll(t *testing.T, w Workload, dir string) int {
	var n atomic.Int64
	must(t, os.MkdirAll(dir, 0o755))
	fs := hook(newRootFS(dir), func(errorfs.Op) error { n.Add(1); return nil })
	if err := protect(func() error { return w.Run(fs, &Ledger{}) }); err != nil {
		t.Fatalf("%s without a fault: %v", w.Name, err)
	}
	return int(n.Load())
}

// startFaults has a child go through the faults, and returns how many it went
// through before it ended.
func startFaults(t *testing.T, faults []fault, tally map[string]int) int {
	t.Helper()
	list, err := json.Marshal(faults)
	must(t, err)
	cmd := childProcess(t, string(list))
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	must(t, cmd.Start())
	begun := 0
	dying := false
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		switch line := lines.Text(); line {
		case faultBegins:
			begun, dying = begun+1, true
		case faultFailed, faultPassed:
			tally[line], dying = tally[line]+1, false
		}
	}
	if err := cmd.Wait(); err != nil && !dying {
		t.Fatalf("child: %v", err)
	}
	if dying {
		if strings.Contains(stderr.String(), faultHung) {
			t.Fatalf("%s", stderr.String())
		}
		reason, _, _ := strings.Cut(stderr.String(), "\n")
		t.Logf("%v: the process died: %s", faults[begun-1], reason)
		tally["process died"]++
	}
	if begun == 0 {
		t.Fatal("the child did nothing")
	}
	return begun
}

// What a child says on lines of their own.
const (
	faultBegins = "fault begins"
	faultFailed = "error"
	faultPassed = "no error"
	faultHung   = "fault hung"
)

// hang is how long a run with a fault may take before it counts as hung; it
// takes a fraction of a second.
const hang = 2 * time.Minute

// runFaults is what the child does. The ledger goes to a file, so that it
// outlives the process.
func runFaults(t *testing.T, w Workload) {
	var faults []fault
	must(t, json.Unmarshal([]byte(os.Getenv(childEnv)), &faults))
	for _, f := range faults {
		must(t, os.MkdirAll(f.Dir, 0o755))
		l := &Ledger{}
		l.onChange = func() {
			must(t, os.WriteFile(f.ledger(), fmt.Appendf(nil, "%d %d", l.Acked(), l.Begun()), 0o644))
		}
		l.onChange()
		fmt.Println("\n" + faultBegins)
		hung := time.AfterFunc(hang, func() {
			debug.SetTraceback("all")
			panic(fmt.Sprintf("%s: nothing came of it in %v: %v", faultHung, hang, f))
		})
		if err := protect(func() error { return w.Run(f.inject(newRootFS(f.Dir)), l) }); err != nil {
			fmt.Println("\n" + faultFailed)
		} else {
			fmt.Println("\n" + faultPassed)
		}
		hung.Stop()
	}
}

func (f fault) ledger() string { return f.Dir + ".ledger" }

func (f fault) verify(w Workload) error {
	var acked, begun int
	line, err := os.ReadFile(f.ledger())
	if err != nil {
		return err
	}
	if _, err := fmt.Sscan(string(line), &acked, &begun); err != nil {
		return err
	}
	if err := protect(func() error { return w.Verify(newRootFS(f.Dir), acked, begun) }); err != nil {
		return fmt.Errorf("steps %d acknowledged and %d begun: %w", acked, begun, err)
	}
	return nil
}

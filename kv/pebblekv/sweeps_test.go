package pebblekv_test

import (
	"flag"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/kv/kvtest"
	"github.com/go-ds-prolly/go-ds-prolly/kv/pebblekv"
)

// small opens a store whose memtable is small, so that a short workload brings
// flushes and compactions about.
func small(fs vfs.FS) (kv.Store, error) {
	return opened(pebblekv.Open("/home/store", &pebblekv.Options{FS: fs, MemTableBytes: 256 << 10, RunBytes: 128 << 10, CacheBytes: 1 << 20}))
}

// TestCrash: no acknowledged batch is lost, none torn, whatever the crash (K1
// to K3).
func TestCrash(t *testing.T) {
	for _, w := range kvtest.Scripts(small) {
		t.Run(w.Name, func(t *testing.T) { kvtest.CrashSweep(t, w, kvtest.SweepOptions{}) })
	}
}

// TestCrashInRecovery: nor when it crashes again while it recovers.
func TestCrashInRecovery(t *testing.T) {
	for _, w := range kvtest.Scripts(small) {
		t.Run(w.Name, func(t *testing.T) { kvtest.CrashSweep(t, w, kvtest.SweepOptions{Points: 6, Depth: *depth}) })
	}
}

var depth = flag.Int("crashdepth", 1, "crashes in a row during recovery; 3 takes minutes")

// TestFlip: a flipped bit is an error, or found by the check, or does no harm.
func TestFlip(t *testing.T) {
	for _, w := range kvtest.Scripts(small) {
		t.Run(w.Name, func(t *testing.T) { kvtest.FlipSweep(t, w, kvtest.SweepOptions{}) })
	}
}

// TestReadFault: a read error never makes an answer shorter.
func TestReadFault(t *testing.T) {
	for _, w := range kvtest.Scripts(small) {
		t.Run(w.Name, func(t *testing.T) { kvtest.ReadFaultSweep(t, w, kvtest.SweepOptions{}) })
	}
}

// TestFault: after a failed write or sync nothing acknowledged is lost (K2),
// and the store does nothing more (P7).
func TestFault(t *testing.T) {
	for _, w := range kvtest.Scripts(small) {
		t.Run(w.Name, func(t *testing.T) { kvtest.FaultSweep(t, w, kvtest.SweepOptions{}) })
	}
}

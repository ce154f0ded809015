package pebblekv_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/kv/kvtest"
	"github.com/go-ds-prolly/go-ds-prolly/kv/pebblekv"
)

// small opens a store whose memtable is small, so that a short workload brings
// flushes and compactions about.
func small(fs vfs.FS) (kv.Store, error) {
	return opened(pebblekv.Open("/home/store", &pebblekv.Options{FS: fs, MemTableBytes: 256 << 10, CacheBytes: 1 << 20}))
}

// TestCrash: no acknowledged batch is lost, none torn, whatever the crash (K1
// to K3).
func TestCrash(t *testing.T) {
	for _, w := range kvtest.Scripts(small) {
		t.Run(w.Name, func(t *testing.T) { kvtest.CrashSweep(t, w, kvtest.SweepOptions{}) })
	}
}

// TestCrashInRecovery: nor when it crashes again while it recovers, and once
// more.
func TestCrashInRecovery(t *testing.T) {
	for _, w := range kvtest.Scripts(small) {
		t.Run(w.Name, func(t *testing.T) { kvtest.CrashSweep(t, w, kvtest.SweepOptions{Points: 3, Depth: 2}) })
	}
}

package kvtest

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

var (
	crashPoints = flag.Int("crashpoints", 50, "crash points to try in each crash sweep")
	faultPoints = flag.Int("faultpoints", 30, "failing operations to try in each fault sweep")
	flipPoints  = flag.Int("flippoints", 60, "bits to flip in each flip sweep")
	sweepSeed   = flag.Uint64("sweepseed", 0, "seed of the sweeps; 0: another each time")
)

// Workload drives a store on a file system, and judges what is left of it.
// Whatever stands on the file system belongs to it.
type Workload struct {
	Name string

	// Run opens the store, works, and closes it. It tells the ledger what it
	// does.
	Run func(fs vfs.FS, l *Ledger) error

	// Verify opens what is left and answers an error unless it is a state that
	// the workload went through, with all steps up to acked in it and none
	// after begun. It may write, and closes the store.
	Verify func(fs vfs.FS, acked, begun int) error

	// Observe opens what Run left, reads all of it, checks it, and closes it. It
	// answers what it read, in any form that can be compared, or an error when
	// anything could not be read or was found damaged; nil: damage is not tried.
	Observe func(fs vfs.FS) (string, error)

	// Recover opens the store and closes it, nothing else; nil: crashes during
	// recovery are not tried.
	Recover func(fs vfs.FS) error
}

// SweepOptions bound a sweep. The zero value takes what the flags say.
type SweepOptions struct {
	Points int    // how many to try; 0: the flag's number, a fifth with -short
	Depth  int    // how many crashes during recovery may follow a crash
	Seed   uint64 // 0: the flag's, or one by the clock
}

func (o SweepOptions) orDefaults(t testing.TB, points int) SweepOptions {
	if o.Points == 0 {
		o.Points = points
		if testing.Short() {
			o.Points /= 5
		}
	}
	o.Points = max(1, o.Points/raceFactor)
	if o.Seed == 0 {
		o.Seed = *sweepSeed
	}
	if o.Seed == 0 {
		o.Seed = uint64(time.Now().UnixNano())
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("repeat with -run '^%s$' -sweepseed %d", t.Name(), o.Seed)
		}
	})
	return o
}

func (o SweepOptions) rng(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(o.Seed, stream)) }

// changes tells whether an operation changes what a crash leaves.
func changes(op errorfs.Op) bool {
	switch op.Kind {
	case errorfs.OpCreate, errorfs.OpLink, errorfs.OpRemove, errorfs.OpRemoveAll, errorfs.OpRename,
		errorfs.OpReuseForWrite, errorfs.OpMkdirAll, errorfs.OpFileWrite, errorfs.OpFileWriteAt,
		errorfs.OpFileSync, errorfs.OpFileSyncData:
		return true
	}
	return false
}

// hook is a file system that calls f before each operation; the error of f is
// the operation's.
func hook(fs vfs.FS, f func(errorfs.Op) error) vfs.FS {
	return errorfs.Wrap(fs, errorfs.InjectorFunc(f))
}

// protect makes an error of a panic.
func protect(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return f()
}

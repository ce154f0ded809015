package engine

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/kv/memkv"
	"github.com/go-ds-prolly/go-ds-prolly/kv/pebblekv"
)

func TestMain(m *testing.M) {
	// Longer runs than rapid's own default; the command line has the last word.
	for name, value := range map[string]string{"rapid.checks": "60", "rapid.steps": "150"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	flag.Parse()
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

var ctx = context.Background()

// opener opens one store again and again.
type opener func() (kv.Store, error)

// memory keeps a store in memory, with hints that do not survive.
func memory() opener {
	d := memkv.NewDisk(memkv.Options{MovingHints: true})
	return func() (kv.Store, error) { return d.Open() }
}

// pebbled keeps a store in Pebble, on a file system in memory.
func pebbled() opener {
	fs := vfs.NewMem()
	return func() (kv.Store, error) {
		return pebblekv.Open("store", &pebblekv.Options{FS: fs, MemTableBytes: 256 << 10, CacheBytes: 1 << 20, RunBytes: 64 << 10})
	}
}

// backends are the stores that tests run over.
var backends = map[string]func() opener{"memkv": memory, "pebblekv": pebbled}

// over runs a test over every backend.
func over(t *testing.T, f func(t *testing.T, open opener)) {
	for name, make := range backends {
		t.Run(name, func(t *testing.T) { f(t, make()) })
	}
}

// tester is what testing.TB and rapid.T have in common.
type tester interface {
	Helper()
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
}

func start(t tester, open opener, o *Options) *Engine {
	t.Helper()
	s, err := open()
	if err != nil {
		t.Fatalf("open store: %v", err)
	}
	e, err := New(s, o)
	if err != nil {
		t.Fatalf("open engine: %v", err)
	}
	return e
}

// startTest is start, and closes the engine when the test ends.
func startTest(t *testing.T, open opener, o *Options) *Engine {
	t.Helper()
	e := start(t, open, o)
	t.Cleanup(func() {
		if err := e.Close(); err != nil && !errors.Is(err, ErrClosed) {
			t.Errorf("close: %v", err)
		}
	})
	return e
}

// do fails the test unless err is nil.
func do(t tester, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v", err)
	}
}

// must returns v unless err is not nil, which fails the test.
func must[V any](v V, err error) func(t tester) V {
	return func(t tester) V {
		t.Helper()
		do(t, err)
		return v
	}
}

// want fails the test unless err is target.
func want(t tester, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("got error %v, want %v", err, target)
	}
}

// clock ticks a millisecond a call.
func clock() func() time.Time {
	var n atomic.Int64
	return func() time.Time { return time.UnixMilli(1_700_000_000_000 + n.Add(1)) }
}

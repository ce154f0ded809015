package pebblekv

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// failure remembers the first reason why the store cannot go on (P7). It is
// the Logger of Pebble too, because that is how Pebble says so.
//
// Pebble calls Fatalf when it cannot write its log or manifest, and requires
// that Fatalf does not return. In a call of ours it panics, and the panic
// becomes kv.ErrFailed at the public border. In a goroutine of Pebble's own,
// where a panic would end the process, it blocks for ever, with whatever locks
// that goroutine holds; so whoever may come to wait for such a lock waits for
// stuck as well. docs/decisions/0004-fail-stop.md has the reasons.
type failure struct {
	log     *slog.Logger
	cause   atomic.Pointer[error]
	once    sync.Once
	stuck   chan struct{} // closed when Pebble's locks are in an unknown state
	trouble chan struct{} // a flush failed and is tried again
	flushes int           // that failed in a row; Pebble calls with its lock held
	broken  chan error    // of the last compaction that failed
	event   func(Event)   // nil: nobody is told
}

func newFailure(log *slog.Logger, event func(Event), dir string) *failure {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &failure{
		log:     log.With("store", dir),
		event:   event,
		stuck:   make(chan struct{}),
		trouble: make(chan struct{}, 1),
		broken:  make(chan error, 1),
	}
}

// wedge notes that Pebble must not be called any more.
func (f *failure) wedge() { f.once.Do(func() { close(f.stuck) }) }

func (f *failure) wedged() bool {
	select {
	case <-f.stuck:
		return true
	default:
		return false
	}
}

// err is kv.ErrFailed with the cause, or nil.
func (f *failure) err() error {
	if cause := f.cause.Load(); cause != nil {
		return *cause
	}
	return nil
}

// stop makes the store do nothing more. It returns the error to answer.
func (f *failure) stop(cause error) error {
	err := fmt.Errorf("%w: %w", kv.ErrFailed, cause)
	if f.cause.CompareAndSwap(nil, &err) {
		f.log.Error("store stopped", "error", cause)
	}
	return err
}

// caught turns a recovered panic into the error to answer.
func (f *failure) caught(r any) error {
	err, ok := r.(error)
	if !ok {
		err = fmt.Errorf("panic: %v", r)
	}
	err = f.stop(err)
	f.wedge()
	return err
}

// Fatalf implements pebble.Logger.
func (f *failure) Fatalf(format string, args ...any) {
	cause := fmt.Errorf(format, args...)
	f.stop(cause)
	f.wedge()
	if inCall() {
		panic(cause)
	}
	select {}
}

// thisPackage is how the names of this package's functions begin.
var thisPackage = func() string {
	pc, _, _, _ := runtime.Caller(0)
	name := runtime.FuncForPC(pc).Name()
	return name[:strings.LastIndexByte(name, '/')] + "/pebblekv."
}()

// inCall tells whether it was called beneath a function of this package, all
// of which catch panics before they call Pebble.
func inCall() bool {
	return beneath(func(function string) bool {
		return strings.HasPrefix(function, thisPackage) && !strings.Contains(function, "(*failure).Fatalf")
	})
}

// beneath tells whether a caller's caller, or one further up, is a function
// for which is answers true.
func beneath(is func(function string) bool) bool {
	pcs := make([]uintptr, 256)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for {
		frame, more := frames.Next()
		if is(frame.Function) {
			return true
		}
		if !more {
			return false
		}
	}
}

// halt does nothing without an error. With one it stops the store and does not
// return.
func (f *failure) halt(err error) {
	if err == nil {
		return
	}
	f.stop(err)
	f.wedge()
	select {}
}

// guard runs f, which may call Pebble, and turns a panic into an error.
func (f *failure) guard(call func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = f.caught(r)
		}
	}()
	return call()
}

// translate gives Pebble's errors the names of kv.
func translate(err error) error {
	switch {
	case err == nil, errors.Is(err, kv.ErrCorrupt):
		return err
	case pebble.IsCorruptionError(err):
		return fmt.Errorf("%w: %w", kv.ErrCorrupt, err)
	}
	return err
}

// await is guard for what may wait for a lock of Pebble's: it goes on, with
// kv.ErrFailed, when the store is stuck.
func (f *failure) await(call func() error) error {
	done := make(chan error, 1)
	go func() { done <- f.guard(call) }()
	select {
	case err := <-done:
		return err
	case <-f.stuck:
		return f.err()
	}
}

package pebblekv

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// failure remembers the first reason why the store cannot go on (P7). It is
// the Logger of Pebble too, because that is how Pebble says so.
//
// Pebble calls Fatalf when it cannot write its log or manifest, and requires
// that Fatalf does not return. It panics here. In a call of ours the panic is
// caught at the public border and becomes kv.ErrFailed. In one of Pebble's own
// goroutines nobody can catch it and the process ends, as Pebble means it to; see
// docs/decisions/0003-fail-stop.md.
type failure struct {
	log     *slog.Logger
	dir     string
	cause   atomic.Pointer[error]
	wedged  atomic.Bool   // a panic left Pebble's locks in an unknown state
	trouble chan struct{} // a background job failed and is tried again
}

func newFailure(log *slog.Logger, dir string) *failure {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &failure{log: log.With("store", dir), dir: dir, trouble: make(chan struct{}, 1)}
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
	f.wedged.Store(true)
	if fatal, ok := r.(fatalError); ok {
		return f.stop(fatal.error)
	}
	if err, ok := r.(error); ok {
		return f.stop(err)
	}
	return f.stop(fmt.Errorf("panic: %v", r))
}

// fatalError is what Fatalf panics with.
type fatalError struct{ error }

// Infof implements pebble.Logger.
func (f *failure) Infof(format string, args ...any) {
	if f.log.Enabled(context.Background(), slog.LevelDebug) {
		f.log.Debug(fmt.Sprintf(format, args...))
	}
}

// Errorf implements pebble.Logger.
func (f *failure) Errorf(format string, args ...any) { f.log.Error(fmt.Sprintf(format, args...)) }

// Fatalf implements pebble.Logger.
func (f *failure) Fatalf(format string, args ...any) {
	cause := fmt.Errorf(format, args...)
	f.wedged.Store(true)
	f.stop(cause)
	panic(fatalError{fmt.Errorf("pebblekv: the store in %s cannot go on: %w", f.dir, cause)})
}

// listener tells of what Pebble does by itself. A corruption that a read meets
// is the read's error, and no reason to stop.
func (f *failure) listener() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: func(err error) {
			f.log.Error("background job failed, is tried again", "error", err)
			select {
			case f.trouble <- struct{}{}:
			default:
			}
		},
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			f.log.Error("damaged file", "path", info.Path, "error", info.Details)
		},
	}
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

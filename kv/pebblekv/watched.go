package pebblekv

import (
	"strings"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// dirFile is a directory.
type dirFile struct {
	vfs.File
	f *failure
}

// Sync implements vfs.File.
func (d dirFile) Sync() error {
	d.f.halt(d.File.Sync())
	return nil
}

// valuesFile is a file of values being written.
type valuesFile struct {
	vfs.File
	f *failure
}

// Write implements vfs.File.
func (v valuesFile) Write(p []byte) (int, error) {
	n, err := v.File.Write(p)
	v.f.halt(err)
	return n, nil
}

// Sync implements vfs.File.
func (v valuesFile) Sync() error {
	v.f.halt(v.File.Sync())
	return nil
}

// SyncData implements vfs.File.
func (v valuesFile) SyncData() error {
	v.f.halt(v.File.SyncData())
	return nil
}

// Close implements vfs.File.
func (v valuesFile) Close() error {
	v.f.halt(v.File.Close())
	return nil
}

// logFile is a log. Who waits for a sync is told that it failed. Who then
// closes the log, to begin another, is not, for that is when Pebble panics.
type logFile struct {
	vfs.File
	f      *failure
	failed atomic.Bool
}

// note stops the store at an error.
func (l *logFile) note(err error) error {
	if err == nil {
		return nil
	}
	l.failed.Store(true)
	_ = l.f.stop(err) // the caller has the error
	l.f.wedge()
	if beneath(func(function string) bool { return strings.HasSuffix(function, ".rotateWAL") }) {
		select {}
	}
	return err
}

// last does not return when the file has failed already.
func (l *logFile) last() {
	if l.failed.Load() {
		select {}
	}
}

// Write implements vfs.File.
func (l *logFile) Write(p []byte) (int, error) {
	l.last()
	n, err := l.File.Write(p)
	return n, l.note(err)
}

// Sync implements vfs.File.
func (l *logFile) Sync() error {
	l.last()
	return l.note(l.File.Sync())
}

// SyncData implements vfs.File.
func (l *logFile) SyncData() error {
	l.last()
	return l.note(l.File.SyncData())
}

// SyncTo implements vfs.File.
func (l *logFile) SyncTo(length int64) (bool, error) {
	l.last()
	full, err := l.File.SyncTo(length)
	return full, l.note(err)
}

// Close implements vfs.File.
func (l *logFile) Close() error {
	l.last()
	return l.note(l.File.Close())
}

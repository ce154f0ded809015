package pebblekv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/bits"
	"os"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// dataFS is the file system as Pebble sees it. It mends three things.
//
// Order: Pebble names its current manifest by the name of a marker file. It
// creates the manifest, then the new marker, removes the old marker, and only then
// syncs the directory. A crash in between may keep any of the three, on a file
// system that keeps no order of its own; with the new marker but without the
// manifest the store never opens again. So the directory is synced before each
// of the two steps.
//
// Failure: when Pebble cannot change its log, cannot move a marker or cannot
// finish a file of values, it panics in such a way that the process ends,
// whatever is recovered. So it is never told: the store stops, and Pebble's
// goroutine with it (P7).
//
// Damage: Pebble ends the process when a table is missing, and panics when a
// file of values has a damaged footer. Here these are errors like others.
type dataFS struct {
	vfs.FS
	f *failure
}

const markerPrefix = "marker."

func (d dataFS) isMarker(name string) bool { return strings.HasPrefix(d.PathBase(name), markerPrefix) }

func isLog(name string) bool { return strings.HasSuffix(name, ".log") }

func isValues(name string) bool { return strings.HasSuffix(name, ".blob") }

func isTable(name string) bool { return strings.HasSuffix(name, ".sst") }

// Open implements vfs.FS.
func (d dataFS) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	f, err := d.FS.Open(name, opts...)
	switch {
	case err == nil && isValues(name):
		if err := checkFooter(f); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", name, err), f.Close())
		}
	case errors.Is(err, os.ErrNotExist) && (isTable(name) || isValues(name)):
		return nil, fmt.Errorf("%w: %s is missing", kv.ErrCorrupt, name)
	}
	return f, err
}

// footerLen is the length of the footer of Pebble's files of values, which
// begins with a checksum of the rest.
const footerLen = 38

func checkFooter(f vfs.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() < footerLen {
		return fmt.Errorf("%w: a file of %d bytes", kv.ErrCorrupt, info.Size())
	}
	var b [footerLen]byte
	if _, err := f.ReadAt(b[:], info.Size()-footerLen); err != nil {
		return err
	}
	sum := crc32.Checksum(b[4:], castagnoli)
	if binary.LittleEndian.Uint32(b[:]) != bits.RotateLeft32(sum, 17)+0xa282ead8 {
		return fmt.Errorf("%w: footer", kv.ErrCorrupt)
	}
	return nil
}

// Create implements vfs.FS.
func (d dataFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if d.isMarker(name) {
		d.settle(name)
		f, err := d.FS.Create(name, category)
		d.f.halt(err)
		return f, nil
	}
	f, err := d.FS.Create(name, category)
	return d.watch(name, f, err)
}

// ReuseForWrite implements vfs.FS.
func (d dataFS) ReuseForWrite(from, to string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.ReuseForWrite(from, to, category)
	return d.watch(to, f, err)
}

// watch looks after a file that was just made.
func (d dataFS) watch(name string, f vfs.File, err error) (vfs.File, error) {
	switch {
	case isLog(name):
		d.f.halt(err)
		return &logFile{File: f, f: d.f}, nil
	case isValues(name) && err == nil:
		return valuesFile{f, d.f}, nil
	}
	return f, err
}

// Remove implements vfs.FS.
func (d dataFS) Remove(name string) error {
	if d.isMarker(name) {
		d.settle(name)
	}
	return d.FS.Remove(name)
}

// OpenDir implements vfs.FS.
func (d dataFS) OpenDir(name string) (vfs.File, error) {
	f, err := d.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return dirFile{f, d.f}, nil
}

// Unwrap implements vfs.FS.
func (d dataFS) Unwrap() vfs.FS { return d.FS }

// settle makes durable what the directory of a marker holds.
func (d dataFS) settle(name string) { d.f.halt(syncDir(d.FS, d.PathDir(name))) }

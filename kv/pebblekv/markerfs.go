package pebblekv

import (
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// markerFS orders what Pebble leaves unordered. Pebble names its current
// manifest by the name of a marker file: it creates the manifest, then the new
// marker, removes the old marker, and only then syncs the directory. A crash in
// between may keep any of the three, on a file system that keeps no order of its
// own; with the new marker but without the manifest the store never opens
// again. So the directory is synced before each of the two steps.
type markerFS struct{ vfs.FS }

const markerPrefix = "marker."

// Create implements vfs.FS.
func (m markerFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := m.settle(name); err != nil {
		return nil, err
	}
	return m.FS.Create(name, category)
}

// Remove implements vfs.FS.
func (m markerFS) Remove(name string) error {
	if err := m.settle(name); err != nil {
		return err
	}
	return m.FS.Remove(name)
}

// Unwrap implements vfs.FS.
func (m markerFS) Unwrap() vfs.FS { return m.FS }

// settle makes durable what the directory of a marker holds.
func (m markerFS) settle(name string) error {
	if !strings.HasPrefix(m.PathBase(name), markerPrefix) {
		return nil
	}
	return syncDir(m.FS, m.PathDir(name))
}

package kvtest

import (
	"io"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// rootFS is a directory of the operating system's file system, as if it were
// the whole of one.
type rootFS struct {
	vfs.FS
	root string
}

func newRootFS(root string) rootFS { return rootFS{vfs.Default, root} }

func (r rootFS) real(name string) string { return filepath.Join(r.root, name) }

func (r rootFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return r.FS.Create(r.real(name), c)
}
func (r rootFS) Link(from, to string) error { return r.FS.Link(r.real(from), r.real(to)) }
func (r rootFS) Open(name string, o ...vfs.OpenOption) (vfs.File, error) {
	return r.FS.Open(r.real(name), o...)
}
func (r rootFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	return r.FS.OpenReadWrite(r.real(name), c, o...)
}
func (r rootFS) OpenDir(name string) (vfs.File, error) { return r.FS.OpenDir(r.real(name)) }
func (r rootFS) Remove(name string) error              { return r.FS.Remove(r.real(name)) }
func (r rootFS) RemoveAll(name string) error           { return r.FS.RemoveAll(r.real(name)) }
func (r rootFS) Rename(from, to string) error          { return r.FS.Rename(r.real(from), r.real(to)) }
func (r rootFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return r.FS.ReuseForWrite(r.real(from), r.real(to), c)
}
func (r rootFS) MkdirAll(name string, perm os.FileMode) error {
	return r.FS.MkdirAll(r.real(name), perm)
}
func (r rootFS) Lock(name string) (io.Closer, error)          { return r.FS.Lock(r.real(name)) }
func (r rootFS) List(name string) ([]string, error)           { return r.FS.List(r.real(name)) }
func (r rootFS) Stat(name string) (vfs.FileInfo, error)       { return r.FS.Stat(r.real(name)) }
func (r rootFS) GetDiskUsage(n string) (vfs.DiskUsage, error) { return r.FS.GetDiskUsage(r.real(n)) }
func (r rootFS) Unwrap() vfs.FS                               { return r.FS }

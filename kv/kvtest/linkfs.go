package kvtest

import (
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// linkFS is a file system in memory whose links and copies take turns. Its own
// Link takes its lock for reading twice; a copy that comes to wait in between
// would keep it, and itself, waiting for ever.
type linkFS struct {
	*vfs.MemFS
	links *sync.RWMutex // held for writing while a copy is made
}

// Link implements vfs.FS.
func (l linkFS) Link(from, to string) error {
	l.links.RLock()
	defer l.links.RUnlock()
	return l.MemFS.Link(from, to)
}

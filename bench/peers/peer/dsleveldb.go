package peer

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	leveldbds "github.com/ipfs/go-ds-leveldb"
	"github.com/syndtr/goleveldb/leveldb/filter"
)

// dsLevelDB is the go-datastore on goleveldb, with the sizes that raw Pebble has
// where there are settings for them.
var dsLevelDB = Peer{
	Name:   "go-ds-leveldb",
	About:  "through go-datastore, 64 MiB memtable, bloom filters; it knows only fsync at every write or never: never, and a sync is one of its files; no roots",
	Module: "github.com/ipfs/go-ds-leveldb",
	Open: func(_ context.Context, dir string, o Options) (Store, error) {
		d, err := leveldbds.NewDatastore(dir, &leveldbds.Options{
			BlockCacheCapacity: int(o.CacheBytes),
			WriteBuffer:        64 << 20,
			Filter:             filter.NewBloomFilter(10),
			NoSync:             true,
		})
		if err != nil {
			return nil, err
		}
		return &dsLevelDBStore{datastoreStore{d}, dir}, nil
	},
}

type dsLevelDBStore struct {
	datastoreStore
	dir string
}

// Sync stands for what the datastore has no call for. Its log is in the
// operating system's hands when a write returns.
func (s *dsLevelDBStore) Sync(context.Context) error { return syncFiles(s.dir) }

func (s *dsLevelDBStore) Close() error { return errors.Join(s.d.Close(), syncFiles(s.dir)) }

// syncFiles syncs every file of a directory.
func syncFiles(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // just compacted away
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	})
}

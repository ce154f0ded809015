package pebblekv

import (
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options of a store. The zero value is good.
type Options struct {
	// FS is where the directory lies; nil: the operating system's.
	FS vfs.FS

	// CacheBytes is the size of the cache of Pebble's blocks; 0: 32 MiB. The
	// engine above keeps decoded nodes in a cache of its own.
	CacheBytes int64

	// MemTableBytes is what gathers in memory before it is written to a table;
	// 0: 64 MiB. Up to three times as much is in memory.
	MemTableBytes int64

	// RunBytes is how many bytes of nodes that were put behind gather before
	// they are written; 0: 64 MiB. Up to twice as much is in memory, and what one
	// batch puts.
	RunBytes int64

	// ReadOnly opens the store without writing anything; writes answer
	// kv.ErrReadOnly.
	ReadOnly bool

	// Damaged opens a store for reading what is left of it, whatever of it is
	// damaged; it needs ReadOnly. One that does not open, or cannot be read to its end,
	// is read file by file, without Pebble's manifest and indexes, into a copy in the
	// directory for temporary files, which is as large as what is readable and is
	// removed by Close. What it may differ in Store.Damage tells.
	Damaged bool

	// MustExist answers kv.ErrNoStore rather than creating a store.
	MustExist bool

	// Logger is told what goes wrong by itself, and at debug level what Pebble
	// does; nil: nobody is.
	Logger *slog.Logger

	// OnEvent is told what takes time in the background, and what writers wait
	// for. It is called by several goroutines, some of which hold Pebble's locks:
	// it must return at once and leave the store alone. nil: nobody is told.
	OnEvent func(Event)
}

const (
	defaultCacheBytes    = 32 << 20
	defaultMemTableBytes = 64 << 20
	defaultRunBytes      = 64 << 20
	minMemTableBytes     = 64 << 10

	// blobBytes is from which size on a blob lies in a file of values, apart
	// from the keys, so that compactions do not copy it.
	blobBytes = 4 << 10

	// blockBytes is the size of a table's blocks: three or four nodes.
	blockBytes = 8 << 10
)

func (o *Options) orDefaults() Options {
	var d Options
	if o != nil {
		d = *o
	}
	if d.FS == nil {
		d.FS = vfs.Default
	}
	if d.CacheBytes <= 0 {
		d.CacheBytes = defaultCacheBytes
	}
	if d.MemTableBytes <= 0 {
		d.MemTableBytes = defaultMemTableBytes
	}
	if d.RunBytes <= 0 {
		d.RunBytes = defaultRunBytes
	}
	d.MemTableBytes = max(d.MemTableBytes, minMemTableBytes)
	return d
}

// compression keeps a block as it is that does not get a twentieth smaller: blocks of
// inner nodes, which repeat how links begin, get a tenth smaller.
var compression = func() *sstable.CompressionProfile {
	p := *sstable.SnappyCompression
	p.MinReductionPercent = 5
	return &p
}()

// pebbleOptions are what the measurements in docs/decisions/0005-pebble-options.md
// came to.
func (o *Options) pebbleOptions(cache *pebble.Cache, f *failure) *pebble.Options {
	p := &pebble.Options{
		FS:                          dataFS{o.FS, f},
		Cache:                       cache,
		Logger:                      f,
		EventListener:               f.listener(),
		FormatMajorVersion:          pebble.FormatValueSeparation, // the newest of v2.1
		ReadOnly:                    o.ReadOnly,
		MemTableSize:                uint64(o.MemTableBytes),
		MemTableStopWritesThreshold: 3,
		L0CompactionThreshold:       40,
		L0StopWritesThreshold:       100,
		LBaseMaxBytes:               256 << 20,
		WALBytesPerSync:             1 << 20,
		CompactionConcurrencyRange:  func() (int, int) { return 1, 2 },
	}
	p.TargetFileSizes = [...]int64{64 << 20, 1 << 20, 4 << 20, 16 << 20, 32 << 20, 64 << 20, 64 << 20}
	for i := range p.Levels {
		p.Levels[i] = pebble.LevelOptions{
			BlockSize:      blockBytes,
			IndexBlockSize: 16 << 10,
			FilterPolicy:   bloom.FilterPolicy(10),
			Compression:    func() *sstable.CompressionProfile { return compression },
		}
	}
	p.Experimental.ReadSamplingMultiplier = -1
	p.Experimental.ValueSeparationPolicy = func() pebble.ValueSeparationPolicy {
		return pebble.ValueSeparationPolicy{
			Enabled:               true,
			MinimumSize:           blobBytes,
			MaxBlobReferenceDepth: 10,
			RewriteMinimumAge:     time.Minute,
			TargetGarbageRatio:    0.2,
		}
	}
	p.Experimental.SpanPolicyFunc = spanPolicy
	return p
}

// spanPolicy has Pebble begin another table at each space that grows: so the
// tables of nodes, which arrive in order, are moved down the levels as they
// are, while those of the index beside them are merged. Values other than blobs
// stay beside their keys.
// Nodes of a later stretch of ids lie apart from those of an earlier one, which may be
// written after them.
func spanPolicy(start []byte) (p pebble.SpanPolicy, end []byte, err error) {
	p.DisableValueSeparationBySuffix = true
	if len(start) == 0 || start[0] != blobSpace {
		p.ValueStoragePolicy = pebble.ValueStorageLowReadLatency
	}
	if len(start) > 0 && start[0] == nodeSpace {
		return p, afterStretch(start), nil
	}
	for _, border := range []byte{blobSpace, blobSpace + 1, hashSpace + 1, nodeSpace, nodeSpace + 1} {
		if len(start) == 0 || start[0] < border {
			return p, []byte{border}, nil
		}
	}
	return p, nil, nil
}

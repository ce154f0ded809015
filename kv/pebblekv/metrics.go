package pebblekv

import (
	"context"

	"github.com/cockroachdb/pebble/v2"
)

// Metrics is what the store has done since it was opened, and what it holds.
type Metrics struct {
	WrittenBytes  uint64  // by batches, before anything is done to them
	LogBytes      uint64  // written to the log
	TableBytes    uint64  // written to tables and files of values, by flushes and compactions
	IngestedBytes uint64  // of tables that were built beside and taken in as they are
	Amplification float64 // (LogBytes + TableBytes) / WrittenBytes; 0 when nothing was written
	Levels        int     // that a point read may have to look into
	Compactions   int64
	CacheHits     int64 // blocks
	CacheMisses   int64
	CacheBytes    uint64 // that cached blocks take of memory
	MemTableBytes uint64 // that memtables take, those that wait for their last readers included
	DiskBytes     uint64
}

// Metrics returns the counters; all zero once the store is closed.
func (s *Store) Metrics() (m Metrics) {
	if s.enter(context.Background()) != nil {
		return m
	}
	var err error
	defer s.leave("metrics", &err)
	var p *pebble.Metrics
	if s.await(func() error { p = s.db.Metrics(); return nil }) != nil {
		return m
	}
	total := p.Total()
	m = Metrics{
		WrittenBytes: p.WAL.BytesIn,
		LogBytes:     p.WAL.BytesWritten,
		TableBytes: total.TableBytesFlushed - total.TableBytesIn + // a total counts the log and what was taken in as flushed
			total.TableBytesCompacted + total.BlobBytesFlushed + total.BlobBytesCompacted,
		IngestedBytes: total.TableBytesIngested,
		Levels:        p.ReadAmp(),
		Compactions:   p.Compact.Count,
		CacheHits:     p.BlockCache.Hits,
		CacheMisses:   p.BlockCache.Misses,
		CacheBytes:    uint64(p.BlockCache.Size),
		MemTableBytes: p.MemTable.Size + p.MemTable.ZombieSize,
		DiskBytes:     diskBytes(p),
	}
	if m.WrittenBytes > 0 {
		m.Amplification = float64(m.LogBytes+m.TableBytes) / float64(m.WrittenBytes)
	}
	return m
}

// DiskUsage implements kv.Sizer. Files that are about to be deleted count no
// more; logs that are kept to be used again do.
func (s *Store) DiskUsage(ctx context.Context) (n uint64, err error) {
	if err := s.enter(ctx); err != nil {
		return 0, s.describe("disk usage", err)
	}
	defer s.leave("disk usage", &err)
	err = s.await(func() error { n = diskBytes(s.db.Metrics()); return nil })
	return n, err
}

func diskBytes(m *pebble.Metrics) uint64 {
	return m.DiskSpaceUsage() - m.Table.Local.ObsoleteSize - m.BlobFiles.Local.ObsoleteSize + headLen
}

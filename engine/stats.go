package engine

import (
	"context"
	"errors"
	"sync/atomic"
)

// Stats counts since the engine was opened.
type Stats struct {
	CacheHits, CacheMisses uint64
	CacheBytes, CacheNodes uint64 // now in the node cache

	NodeReads, NodeReadBytes   uint64 // from the store
	NodeWrites, NodeWriteBytes uint64 // to the store
	BlobReads, BlobWrites      uint64
	StaleHints                 uint64 // reads that a hint misled, and the hash put right

	Folds, FoldFailures uint64
	Commits             uint64
	StagedEdits         uint64 // not folded yet, over all branches in use
	StagedBytes         uint64 // memory they take
	Pins                int    // snapshots, iterators and transactions open
	Branches            int    // held in memory, at most Options.OpenBranches, about

	DiskBytes uint64 // 0 when the store cannot tell
}

// counters are what Stats is made of.
type counters struct {
	cacheHits                  spread
	nodeReads, nodeReadBytes   atomic.Uint64
	nodeWrites, nodeWriteBytes atomic.Uint64
	blobReads, blobWrites      atomic.Uint64
	staleHints                 atomic.Uint64
	folds, foldFailures        atomic.Uint64
	commits                    atomic.Uint64
}

// spread is a counter for hot paths: parts on cache lines of their own, chosen
// by what is at hand, so that readers of different nodes do not meet.
type spread [16]struct {
	atomic.Uint64
	_ [56]byte
}

// add returns the count of the part that it chose.
func (s *spread) add(by int) uint64 { return s[uint(by)%16].Add(1) }

func (s *spread) sum() (n uint64) {
	for i := range s {
		n += s[i].Load()
	}
	return n
}

// Stats returns the counters. A closed engine answers what it had counted.
func (e *Engine) Stats() Stats {
	n := &e.n
	bytes, nodes := e.nodes.cache.used()
	s := Stats{
		CacheHits:      n.cacheHits.sum(),
		CacheMisses:    n.nodeReads.Load(),
		CacheBytes:     uint64(bytes),
		CacheNodes:     uint64(nodes),
		NodeReads:      n.nodeReads.Load(),
		NodeReadBytes:  n.nodeReadBytes.Load(),
		NodeWrites:     n.nodeWrites.Load(),
		NodeWriteBytes: n.nodeWriteBytes.Load(),
		BlobReads:      n.blobReads.Load(),
		BlobWrites:     n.blobWrites.Load(),
		StaleHints:     n.staleHints.Load(),
		Folds:          n.folds.Load(),
		FoldFailures:   n.foldFailures.Load(),
		Commits:        n.commits.Load(),
		Pins:           e.pins.len(),
	}
	s.Branches = e.held()
	for _, b := range e.opened() {
		s.StagedEdits += uint64(b.Staged())
		s.StagedBytes += uint64(b.staged.Load())
	}
	if d, err := e.DiskUsage(context.Background()); err == nil {
		s.DiskBytes = d
	}
	return s
}

// DiskUsage is the room that the store takes, in bytes.
// errors.ErrUnsupported when the store cannot tell.
func (e *Engine) DiskUsage(ctx context.Context) (uint64, error) {
	if e.closed.Load() {
		return 0, ErrClosed
	}
	s, ok := e.store.(interface {
		DiskUsage(ctx context.Context) (uint64, error)
	})
	if !ok {
		return 0, errors.ErrUnsupported
	}
	n, err := s.DiskUsage(ctx)
	if err != nil {
		return 0, storeError("disk usage", err)
	}
	return n, nil
}

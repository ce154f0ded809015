package space

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

// Upkeep says when a service that serves gives back the disk that it no longer
// needs. Zero values stand for the defaults that the comments name.
type Upkeep struct {
	// Every is the time between collections: an hour; negative: there are none.
	Every time.Duration

	// Grown is how many bytes the store may grow before it is collected earlier,
	// if that is half of what it had: 1 GiB.
	Grown uint64

	// History is how long the former states of spaces are kept, beside the last few
	// of each: 30 days; negative: for ever. A client whose last sync was before
	// that sends all it has, once.
	History time.Duration
}

func (u Upkeep) withDefaults() Upkeep {
	if u.Every == 0 {
		u.Every = time.Hour
	}
	set(&u.Grown, 1<<30)
	if u.History == 0 {
		u.History = 30 * 24 * time.Hour
	}
	return u
}

const (
	keptCommits  = 8                // of each space, whatever their age
	lookEvery    = time.Minute      // for growth
	progressTime = 10 * time.Second // between lines of the log
)

// upkeep collects garbage until ctx is done.
func (s *Service) upkeep(ctx context.Context) {
	u := s.o.Upkeep
	if u.Every < 0 {
		return
	}
	t := time.NewTicker(min(u.Every, lookEvery))
	defer t.Stop()
	for last, size := time.Now(), s.storeBytes(ctx); ; {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if time.Since(last) < u.Every && s.storeBytes(ctx) < size+max(u.Grown, size/2) {
			continue
		}
		_, err := s.Collect(ctx)
		if errors.Is(err, errors.ErrUnsupported) {
			s.log.Warn("the store cannot give back disk", "err", err)
			return
		}
		if err != nil && ctx.Err() == nil { // the next may succeed
			s.log.Error("collection failed", "err", err)
		}
		last, size = time.Now(), s.storeBytes(ctx)
	}
}

// storeBytes is the room that the store takes; 0 when it cannot tell, and then
// time alone counts.
func (s *Service) storeBytes(ctx context.Context) uint64 {
	n, err := s.e.DiskUsage(ctx)
	if err != nil {
		return 0
	}
	return n
}

// Collect removes the bytes of blobs that were given up and not removed at once,
// what was held for clients that did not come back for the rest of an answer, and
// logins that nobody confirmed,
// forgets states of spaces that are older than Upkeep.History, and removes the blocks
// that nothing reaches. The service goes on meanwhile. When ctx ends a part is done, and
// another collection does the rest.
func (s *Service) Collect(ctx context.Context) (stats engine.GCStats, err error) {
	s.n.collecting.Add(1)
	defer func() {
		s.n.collecting.Add(-1)
		s.n.collectedNodes.Add(stats.Swept.Nodes + stats.Swept.Blobs)
		s.n.collectedBytes.Add(stats.Swept.NodeBytes + stats.Swept.BlobBytes)
		if err != nil {
			s.n.collectionsFailed.Add(1)
			err = fmt.Errorf("space: collect: %w", err)
			return
		}
		s.n.collections.Add(1)
	}()
	began := time.Now()
	if err := errors.Join(s.finishDrops(ctx), s.dropLacks(ctx), s.dropLogins(ctx)); err != nil {
		return stats, err
	}
	if s.o.Upkeep.History >= 0 {
		if _, err := s.e.Retain(ctx, engine.Retention{Last: keptCommits, Age: s.o.Upkeep.History}); err != nil {
			return stats, err
		}
	}
	if stats, err = s.e.GC(ctx, engine.GCOptions{Progress: s.collectionProgress()}); err != nil {
		return stats, err
	}
	s.log.Info("collected garbage", "kept", stats.Marked.Nodes+stats.Marked.Blobs, "removed", stats.Swept.Nodes+stats.Swept.Blobs,
		"bytes", stats.Swept.NodeBytes+stats.Swept.BlobBytes, "took", time.Since(began).Round(time.Millisecond),
		"store", s.storeBytes(ctx))
	return stats, nil
}

// collectionProgress notes how far a collection is, for the metrics and now and
// then for the log.
func (s *Service) collectionProgress() func(engine.GCStats) {
	told := time.Now()
	return func(st engine.GCStats) {
		s.n.marked.Store(st.Marked.Nodes)
		if time.Since(told) < progressTime {
			return
		}
		told = time.Now()
		s.log.Info("collecting garbage", "marked", st.Marked.Nodes, "removed", st.Swept.Nodes, "took", st.Duration.Round(time.Second))
	}
}

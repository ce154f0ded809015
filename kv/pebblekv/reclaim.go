package pebblekv

import (
	"bytes"
	"context"
	"fmt"
)

// worthCompacting is which part of the bytes in a stretch of nodes must be dead
// for it to be written again without them. What is less is left to Pebble.
const worthCompacting = 10

// span is a stretch of stored nodes.
type span struct {
	first, last []byte // keys
	bytes, dead int
}

// met notes a stored node.
func (p *span) met(key []byte, size int) {
	if p.first == nil {
		p.first = bytes.Clone(key)
	}
	p.last = append(p.last[:0], key...)
	p.bytes += size
}

// reclaimAt is how many dead bytes gather before they are dropped, so that a
// sweep that is cut short has given back most of what it removed. Each time
// writers wait for a new log and memtable.
const reclaimAt = 256 << 20

// gather takes note of a stretch. Those that follow each other and are worth it
// are compacted together.
func (y *sweep) gather(p span) error {
	worth := p.dead > 0 && p.dead >= p.bytes/worthCompacting
	if worth {
		if y.open.first == nil {
			y.open.first = p.first
		}
		y.open.last = p.last
		y.open.bytes += p.bytes
		y.open.dead += p.dead
	}
	if y.open.first != nil && (!worth || y.open.dead >= reclaimAt) {
		p := y.open
		y.open = span{}
		y.spans, y.deadBytes = append(y.spans, p), y.deadBytes+p.dead
	}
	if y.deadBytes >= reclaimAt {
		return y.reclaim()
	}
	return nil
}

// reclaim makes the removals durable and has dead nodes dropped.
func (y *sweep) reclaim() error {
	s := y.s
	if err := s.syncUpTo(y.ctx, s.committed.Load()); err != nil {
		return err
	}
	if _, err := s.flush(); err != nil {
		return err
	}
	for _, p := range y.spans {
		if err := s.compact(y.ctx, p.first, append(p.last, 0)); err != nil {
			return err
		}
		y.out.Rewritten += uint64(p.bytes - p.dead)
	}
	y.spans, y.deadBytes = nil, 0
	return nil
}

// end drops what is left.
func (y *sweep) end() error {
	if y.out.Nodes+y.out.Copies+y.out.Blobs == 0 {
		return nil
	}
	if y.open.first != nil {
		y.spans = append(y.spans, y.open)
	}
	if err := y.reclaim(); err != nil {
		return err
	}
	// Staged records that were folded lie beside what deletes them.
	for _, space := range [][2]byte{{logSpace, metaSpace + 1}, {refSpace, refSpace + 1}} {
		if err := y.s.compact(y.ctx, []byte{space[0]}, []byte{space[1]}); err != nil {
			return err
		}
	}
	if y.blobs {
		if err := y.s.compact(y.ctx, []byte{blobSpace}, []byte{blobSpace + 1}); err != nil {
			return err
		}
	}
	if y.out.Nodes*worthCompacting > y.out.KeptNodes+y.out.Nodes {
		return y.s.compact(y.ctx, []byte{hashSpace}, []byte{hashSpace + 1})
	}
	return nil
}

// compact rewrites keys from lower to upper without what was deleted. Pebble
// tries again for ever when that fails; this gives up at the first failure.
func (s *Store) compact(ctx context.Context, lower, upper []byte) error {
	select {
	case <-s.broken:
	default:
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan error, 1)
	go func() {
		done <- s.guard(func() error { return s.db.Compact(ctx, lower, upper, false) })
	}()
	for {
		select {
		case err := <-done:
			if err != nil && ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return err
		case err := <-s.broken:
			cancel(fmt.Errorf("compaction: %w", err))
		case <-s.stuck:
			return s.failure.err()
		}
	}
}

package pebblekv

import (
	"context"

	"github.com/cockroachdb/pebble/v2"
)

// A commit of a few log records costs Pebble three times what the records do: a
// place in its pipeline, a chunk of its log, a search in the memtable from the
// top. So records are held back and given to Pebble some at a time. Pebble keeps
// the last block of its log, twice as much, in memory too until it is full or
// synced: a process that is killed loses unsynced commits from the end one way
// or the other, and those before the loss survive.
const (
	heldBytes = 16 << 10 // at which the records held go
	heldBatch = 2 << 10  // the largest batch that is held, in bytes
)

// applyRecords is apply for a batch that speaks for itself. One of a few log
// records and nothing else is held. The caller has the turn.
func (s *Store) applyRecords(b *batch, pb *pebble.Batch) error {
	if !b.isSmall(pb) {
		return s.apply(pb)
	}
	if s.held == nil {
		s.held = s.newPebbleBatch()
	}
	if err := s.held.Apply(pb, nil); err != nil {
		return err
	}
	if s.held.Len() < heldBytes {
		return nil
	}
	return s.letGo()
}

// isSmall tells whether there is nothing in pb, the batch's, but a few log records.
func (b *batch) isSmall(pb *pebble.Batch) bool {
	return len(b.records) == int(pb.Count()) && pb.Len() <= heldBatch
}

// letGo gives Pebble the records held. The caller has the turn, and stops the
// store if that fails.
func (s *Store) letGo() error {
	pb := s.held
	if pb == nil {
		return nil
	}
	s.held = nil
	if err := s.applyNow(pb); err != nil {
		return err
	}
	return pb.Close()
}

// showHeld gives Pebble the records held for who reads them there.
func (s *Store) showHeld(ctx context.Context) (err error) {
	if err := s.enter(ctx); err != nil {
		return s.describe("read log", err)
	}
	defer s.leave("read log", &err)
	return s.whole(ctx)
}

// whole leaves no record held.
func (s *Store) whole(ctx context.Context) error {
	if err := s.turn.take(ctx, s.failure); err != nil {
		return err
	}
	defer s.turn.give()
	if err := s.letGo(); err != nil {
		return s.stop(err)
	}
	return nil
}

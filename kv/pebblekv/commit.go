package pebblekv

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// Commit implements kv.Batch.
func (b *batch) Commit(ctx context.Context) (err error) {
	pb := b.pb
	b.pb = nil
	if pb == nil {
		return fmt.Errorf("pebblekv: commit: %w: it is spent", kv.ErrBatch)
	}
	if err := b.s.enter(ctx); err != nil {
		_ = pb.Close() // it holds nothing but memory
		return b.s.describe("commit", err)
	}
	defer b.s.leave("commit", &err)
	if len(b.behind) > 0 {
		if err := b.s.behind.room(ctx, b.s.failure); err != nil {
			return errors.Join(err, pb.Close())
		}
	}
	if err := b.s.commit(ctx, b, pb); err != nil {
		return err
	}
	if b.isSmall(pb) {
		pb.Reset()
		b.spare = pb
		return nil
	}
	return pb.Close()
}

// commit checks the batch and applies it. A batch that is refused changes
// nothing; one that Pebble does not take stops the store.
func (s *Store) commit(ctx context.Context, b *batch, pb *pebble.Batch) error {
	switch {
	case s.readOnly:
		return kv.ErrReadOnly
	case pb.Empty() && len(b.ops) == 0 && !b.puts && len(b.behind) == 0 && b.fill == nil:
		return nil
	}
	if err := s.turn.take(ctx, s.failure); err != nil {
		return err
	}
	defer s.turn.give()
	if err := s.check(&b.plan); err != nil {
		return err
	}
	if b.fill != nil {
		if err := b.fill(); err != nil {
			return err
		}
	}
	s.behind.add(b.behind)
	if len(b.behind) > 0 && s.st.generation != s.generation {
		b.puts = true // noted before any id of it can become durable (P1)
	}
	if pb.Empty() && len(b.ops) == 0 && !b.puts {
		return nil
	}
	next := s.st
	next.sequence++
	next.digest.toggle(b.delta)
	if err := s.changeLog(b, pb, &next.digest); err != nil {
		return s.stop(err)
	}
	b.number(pb, next.sequence)
	if b.speaksForItself() {
		if err := s.applyRecords(b, pb); err != nil {
			return s.stop(err)
		}
		s.became(next)
		return nil
	}
	next.nodes = count(next.nodes, b.nodes)
	notes := b.puts && next.generation != s.generation
	if notes {
		next.generation = s.generation
	}
	op := pb.SetDeferred(len(stateKey), stateLen)
	copy(op.Key, stateKey)
	next.put(op.Value)
	err := op.Finish()
	if err == nil {
		err = s.apply(pb)
	}
	if err != nil {
		return s.stop(err)
	}
	if notes {
		s.noted.Store(next.sequence)
	}
	s.became(next)
	return nil
}

func (s *Store) became(next state) {
	s.st = next
	s.committed.Store(next.sequence)
}

// speaksForItself tells whether the state after a batch follows from the one
// before it and the batch's own log records.
func (b *batch) speaksForItself() bool {
	for _, op := range b.ops {
		if op.kind != logAppend {
			return false
		}
	}
	return len(b.ops) > 0 && !b.puts && b.nodes == 0 && b.delta == digest{}
}

// count adds to how many nodes there are. What a crash left uncounted (P4) may
// be removed all the same.
func count(nodes uint64, more int) uint64 {
	if more < 0 && uint64(-more) > nodes {
		return 0
	}
	return nodes + uint64(more) // two's complement
}

// check asks the plan whether the ref and its log are as it needs them.
func (s *Store) check(p *kv.RefPlan) error {
	if p.Name() == "" {
		return nil
	}
	var now []byte
	if p.Swaps() {
		value, err := s.get(refKey(p.Name()))
		if err != nil && err != pebble.ErrNotFound {
			return err
		}
		now = value
	}
	_, err := p.Check(now, s.logs[p.Name()].last())
	return err
}

// trimOneByOne is up to how many records a trim deletes by their keys. Each
// range deletion in a memtable makes later reads go through all of them again,
// which a branch that is folded often would pay for with every read.
const trimOneByOne = 1024

// changeLog does to the known state of the log what the batch does to the
// stored one, and adds to pb what trimming it takes. It comes before the batch is
// applied: when that fails the store stops, and what it knows no longer
// matters.
func (s *Store) changeLog(b *batch, pb *pebble.Batch, d *digest) error {
	if len(b.ops) == 0 {
		return nil
	}
	ref := b.plan.Name()
	log := s.logs[ref]
	if log == nil {
		log = &logState{}
		s.logs[ref] = log
	}
	var gone []uint64
	forget := func(seq uint64) { d.toggle(recordItem(ref, seq)) }
	trim := func(seq uint64) {
		forget(seq)
		gone = append(gone, seq)
	}
	for _, op := range b.ops {
		switch op.kind {
		case logAppend:
			log.append(op.seq)
			d.toggle(recordItem(ref, op.seq))
		case logTrim:
			log.trim(op.seq, trim)
		case logClear:
			log.trim(^uint64(0), forget) // deleted already
		}
	}
	if err := deleteRecords(pb, ref, gone, log); err != nil {
		return err
	}
	if log.last() == 0 {
		delete(s.logs, ref)
	}
	return nil
}

// deleteRecords deletes records that are gone, but not those that came again:
// a log that was emptied may begin with a number that it had before, and the
// deletion stands behind the record in the batch.
func deleteRecords(pb *pebble.Batch, ref string, gone []uint64, now *logState) error {
	gone = slices.DeleteFunc(gone, now.has)
	if len(gone) > trimOneByOne && slices.Max(gone) < now.first() {
		return pb.DeleteRange(logKey(ref, 0), afterLog(ref, slices.Max(gone)), nil)
	}
	for _, seq := range gone {
		if err := pb.Delete(logKey(ref, seq), nil); err != nil {
			return err
		}
	}
	return nil
}

package pebblekv

import (
	"context"
	"fmt"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// sweepBatch is how many bytes of deletions are committed at a time.
const sweepBatch = 1 << 20

// Sweep implements kv.Sweeper. It holds the ids of all nodes that stay in
// memory, deletes the others key by key, and compacts, so that the room is given
// back when it returns. A sweep that is cut short has removed a part; the store
// is sound, and the next sweep removes the rest.
func (s *Store) Sweep(ctx context.Context, keep kv.Keep) (w kv.Swept, err error) {
	if err := s.enter(ctx); err != nil {
		return w, s.describe("sweep", err)
	}
	defer s.gate.Leave()
	if err := s.sweep(ctx, keep, &w); err != nil {
		return w, s.describe("sweep", err)
	}
	return w, nil
}

func (s *Store) sweep(ctx context.Context, keep kv.Keep, w *kv.Swept) error {
	if s.readOnly {
		return kv.ErrReadOnly
	}
	if err := s.behind.flush(ctx, s.failure); err != nil {
		return err
	}
	d := &deletion{s: s}
	live, err := s.sweepIndex(ctx, keep, d, w)
	if err == nil {
		err = s.sweepNodes(ctx, live, d)
	}
	if err == nil {
		err = s.sweepBlobs(ctx, keep, d, w)
	}
	if err == nil {
		err = d.commit()
	}
	if err == nil && d.any {
		err = s.reclaim(ctx)
	}
	return err
}

// sweepIndex removes the nodes that are not kept, each with its entry in the
// index, and returns where the others lie.
func (s *Store) sweepIndex(ctx context.Context, keep kv.Keep, d *deletion, w *kv.Swept) (map[id]struct{}, error) {
	live := map[id]struct{}{}
	err := s.eachOf(ctx, hashSpace, func(key, value []byte) error {
		h, at, err := parseIndex(key, value)
		if err != nil {
			return err
		}
		if keep.KeepsNode(h) {
			live[at] = struct{}{}
			return nil
		}
		var n kv.Node
		if err := s.guard(func() error { n, err = s.readAt(at); return err }); err != nil {
			return err
		}
		w.Nodes, w.NodeBytes = w.Nodes+1, w.NodeBytes+uint64(len(n.Block))
		var nodeKey [nodeKeyLen]byte
		putNodeKey(nodeKey[:], at)
		return d.delete(key, nodeKey[:])
	})
	return live, err
}

// sweepNodes removes older copies, which the index no longer leads to.
func (s *Store) sweepNodes(ctx context.Context, live map[id]struct{}, d *deletion) error {
	if err := d.commit(); err != nil {
		return err
	}
	return s.eachOf(ctx, nodeSpace, func(key, _ []byte) error {
		at, err := parseNodeKey(key)
		if err != nil {
			return err
		}
		if _, ok := live[at]; ok {
			return nil
		}
		return d.delete(key)
	})
}

func (s *Store) sweepBlobs(ctx context.Context, keep kv.Keep, d *deletion, w *kv.Swept) error {
	return s.eachOf(ctx, blobSpace, func(key, value []byte) error {
		if keep.KeepsBlob(key[1:]) {
			return nil
		}
		w.Blobs, w.BlobBytes = w.Blobs+1, w.BlobBytes+uint64(len(value))
		return d.delete(key)
	})
}

// eachOf calls f with every key of a space and its value.
func (s *Store) eachOf(ctx context.Context, space byte, f func(key, value []byte) error) error {
	c := s.cursor(s.db, []byte{space}, []byte{space + 1})
	defer func() { _ = c.close() }()
	for c.next(ctx) {
		value, ok := c.value()
		if !ok {
			break
		}
		if err := f(c.key(), value); err != nil {
			return err
		}
	}
	return c.close()
}

// reclaim makes the deletions durable and has the dead bytes dropped.
func (s *Store) reclaim(ctx context.Context) error {
	if _, err := s.settle(); err != nil {
		return err
	}
	for _, space := range []byte{blobSpace, hashSpace, nodeSpace} {
		if err := s.compact(ctx, space); err != nil {
			return err
		}
	}
	return nil
}

// compact rewrites a space without what was deleted. Pebble tries again for
// ever when that fails; this gives up at the first failure.
func (s *Store) compact(ctx context.Context, space byte) error {
	select {
	case <-s.broken:
	default:
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan error, 1)
	go func() {
		done <- s.guard(func() error { return s.db.Compact(ctx, []byte{space}, []byte{space + 1}, false) })
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

// deletion gathers keys to delete and commits them bit by bit. Keys given at
// once go at once.
type deletion struct {
	s   *Store
	b   *batch
	any bool
}

func (d *deletion) delete(keys ...[]byte) error {
	d.any = true
	if d.b == nil {
		d.b = &batch{s: d.s, pb: d.s.db.NewBatch()}
	}
	for _, key := range keys {
		if key[0] == nodeSpace {
			d.b.nodes--
		}
		if err := d.b.pb.Delete(key, nil); err != nil {
			return err
		}
	}
	if d.b.Size() < sweepBatch {
		return nil
	}
	return d.commit()
}

func (d *deletion) commit() error {
	b := d.b
	if b == nil {
		return nil
	}
	d.b = nil
	return d.s.guard(func() error {
		if err := d.s.commit(background, b, b.pb); err != nil {
			return err
		}
		return b.pb.Close()
	})
}

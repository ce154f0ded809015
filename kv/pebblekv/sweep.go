package pebblekv

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

const (
	// sweepStretch is how many keys are gone through at a time. What is to be
	// removed of them is held in memory meanwhile, by name.
	sweepStretch = 4096

	// sweepAtOnce is how many blocks are removed while others wait.
	sweepAtOnce = 64
)

// Sweep implements kv.Sweeper, by way of a collection: so what it says of
// memory and of compactions holds here.
func (s *Store) Sweep(ctx context.Context, keep kv.Keep) (w kv.Swept, err error) {
	if s.readOnly {
		return w, s.describe("sweep", kv.ErrReadOnly)
	}
	if err := s.WriteNodes(ctx); err != nil {
		return w, err
	}
	c, err := s.Collect(ctx)
	if err != nil {
		return w, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if err := s.markKept(ctx, c, keep); err != nil {
		return w, s.describe("sweep", err)
	}
	got, err := c.Sweep(ctx, kv.SweepOptions{})
	return got.Swept, err
}

// markKept marks what a function keeps.
func (s *Store) markKept(ctx context.Context, c kv.Collection, keep kv.Keep) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.Leave()
	err := s.eachOf(ctx, hashSpace, func(key, value []byte) error {
		h, _, err := parseIndex(key, value)
		if err == nil && keep.KeepsNode(h) {
			err = c.Mark(ctx, h, kv.Kept)
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.eachOf(ctx, blobSpace, func(key, _ []byte) error {
		if keep.KeepsBlob(key[1:]) {
			return c.MarkBlob(ctx, key[1:])
		}
		return nil
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

// Sweep implements kv.Collection.
func (c *collection) Sweep(ctx context.Context, o kv.SweepOptions) (w kv.Collected, err error) {
	s := c.s
	if err := s.enter(ctx); err != nil {
		return w, s.describe("sweep", err)
	}
	defer s.gate.Leave()
	y := sweep{c: c, s: s, ctx: ctx, o: o, out: &w}
	if err := y.run(); err != nil {
		return w, s.describe("sweep", err)
	}
	return w, nil
}

// sweep is a Sweep under way: a stretch of keys after the other. Each is read
// first, and then its dead removed, some at a time, by looking once more.
type sweep struct {
	c   *collection
	s   *Store
	ctx context.Context
	o   kv.SweepOptions
	out *kv.Collected

	dead      []deadNode
	open      span   // the last stretches, if they are worth a compaction
	spans     []span // that are, and wait for it
	deadBytes int    // in those
	marked    *nameCursor
	blobs     bool // some were removed
}

type deadNode struct {
	at    id
	hash  codec.Hash
	size  uint64
	index bool // the index leads to it
}

func (y *sweep) run() error {
	if y.s.readOnly && !y.o.DryRun {
		return kv.ErrReadOnly
	}
	// What was put before the collection began must be where the sweep looks,
	// and the index must not come to lead to it later.
	if !y.s.readOnly {
		if err := y.s.behind.flush(y.ctx, y.s.failure); err != nil {
			return err
		}
	}
	y.c.sweeping.Store(true)
	if err := y.sweepBlobs(); err != nil {
		return err
	}
	if err := y.sweepNodes(); err != nil {
		return err
	}
	if y.o.DryRun {
		return nil
	}
	return y.end()
}

func (y *sweep) progress() {
	if y.o.Progress != nil {
		y.o.Progress(*y.out)
	}
}

// stretch calls f with the keys from lower on, at most sweepStretch of them, and
// returns where to go on; nil at the end. It holds no iterator afterwards, so
// that Pebble can let go of tables.
func (y *sweep) stretch(lower, upper []byte, f func(c *cursor) error) (next []byte, err error) {
	c := y.s.cursor(y.s.db, lower, upper)
	defer func() {
		if e := c.close(); err == nil {
			err = e
		}
	}()
	for n := 0; c.next(y.ctx); n++ {
		if n == sweepStretch {
			return bytes.Clone(c.key()), nil
		}
		if err := y.s.guard(func() error { return f(c) }); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// sweepNodes goes through the nodes in the order in which they lie.
func (y *sweep) sweepNodes() error {
	end := make([]byte, nodeKeyLen)
	putNodeKey(end, y.c.floor)
	end = append(end, 0)
	for from := []byte{nodeSpace}; from != nil; {
		y.dead = y.dead[:0]
		this := span{}
		next, err := y.stretch(from, end, func(c *cursor) error { return y.node(c, &this) })
		if err != nil {
			return err
		}
		for dead := y.dead; len(dead) > 0 && !y.o.DryRun; {
			n := min(len(dead), sweepAtOnce)
			if err := y.removeNodes(dead[:n], &this); err != nil {
				return err
			}
			dead = dead[n:]
		}
		if err := y.gather(this); err != nil {
			return err
		}
		from = next
		y.progress()
	}
	return nil
}

// node looks at one stored node.
func (y *sweep) node(c *cursor, this *span) error {
	at, err := parseNodeKey(c.key())
	if err != nil {
		return err
	}
	value, err := c.it.ValueAndErr()
	if err != nil {
		return err
	}
	block, err := blockOf(value)
	if err != nil {
		return err
	}
	this.met(c.key(), len(value))
	mark, err := y.mark(at)
	if err != nil {
		return err
	}
	if mark != kv.Unmarked {
		y.keepNode(uint64(len(block)))
		return nil
	}
	d := deadNode{at: at, hash: codec.Sum(block), size: uint64(len(block))}
	found, err := y.s.find(d.hash)
	if err != nil && err != pebble.ErrNotFound {
		return err
	}
	d.index = err == nil && found == at
	if y.c.put.has(d.hash[:]) {
		y.keepNode(d.size)
		return nil
	}
	if y.o.DryRun {
		y.gone(d)
	}
	y.dead = append(y.dead, d)
	return nil
}

func (y *sweep) mark(at id) (kv.Mark, error) {
	y.c.mu.Lock()
	defer y.c.mu.Unlock()
	return y.c.marks.get(at)
}

func (y *sweep) keepNode(size uint64) {
	y.out.KeptNodes, y.out.KeptBytes = y.out.KeptNodes+1, y.out.KeptBytes+size
}

func (y *sweep) gone(d deadNode) {
	if d.index {
		y.out.Nodes, y.out.NodeBytes = y.out.Nodes+1, y.out.NodeBytes+d.size
	} else {
		y.out.Copies, y.out.CopyBytes = y.out.Copies+1, y.out.CopyBytes+d.size
	}
}

// removeNodes removes nodes, each with its entry in the index, but for those
// that were marked or put again since they were looked at.
func (y *sweep) removeNodes(dead []deadNode, this *span) error {
	b := &batch{s: y.s, pb: y.s.db.NewBatch()}
	b.fill = func() error {
		for _, d := range dead {
			if mark, err := y.mark(d.at); err != nil {
				return err
			} else if mark != kv.Unmarked || y.c.put.has(d.hash[:]) {
				y.keepNode(d.size)
				continue
			}
			if err := b.removeNode(d); err != nil {
				return err
			}
			this.dead += int(d.size)
			y.gone(d)
		}
		return nil
	}
	return y.remove("removing nodes", b)
}

func (b *batch) removeNode(d deadNode) error {
	b.nodes--
	var key [nodeKeyLen]byte
	putNodeKey(key[:], d.at)
	err := b.pb.Delete(key[:], nil)
	if err == nil && d.index {
		var key [hashKeyLen]byte
		putHashKey(key[:], &d.hash)
		err = b.pb.Delete(key[:], nil)
	}
	return err
}

// remove commits a batch whose fill decides what is removed. The processor is
// given away before and after: so the goroutine begins with a full share of it
// and is hardly interrupted while others wait, and these go on at once.
func (y *sweep) remove(cause string, b *batch) error {
	runtime.Gosched()
	defer runtime.Gosched()
	return y.s.guard(func() error {
		y.c.removing.Lock()
		begin := time.Now()
		err := y.s.commit(y.ctx, b, b.pb)
		y.out.Holds.Add(time.Since(begin), cause)
		y.c.removing.Unlock()
		y.s.tell("collection: "+cause, begin, 0)
		return errors.Join(err, b.pb.Close())
	})
}

// sweepBlobs goes through the blobs beside what was marked, in the order of
// their names.
func (y *sweep) sweepBlobs() (err error) {
	y.c.mu.Lock()
	y.marked, err = y.c.blobs.ascending()
	y.c.mu.Unlock()
	if err != nil {
		return err
	}
	for from := []byte{blobSpace}; from != nil; {
		var dead []deadBlob
		from, err = y.stretch(from, []byte{blobSpace + 1}, func(c *cursor) error {
			kept, err := y.keepsBlob(c.key()[1:])
			if err != nil || kept {
				y.out.KeptBlobs++
				return err
			}
			value := c.it.LazyValue()
			dead = append(dead, deadBlob{bytes.Clone(c.key()), uint64(value.Len())})
			return nil
		})
		for err == nil && len(dead) > 0 {
			n := min(len(dead), sweepAtOnce)
			err = y.removeBlobs(dead[:n])
			dead = dead[n:]
		}
		if err != nil {
			return err
		}
		y.progress()
	}
	return nil
}

type deadBlob struct {
	key  []byte
	size uint64
}

func (y *sweep) keepsBlob(multihash []byte) (bool, error) {
	if kept, err := y.marked.has(multihash); kept || err != nil {
		return kept, err
	}
	return y.c.put.has(multihash) || y.o.KeepBlob != nil && y.o.KeepBlob(multihash), nil
}

func (y *sweep) removeBlobs(dead []deadBlob) error {
	b := &batch{s: y.s, pb: y.s.db.NewBatch()}
	b.fill = func() error {
		for _, d := range dead {
			if y.c.put.has(d.key[1:]) {
				y.out.KeptBlobs++
				continue
			}
			y.out.Blobs, y.out.BlobBytes = y.out.Blobs+1, y.out.BlobBytes+d.size
			if y.o.DryRun {
				continue
			}
			y.blobs = true
			if err := b.pb.Delete(d.key, nil); err != nil {
				return err
			}
		}
		return nil
	}
	if y.o.DryRun {
		return errors.Join(b.fill(), b.pb.Close())
	}
	return y.remove("removing blobs", b)
}

package pebblekv

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/cockroachdb/pebble/v2"
	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

const (
	// maxBatch is what a batch may hold, in bytes. Pebble panics at 4 GiB.
	maxBatch = 1 << 30

	// retainedBatch is up to which size, in bytes, a batch's memory is used
	// again: fresh pages cost more than what is written to them.
	retainedBatch = 16 << 20
)

// batch is a kv.Batch. It writes straight into a batch of Pebble's; only the
// state record is added at commit, when it is known.
type batch struct {
	s       *Store
	pb      *pebble.Batch // nil: spent
	spare   *pebble.Batch // an empty one for Renew; nil: none
	plan    kv.RefPlan
	ops     []logOp
	records []int  // where the values of log records begin in pb
	delta   digest // what the swap changes in the digest
	puts    bool   // whether nodes were put
	nodes   int    // put, less those deleted
	part    []byte // of a record, while it is made

	fill func() error // called at commit, with the turn: adds what depends on what is stored then

	later  bool           // nodes are put behind
	behind []*pendingNode // those
	held   int            // bytes of them
	slab   []pendingNode  // room for more
}

// logOp is what a batch does to the log, in order.
type logOp struct {
	kind logOpKind
	seq  uint64
}

type logOpKind uint8

const (
	logAppend logOpKind = iota
	logTrim
	logClear
)

// NewBatch implements kv.Store.
func (s *Store) NewBatch() kv.Batch {
	return &batch{s: s, pb: s.newPebbleBatch()}
}

func (s *Store) newPebbleBatch() *pebble.Batch {
	return s.db.NewBatch(pebble.WithMaxRetainedSizeBytes(retainedBatch))
}

// Renew implements kv.Renewable.
func (b *batch) Renew() {
	if b.pb != nil {
		return
	}
	pb := b.spare
	if pb == nil {
		pb = b.s.newPebbleBatch()
	}
	*b = batch{s: b.s, pb: pb, later: b.later, part: b.part, ops: b.ops[:0], records: b.records[:0]}
}

// fits tells whether the batch may take n bytes more.
func (b *batch) fits(n int) error {
	if b.pb == nil {
		return fmt.Errorf("%w: it is spent", kv.ErrBatch)
	}
	if n > maxBatch || b.pb.Len()+n > maxBatch {
		return fmt.Errorf("%w: a batch takes %d bytes", kv.ErrTooLarge, maxBatch)
	}
	return nil
}

// PutNode implements kv.BlockWriter. Hints of children that are not this
// store's are kept as zero. A node that is stored already is stored again; see
// docs/decisions/0002-node-dedup.md.
func (b *batch) PutNode(h codec.Hash, block []byte, children []kv.Hint) (kv.Hint, error) {
	size := headMost + len(children)*childMost + len(block)
	if err := b.fits(size + nodeKeyLen + hashKeyLen + placeMost); err != nil {
		return kv.Hint{}, fmt.Errorf("pebblekv: put node: %w", err)
	}
	if len(children) > math.MaxUint16 {
		return kv.Hint{}, fmt.Errorf("pebblekv: put node: %w: %d children", kv.ErrTooLarge, len(children))
	}
	if c := b.s.collecting.Load(); c != nil {
		c.put.add(h[:])
	}
	at := b.s.ids.take(len(children) > 0)
	if b.later {
		b.putBehind(at, h, block, children)
		return at.hint(), nil
	}
	if err := b.writeNode(at, &h, block, children); err != nil {
		return kv.Hint{}, fmt.Errorf("pebblekv: put node: %w", err)
	}
	return at.hint(), nil
}

// writeNode adds a node and its entry in the index to Pebble's batch.
func (b *batch) writeNode(at id, h *codec.Hash, block []byte, children []kv.Hint) error {
	b.part = appendHead(b.part[:0], children)
	op := b.pb.SetDeferred(nodeKeyLen, len(b.part)+len(block))
	putNodeKey(op.Key, at)
	copy(op.Value[copy(op.Value, b.part):], block)
	if err := op.Finish(); err != nil {
		return err
	}
	b.part = appendPlace(b.part[:0], at)
	op = b.pb.SetDeferred(hashKeyLen, len(b.part))
	putHashKey(op.Key, h)
	copy(op.Value, b.part)
	if err := op.Finish(); err != nil {
		return err
	}
	b.nodes++
	b.puts = true
	return nil
}

// putBehind adds a node that does not go through Pebble's batch.
func (b *batch) putBehind(at id, h codec.Hash, block []byte, children []kv.Hint) {
	const least, most = 8, 256 // as long as one node of a slab waits, all of it is kept
	if len(b.slab) == 0 {
		b.slab = make([]pendingNode, min(max(least, len(b.behind)), most))
	}
	n := &b.slab[0]
	b.slab = b.slab[1:]
	n.hash, n.at, n.block, n.children = h, at, block, children
	b.behind = append(b.behind, n)
	b.held += len(block)
}

// PutBlob implements kv.BlockWriter.
func (b *batch) PutBlob(c cid.Cid, block []byte) error {
	multihash, ok := kv.BlobKey(c)
	if !ok {
		return fmt.Errorf("pebblekv: put blob: %w: undefined CID", kv.ErrName)
	}
	if err := b.fits(len(block) + len(multihash)); err != nil {
		return fmt.Errorf("pebblekv: put blob: %w", err)
	}
	if c := b.s.collecting.Load(); c != nil {
		c.puttingBlob(multihash)
	}
	has, err := b.s.HasBlob(context.Background(), c)
	if err != nil || has {
		return err
	}
	if err := b.pb.Set(blobKey(multihash), block, nil); err != nil {
		return fmt.Errorf("pebblekv: put blob: %w", err)
	}
	return nil
}

// SwapRef implements kv.RefWriter.
func (b *batch) SwapRef(name string, old, next []byte) error {
	if err := b.swapRef(name, old, next); err != nil {
		return fmt.Errorf("pebblekv: swap ref: %w", err)
	}
	return nil
}

func (b *batch) swapRef(name string, old, next []byte) error {
	if err := b.fits(len(name) + len(next)); err != nil {
		return err
	}
	if err := b.plan.Swap(name, old, next); err != nil {
		return err
	}
	b.delta.toggle(refItem(name, old))
	b.delta.toggle(refItem(name, next))
	if next != nil {
		return b.pb.Set(refKey(name), next, nil)
	}
	b.ops = append(b.ops, logOp{kind: logClear})
	if err := b.pb.Delete(refKey(name), nil); err != nil {
		return err
	}
	return b.pb.DeleteRange(logKey(name, 0), logEnd(name), nil)
}

// AppendLog implements kv.RefWriter.
func (b *batch) AppendLog(ref string, seq uint64, data []byte) error {
	if err := b.appendLog(ref, seq, data); err != nil {
		return fmt.Errorf("pebblekv: append log: %w", err)
	}
	return nil
}

func (b *batch) appendLog(ref string, seq uint64, data []byte) error {
	if err := b.fits(len(ref) + len(data)); err != nil {
		return err
	}
	if err := b.plan.Append(ref, seq); err != nil {
		return err
	}
	b.ops = append(b.ops, logOp{kind: logAppend, seq: seq})
	op := b.pb.SetDeferred(logKeyLen(ref), sequenceLen+len(data))
	putLogKey(op.Key, ref, seq)
	copy(op.Value[sequenceLen:], data)
	if err := op.Finish(); err != nil {
		return err
	}
	b.records = append(b.records, b.pb.Len()-sequenceLen-len(data))
	return nil
}

// number writes the number of the batch into its log records.
func (b *batch) number(pb *pebble.Batch, sequence uint64) {
	if len(b.records) == 0 {
		return
	}
	data := pb.Repr()
	for _, at := range b.records {
		binary.BigEndian.PutUint64(data[at:], sequence)
	}
}

// TrimLog implements kv.RefWriter.
func (b *batch) TrimLog(ref string, seq uint64) error {
	if err := b.trimLog(ref, seq); err != nil {
		return fmt.Errorf("pebblekv: trim log: %w", err)
	}
	return nil
}

func (b *batch) trimLog(ref string, seq uint64) error {
	if err := b.fits(2 * logKeyLen(ref)); err != nil {
		return err
	}
	if err := b.plan.Trim(ref, seq); err != nil {
		return err
	}
	b.ops = append(b.ops, logOp{kind: logTrim, seq: seq})
	return nil
}

// Size implements kv.Batch.
func (b *batch) Size() int {
	if b.pb == nil {
		return 0
	}
	return b.pb.Len() + b.held
}

// Close implements kv.Batch.
func (b *batch) Close() error {
	pb := b.pb
	b.pb = nil
	if pb == nil {
		return nil
	}
	return pb.Close()
}

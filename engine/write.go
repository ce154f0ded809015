package engine

import (
	"context"
	"errors"
	"fmt"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Put stages a value. Without a Durability it is Sync. An error of the store
// leaves open whether the write will be seen; every other error means that it
// will not.
func (b *Branch) Put(ctx context.Context, key, value []byte, d ...Durability) error {
	if !codec.FitsInline(len(key), len(value)) {
		return b.Apply(ctx, []prolly.Edit{{Key: key, Value: prolly.Value{Bytes: value}}}, d...)
	}
	if err := checkKey(key); err != nil {
		return err
	}
	ops := [1]op{{kind: opInline, key: key, data: value}}
	return b.stageOnce(ctx, ops[:], nil, durable(d))
}

// Delete stages the removal of key. It is no error when key is not there.
func (b *Branch) Delete(ctx context.Context, key []byte, d ...Durability) error {
	if err := checkKey(key); err != nil {
		return err
	}
	ops := [1]op{{kind: opDelete, key: key}}
	return b.stageOnce(ctx, ops[:], nil, durable(d))
}

// stageOnce stages ops whose blobs, if there are any, are in w or were.
func (b *Branch) stageOnce(ctx context.Context, ops []op, w *writer, sync bool) error {
	if err := b.room(ctx); err != nil {
		return err
	}
	inside, err := b.e.enter(ctx)
	if err != nil {
		return err
	}
	defer inside.leave()
	if err := b.beginWrite(ctx); err != nil {
		return err
	}
	err = b.stage(ctx, ops, w)
	b.write.unlock()
	return b.afterStage(ctx, err, sync)
}

// afterStage ends a call that staged something, or failed to.
func (b *Branch) afterStage(ctx context.Context, err error, sync bool) error {
	if err != nil {
		return err
	}
	b.kick()
	if !sync {
		return nil
	}
	return b.e.sync(ctx)
}

// Apply stages edits, all or none; of several with one key the last wins. Edits
// of more bytes than Options.StagingBytes go into the tree at once.
func (b *Branch) Apply(ctx context.Context, edits []prolly.Edit, d ...Durability) error {
	if len(edits) == 0 {
		_, err := b.now(ctx)
		return err
	}
	if editBytes(edits) > b.e.o.StagingBytes {
		return b.applyAtOnce(ctx, edits, durable(d))
	}
	if err := b.room(ctx); err != nil {
		return err
	}
	inside, err := b.e.enter(ctx)
	if err != nil {
		return err
	}
	defer inside.leave()
	p := preparation{e: b.e}
	if err := p.add(ctx, theTree, edits); err != nil {
		return errors.Join(err, p.drop())
	}
	if err := b.beginWrite(ctx); err != nil {
		return errors.Join(err, p.drop())
	}
	err = b.stage(ctx, p.ops, p.w)
	b.write.unlock()
	return errors.Join(b.afterStage(ctx, err, durable(d)), p.drop())
}

// editBytes is about what edits take when they are staged; what goes out of
// line counts little.
func editBytes(edits []prolly.Edit) int64 {
	var n int64
	for i := range edits {
		e := &edits[i]
		n += int64(len(e.Key)) + stagedBytes
		if codec.FitsInline(len(e.Key), len(e.Value.Bytes)) {
			n += int64(len(e.Value.Bytes))
		}
	}
	return n
}

// preparation turns edits into ops, and writes what stands out of line.
type preparation struct {
	e   *Engine
	ops []op
	w   *writer // nil while nothing is out of line
}

func (p *preparation) add(ctx context.Context, root rootID, edits []prolly.Edit) error {
	if p.ops == nil {
		p.ops = make([]op, 0, len(edits))
	}
	ahead := beginHashAhead(edits)
	defer ahead.close()
	for i := range edits {
		o, err := p.op(ctx, &edits[i], ahead.name(i))
		if err != nil {
			return err
		}
		o.root = root
		p.ops = append(p.ops, o)
	}
	return nil
}

// op turns one edit into an op. name is that of its value, out of line, if it is
// known already.
func (p *preparation) op(ctx context.Context, e *prolly.Edit, name cid.Cid) (op, error) {
	if err := prolly.CheckEdit(*e); err != nil {
		return op{}, err
	}
	o := op{key: e.Key}
	if e.Delete {
		return o, nil
	}
	v := e.Value
	if v.Kind() == codec.Inline && !codec.FitsInline(len(e.Key), len(v.Bytes)) {
		if p.w == nil {
			p.w = p.e.newWriter()
		}
		var err error
		if v, err = p.store(ctx, e, name); err != nil {
			return op{}, err
		}
	} else if v.Kind() != codec.Inline {
		if err := p.e.haveBlock(ctx, v); err != nil {
			return op{}, err
		}
	}
	return opOf(e.Key, v), nil
}

// store puts an edit's value out of line.
func (p *preparation) store(ctx context.Context, e *prolly.Edit, name cid.Cid) (prolly.Value, error) {
	v := e.Value.Bytes
	if !name.Defined() {
		return prolly.StoreValue(ctx, p.w, e.Key, v)
	}
	return prolly.OutOfLine(name, uint64(len(v))), p.w.WriteBlob(ctx, name, v)
}

// haveBlock makes sure that an out-of-line value which is used again is still
// here; and that it, or the block that a link names, if it is here, stays.
func (e *Engine) haveBlock(ctx context.Context, v prolly.Value) error {
	if v.Kind() == codec.Link {
		return e.keepLink(ctx, v.Link)
	}
	if err := e.keepValue(ctx, v.Blob()); err != nil {
		return err
	}
	ok, err := e.store.HasBlob(ctx, v.Blob())
	if err != nil {
		return storeError("look for blob", err)
	}
	if !ok {
		return fmt.Errorf("engine: blob %v of an edit: %w", v.Blob(), ErrMissing)
	}
	return nil
}

// drop gives up what was prepared and not staged.
func (p *preparation) drop() error {
	if p.w == nil {
		return nil
	}
	return p.w.drop()
}

// beginWrite takes the write gate of a branch that is still there, and of which
// all that is in the log is known.
func (b *Branch) beginWrite(ctx context.Context) error {
	if err := b.write.lock(ctx); err != nil {
		return err
	}
	var err error
	if b.state.Load().gone {
		err = b.errGone()
	} else if b.inDoubt {
		err = b.replay(ctx)
	}
	if err != nil {
		b.write.unlock()
	}
	return err
}

// stage appends ops to the log as one record, in one batch with what is left in w,
// and makes them visible. beginWrite went before.
func (b *Branch) stage(ctx context.Context, ops []op, w *writer) error {
	seq := b.seq + 1
	l := b.state.Load().layers[0]
	at, rec, err := b.staging.encode(l, seq, ops)
	if err != nil {
		return err
	}
	b.inDoubt = true // until it is known that it went well
	if err := b.appendLog(ctx, seq, rec, w); err != nil {
		l.bytes.takeBack(at)
		// If it cannot be found out now, the next write will try again.
		return errors.Join(err, b.replay(context.WithoutCancel(ctx)))
	}
	before := l.size()
	err = b.staging.add(l, seq, ops)
	b.staged.Add(l.size() - before)
	if err != nil {
		return err
	}
	b.edits.Add(int64(len(ops)))
	l.publish(seq)
	b.seq, b.inDoubt = seq, false
	b.learn(l)
	return nil
}

// learnAfter is how many entries tell what a branch's keys begin with.
const learnAfter = 512

// learn begins another layer when the first one of a branch did not know what
// the keys begin with, and so compares more of each than it has to. The write
// gate is held; a fold under way does the same.
func (b *Branch) learn(l *layer) {
	o := l.over[theTree]
	if o.entries >= learnAfter && len(o.common) == 0 && len(o.beginning()) > 0 && b.fold.tryLock() {
		b.freeze()
		b.fold.unlock()
	}
}

func (b *Branch) appendLog(ctx context.Context, seq uint64, rec []byte, w *writer) error {
	if w != nil {
		if err := w.last().AppendLog(b.ref, seq, rec); err != nil {
			return storeError("append log", err)
		}
		return w.finish(ctx)
	}
	batch := b.staging.batchOf(b.e.store)
	if err := batch.AppendLog(b.ref, seq, rec); err != nil {
		return errors.Join(storeError("append log", err), batch.Close())
	}
	if err := batch.Commit(ctx); err != nil {
		return storeError("append log", err)
	}
	return nil
}

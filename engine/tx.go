package engine

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
)

// Tx is a transaction on a branch: it reads the branch as it was at Begin with
// its own writes over it, and commits only if nothing that it read has changed
// since, keys and ranges alike. Its own methods are about the tree, those of
// Side about the side tree; Commit does the edits of both in one step. It
// belongs to one goroutine. It must be ended by Commit or Discard.
type Tx struct {
	TxRoot // the tree
	side   TxRoot

	b     *Branch
	p     *pin
	from  int64                // bytes staged on the branch before begin
	begin atomic.Pointer[step] // the layer that took writes at Begin; nil: too long ago
	over  bool
}

// Side is what changes with the tree.
func (t *Tx) Side() *TxRoot { return &t.side }

func newTx(b *Branch, p *pin, begin *step) *Tx {
	t := &Tx{b: b, p: p, from: begin.before}
	t.begin.Store(begin)
	t.TxRoot = TxRoot{t: t, root: theTree}
	t.side = TxRoot{t: t, root: theSide}
	return t
}

func (t *Tx) roots() [roots]*TxRoot { return [roots]*TxRoot{&t.TxRoot, &t.side} }

// ready begins every call.
func (t *Tx) ready(ctx context.Context) error {
	if err := t.b.e.ready(ctx); err != nil {
		return err
	}
	if t.over {
		return ErrTxDone
	}
	return nil
}

func (t *Tx) hasRead() bool {
	for _, r := range t.roots() {
		if len(r.keys)+len(r.spans) > 0 {
			return true
		}
	}
	return false
}

// txBehind is how much may be staged after a transaction's begin, as a multiple
// of Options.StagingBytes, for it still to be validated: all of it stays in
// memory for that.
const txBehind = 8

// openTxs are the transactions under way on a branch.
type openTxs struct {
	mu sync.Mutex
	m  map[*Tx]struct{}
}

func (o *openTxs) add(t *Tx) {
	o.mu.Lock()
	if o.m == nil {
		o.m = map[*Tx]struct{}{}
	}
	o.m[t] = struct{}{}
	o.mu.Unlock()
}

func (o *openTxs) remove(t *Tx) {
	o.mu.Lock()
	delete(o.m, t)
	o.mu.Unlock()
}

// leaveBehind gives up on transactions that began before more than behind
// bytes of the total were staged.
func (o *openTxs) leaveBehind(total, behind int64) {
	o.mu.Lock()
	for t := range o.m {
		if total-t.from > behind {
			t.begin.Store(nil)
		}
	}
	o.mu.Unlock()
}

// Begin starts a transaction on the branch as it is now. One that is open while
// more than eight times Options.StagingBytes is written will conflict.
func (b *Branch) Begin(ctx context.Context) (*Tx, error) {
	if err := b.e.ready(ctx); err != nil {
		return nil, err
	}
	for {
		p, err := b.pin()
		if err != nil {
			return nil, err
		}
		if s := b.step.Load(); s.layer == p.st.layers[0] {
			t := newTx(b, p, s)
			b.txs.add(t)
			return t, nil
		}
		b.e.pins.remove(p) // a freeze is half way through
		runtime.Gosched()
	}
}

// Commit stages the transaction's writes in one step, or answers ErrConflict
// and writes nothing. The transaction is over either way. Without writes there
// is nothing to do: what was read belongs together.
func (t *Tx) Commit(ctx context.Context, d ...Durability) error {
	if err := t.ready(ctx); err != nil {
		return err
	}
	defer t.Discard()
	if t.own.over == nil && t.side.own.over == nil {
		return nil
	}
	b := t.b
	if err := b.room(ctx); err != nil {
		return err
	}
	inside, err := b.e.enter(ctx)
	if err != nil {
		return err
	}
	defer inside.leave()
	p := preparation{e: b.e}
	for _, r := range t.roots() {
		if err := p.addOwn(ctx, r.root, &r.own); err != nil {
			return errors.Join(err, p.drop())
		}
	}
	if err := b.beginWrite(ctx); err != nil {
		return errors.Join(err, p.drop())
	}
	err = t.validate()
	if err == nil {
		err = b.stage(ctx, p.ops, p.w)
	}
	b.write.unlock()
	return errors.Join(b.afterStage(ctx, err, durable(d)), p.drop())
}

// Discard ends the transaction without writing. It does nothing after Commit.
func (t *Tx) Discard() {
	if !t.over {
		t.over = true
		t.b.e.pins.remove(t.p)
		t.b.txs.remove(t)
		t.begin.Store(nil)
		for _, r := range t.roots() {
			r.own, r.keys, r.spans = ownWrites{}, nil, nil
		}
	}
}

// validate answers ErrConflict when anything that was read has a version newer
// than the transaction, in the layer of its begin or a later one, or when the
// trees were changed in a way that no layer shows. The write gate is held.
func (t *Tx) validate() error {
	begin, epoch := t.begin.Load(), t.b.state.Load().epoch
	if t.hasRead() && (begin == nil || epoch != t.p.st.epoch) {
		return ErrConflict
	}
	for s := begin; s != nil; s = s.next.Load() {
		if s.last.Load() <= t.p.seq {
			continue
		}
		for _, r := range t.roots() {
			if r.stale(s.over[r.root], t.p.seq) {
				return ErrConflict
			}
		}
	}
	return nil
}

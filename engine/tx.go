package engine

import (
	"context"
	"errors"
	"runtime"
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
	begin *step // the layer that took writes at Begin
	over  bool
}

// Side is what changes with the tree.
func (t *Tx) Side() *TxRoot { return &t.side }

func newTx(b *Branch, p *pin, begin *step) *Tx {
	t := &Tx{b: b, p: p, begin: begin}
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

// Begin starts a transaction on the branch as it is now.
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
			return newTx(b, p, s), nil
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
	if err := b.e.enter(ctx); err != nil {
		return err
	}
	defer b.e.leave()
	p := preparation{e: b.e}
	for _, r := range t.roots() {
		if err := p.addOwn(ctx, r.root, &r.own); err != nil {
			return errors.Join(err, p.drop())
		}
	}
	if err := b.write.lock(ctx); err != nil {
		return errors.Join(err, p.drop())
	}
	err := t.validate()
	if err == nil {
		err = b.stage(ctx, p.ops, p.w)
	}
	b.write.unlock()
	return errors.Join(b.staged1(ctx, err, durable(d)), p.drop())
}

// Discard ends the transaction without writing. It does nothing after Commit.
func (t *Tx) Discard() {
	if !t.over {
		t.over = true
		t.b.e.pins.remove(t.p)
		t.begin = nil
		for _, r := range t.roots() {
			r.own, r.keys, r.spans = ownWrites{}, nil, nil
		}
	}
}

// validate answers ErrConflict when anything that was read has a version newer
// than the transaction, in the layer of its begin or a later one, or when the
// trees were changed in a way that no layer shows. The write gate is held.
func (t *Tx) validate() error {
	if st := t.b.state.Load(); st.epoch != t.p.st.epoch && t.hasRead() {
		return ErrConflict
	}
	for s := t.begin; s != nil; s = s.next.Load() {
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

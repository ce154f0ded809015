package engine

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"runtime"
	"slices"

	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Tx is a transaction on a branch's tree: it reads the branch as it was at
// Begin with its own writes over it, and commits only if nothing that it read has
// changed since, keys and ranges alike. It belongs to one goroutine. It must be
// ended by Commit or Discard.
type Tx struct {
	b     *Branch
	p     *pin
	begin *step // the layer that took writes at Begin
	own   ownWrites
	keys  map[string]struct{} // read
	spans []span              // read
	over  bool
}

// span is a run of keys: from lo, up to hi; nil bounds are none. through
// includes hi.
type span struct {
	lo, hi  []byte
	through bool
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
			return &Tx{b: b, p: p, begin: s, keys: map[string]struct{}{}}, nil
		}
		b.e.pins.remove(p) // a freeze is half way through
		runtime.Gosched()
	}
}

// reader reads what the transaction sees.
func (t *Tx) reader(ctx context.Context) (reader, error) {
	if err := t.b.e.ready(ctx); err != nil {
		return reader{}, err
	}
	if t.over {
		return reader{}, ErrTxDone
	}
	r := t.p.st.reader(theTree, t.p.seq, t.b.e.nodes)
	r.own, r.ownSeq = t.own.over, t.own.seq
	return r, nil
}

// read is reader for a key, which counts as read unless the transaction wrote
// it itself.
func (t *Tx) read(ctx context.Context, key []byte) (reader, error) {
	r, err := t.reader(ctx)
	if err == nil && !t.own.has(key) {
		t.keys[string(key)] = struct{}{}
	}
	return r, err
}

// Get is as Branch.Get.
func (t *Tx) Get(ctx context.Context, key []byte) ([]byte, error) {
	r, err := t.read(ctx, key)
	if err != nil {
		return nil, err
	}
	return r.get(ctx, key)
}

// Has is as Branch.Has.
func (t *Tx) Has(ctx context.Context, key []byte) (bool, error) {
	r, err := t.read(ctx, key)
	if err != nil {
		return false, err
	}
	return r.has(ctx, key)
}

// Lookup is as Branch.Lookup.
func (t *Tx) Lookup(ctx context.Context, key []byte) (prolly.Entry, error) {
	r, err := t.read(ctx, key)
	if err != nil {
		return prolly.Entry{}, err
	}
	return r.lookup(ctx, key)
}

// Range is as Branch.Range, with the transaction's writes as of the start of
// the iteration. The keys that it passed over count as read, whether they have
// an entry or not.
func (t *Tx) Range(ctx context.Context, q prolly.Range) iter.Seq2[prolly.Entry, error] {
	return func(yield func(prolly.Entry, error) bool) {
		r, err := t.reader(ctx)
		if err != nil {
			yield(prolly.Entry{}, err)
			return
		}
		lo, hi, ok := bounds(q)
		if !ok {
			return
		}
		var last []byte // the last key yielded, when the iteration ended with it
		defer func() { t.spans = append(t.spans, newSpan(lo, hi, last, q.Reverse)) }()
		n := 0
		r.rangeOver(ctx, q, func(e prolly.Entry, err error) bool {
			n++
			last = append(last[:0], e.Key...)
			more := yield(e, err)
			if more && (q.Limit <= 0 || n < q.Limit) {
				last = last[:0]
			}
			return more
		})
	}
}

// newSpan is what an iteration over [lo, hi) passed over that ended with the
// key last, or with the range when last is empty.
func newSpan(lo, hi, last []byte, reverse bool) span {
	s := span{lo: bytes.Clone(lo), hi: bytes.Clone(hi)}
	if len(last) == 0 {
		return s
	}
	if reverse {
		s.lo = last
	} else {
		s.hi, s.through = last, true
	}
	return s
}

// Put sets a value when the transaction commits.
func (t *Tx) Put(ctx context.Context, key, value []byte) error {
	return t.edit(ctx, prolly.Edit{Key: key, Value: prolly.Value{Bytes: value}})
}

// Delete removes a key when the transaction commits.
func (t *Tx) Delete(ctx context.Context, key []byte) error {
	return t.edit(ctx, prolly.Edit{Key: key, Delete: true})
}

func (t *Tx) edit(ctx context.Context, e prolly.Edit) error {
	if _, err := t.reader(ctx); err != nil {
		return err
	}
	if t.b.e.o.ReadOnly {
		return ErrReadOnly
	}
	return t.own.add(e)
}

// Commit stages the transaction's writes in one step, or answers ErrConflict
// and writes nothing. The transaction is over either way. Without writes there
// is nothing to do: what was read belongs together.
func (t *Tx) Commit(ctx context.Context, d ...Durability) error {
	if _, err := t.reader(ctx); err != nil {
		return err
	}
	defer t.Discard()
	if t.own.over == nil {
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
	if err := p.addOwn(ctx, theTree, &t.own); err != nil {
		return errors.Join(err, p.drop())
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
		t.own, t.begin, t.keys, t.spans = ownWrites{}, nil, nil, nil
	}
}

// validate answers ErrConflict when anything that was read has a version newer
// than the transaction, in the layer of its begin or a later one, or when the
// trees were changed in a way that no layer shows. The write gate is held.
func (t *Tx) validate() error {
	if st := t.b.state.Load(); st.epoch != t.p.st.epoch && len(t.keys)+len(t.spans) > 0 {
		return ErrConflict
	}
	for s := t.begin; s != nil; s = s.next.Load() {
		if s.last.Load() <= t.p.seq {
			continue
		}
		o := s.over[theTree]
		for key := range t.keys {
			if e, ok := o.ceil([]byte(key)); ok && o.newest(e) > t.p.seq {
				return ErrConflict
			}
		}
		if slices.ContainsFunc(t.spans, func(x span) bool { return x.changed(o, t.p.seq) }) {
			return ErrConflict
		}
	}
	return nil
}

// changed tells whether o has a version newer than seq of a key in the span.
func (s span) changed(o *overlay, seq uint64) bool {
	e := o.next(o.head)
	if len(s.lo) > 0 {
		e, _ = o.ceil(s.lo)
	}
	for ; e != 0; e = o.next(e) {
		if len(s.hi) > 0 {
			if c := bytes.Compare(o.key(e), s.hi); c > 0 || c == 0 && !s.through {
				return false
			}
		}
		if o.newest(e) > seq {
			return true
		}
	}
	return false
}

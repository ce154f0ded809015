package engine

import (
	"bytes"
	"context"
	"iter"
	"slices"

	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// TxRoot is one of the two trees of a branch as a transaction sees it. It
// belongs to the transaction's goroutine, and answers ErrTxDone after its end.
type TxRoot struct {
	t     *Tx
	root  rootID
	own   ownWrites
	keys  map[string]struct{} // read
	spans []span              // read
}

// Empty tells whether nothing is in the tree and nothing staged over it, not
// even a removal, as of Begin. It does not count as a read.
func (r *TxRoot) Empty() bool { return r.t.p.st.emptyRoot(r.root) }

// reader reads what the transaction sees.
func (r *TxRoot) reader(ctx context.Context) (reader, error) {
	if err := r.t.ready(ctx); err != nil {
		return reader{}, err
	}
	x := r.t.p.st.reader(r.root, r.t.p.seq, r.t.b.e.nodes)
	x.own, x.ownSeq = r.own.over, r.own.seq
	return x, nil
}

// read is reader for a key, which counts as read unless the transaction wrote
// it itself.
func (r *TxRoot) read(ctx context.Context, key []byte) (reader, error) {
	x, err := r.reader(ctx)
	if err == nil && !r.own.has(key) {
		if r.keys == nil {
			r.keys = map[string]struct{}{}
		}
		r.keys[string(key)] = struct{}{}
	}
	return x, err
}

// Get is as Branch.Get.
func (r *TxRoot) Get(ctx context.Context, key []byte) ([]byte, error) {
	x, err := r.read(ctx, key)
	if err != nil {
		return nil, err
	}
	return x.get(ctx, key)
}

// Has is as Branch.Has.
func (r *TxRoot) Has(ctx context.Context, key []byte) (bool, error) {
	x, err := r.read(ctx, key)
	if err != nil {
		return false, err
	}
	return x.has(ctx, key)
}

// Lookup is as Branch.Lookup.
func (r *TxRoot) Lookup(ctx context.Context, key []byte) (prolly.Entry, error) {
	x, err := r.read(ctx, key)
	if err != nil {
		return prolly.Entry{}, err
	}
	return x.lookup(ctx, key)
}

// Range is as Branch.Range, with the transaction's writes as of the start of
// the iteration; long values among those come with their bytes. The keys that
// it passed over count as read, whether they have an entry or not.
func (r *TxRoot) Range(ctx context.Context, q prolly.Range) iter.Seq2[prolly.Entry, error] {
	return func(yield func(prolly.Entry, error) bool) {
		x, err := r.reader(ctx)
		if err != nil {
			yield(prolly.Entry{}, err)
			return
		}
		lo, hi, ok := bounds(q)
		if !ok {
			return
		}
		var last []byte // the last key yielded, when the iteration ended with it
		defer func() { r.spans = append(r.spans, newSpan(lo, hi, last, q.Reverse)) }()
		n := 0
		x.rangeOver(ctx, q, func(e prolly.Entry, err error) bool {
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

// Put sets a value when the transaction commits.
func (r *TxRoot) Put(ctx context.Context, key, value []byte) error {
	return r.edit(ctx, prolly.Edit{Key: key, Value: prolly.Value{Bytes: value}})
}

// Delete removes a key when the transaction commits.
func (r *TxRoot) Delete(ctx context.Context, key []byte) error {
	return r.edit(ctx, prolly.Edit{Key: key, Delete: true})
}

func (r *TxRoot) edit(ctx context.Context, e prolly.Edit) error {
	if err := r.t.ready(ctx); err != nil {
		return err
	}
	if r.t.b.e.o.ReadOnly {
		return ErrReadOnly
	}
	return r.own.add(e)
}

// stale tells whether anything that was read has a version newer than seq in o.
func (r *TxRoot) stale(o *overlay, seq uint64) bool {
	for key := range r.keys {
		if e := o.find([]byte(key)); e != 0 && o.newest(e) > seq {
			return true
		}
	}
	return slices.ContainsFunc(r.spans, func(s span) bool { return s.changed(o, seq) })
}

// span is a run of keys: from lo, up to hi; nil bounds are none. through
// includes hi.
type span struct {
	lo, hi  []byte
	through bool
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

// changed tells whether o has a version newer than seq of a key in the span.
func (s span) changed(o *overlay, seq uint64) bool {
	w := walk{o: o, lo: s.lo}
	for w.ahead(); w.e != 0; w.forward() {
		if len(s.hi) > 0 {
			if c := bytes.Compare(o.key(w.e), s.hi); c > 0 || c == 0 && !s.through {
				return false
			}
		}
		if o.newest(w.e) > seq {
			return true
		}
	}
	return false
}

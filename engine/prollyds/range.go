package prollyds

import (
	"context"
	"iter"

	datastore "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

// Range selects entries in the order of their keys, byte by byte. Zero keys are
// no bounds. Bounds are strings: they need not be keys that are there.
type Range struct {
	Prefix  datastore.Key // strict descendants of it, as in a query
	From    datastore.Key // inclusive
	To      datastore.Key // exclusive
	Reverse bool          // the largest key first
	Limit   int           // at most so many; all when 0
}

func (r Range) plan(keysOnly bool) plan {
	p := plan{keys: below(r.Prefix.String()), reverse: r.Reverse, limit: max(r.Limit, 0), keysOnly: keysOnly, expirations: true}
	if k := r.From.String(); k != "" {
		p.keys.from([]byte(k))
	}
	if k := r.To.String(); k != "" {
		p.keys.to([]byte(k))
	}
	return p
}

// Entries yields entries, with values, sizes and expiry times, as they are at
// the start of the iteration. What it yields is the caller's. An error is the
// last thing that it yields.
func (d *Datastore) Entries(ctx context.Context, r Range) iter.Seq2[query.Entry, error] {
	return d.each(ctx, r.plan(false))
}

// Keys is Entries without reading values.
func (d *Datastore) Keys(ctx context.Context, r Range) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for e, err := range d.each(ctx, r.plan(true)) {
			if !yield(e.Key, err) {
				return
			}
		}
	}
}

// Seek returns the first entry at or after key; datastore.ErrNotFound, bare,
// when there is none.
func (d *Datastore) Seek(ctx context.Context, key datastore.Key) (query.Entry, error) {
	return d.first(ctx, key, Range{From: key, Limit: 1}.plan(false))
}

// SeekReverse returns the last entry at or before key; datastore.ErrNotFound,
// bare, when there is none.
func (d *Datastore) SeekReverse(ctx context.Context, key datastore.Key) (query.Entry, error) {
	p := Range{Reverse: true, Limit: 1}.plan(false)
	p.keys.to(after(key.String()))
	return d.first(ctx, key, p)
}

func (d *Datastore) first(ctx context.Context, key datastore.Key, p plan) (query.Entry, error) {
	for e, err := range d.each(ctx, p) {
		return e, keyFailed("seek", key, err)
	}
	return query.Entry{}, datastore.ErrNotFound
}

func (d *Datastore) each(ctx context.Context, p plan) iter.Seq2[query.Entry, error] {
	return func(yield func(query.Entry, error) bool) {
		err := d.ready(ctx)
		if err == nil {
			err = d.eachAt(ctx, p, yield)
		}
		if err != nil {
			yield(query.Entry{}, failed("range", err))
		}
	}
}

func (d *Datastore) eachAt(ctx context.Context, p plan, yield func(query.Entry, error) bool) error {
	m, release, err := d.at(ctx)
	if err != nil {
		return err
	}
	defer release()
	to := yielder{d: d, yield: yield}
	if err := (&scan{plan: p, m: m}).run(ctx, &to); err != nil {
		return err
	}
	return to.err
}

// yielder is the sink that yields.
type yielder struct {
	d     *Datastore
	yield func(query.Entry, error) bool
	next  query.Entry
	err   error
}

func (y *yielder) slot() *query.Entry { return &y.next }

func (y *yielder) add() bool { return y.idle() && y.yield(y.next, nil) }

func (y *yielder) idle() bool {
	if y.d.closed.Load() {
		y.err = engine.ErrClosed
	}
	return y.err == nil
}

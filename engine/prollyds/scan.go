package prollyds

import (
	"bytes"
	"context"

	"github.com/ipfs/go-datastore/query"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// sink takes what a scan finds.
type sink interface {
	// add takes an entry; false ends the scan.
	add(query.Entry) bool

	// idle is called now and then while nothing is found; false ends the scan.
	idle() bool
}

// idleEvery is after how many entries passed over a sink hears of it.
const idleEvery = 256

// scan is a plan being carried out at a moment.
type scan struct {
	plan
	m      moment
	passed int // entries passed over
}

// run gives the sink what the plan selects. After an error what the sink got is
// not all.
func (s *scan) run(ctx context.Context, to sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.keys.empty() {
		return nil
	}
	if s.orders != nil {
		return s.sorted(ctx, to)
	}
	if err := s.skipByRank(ctx); err != nil || s.keys.empty() {
		return err
	}
	return s.inOrder(ctx, to)
}

// inOrder finds entries in the order of the tree.
func (s *scan) inOrder(ctx context.Context, to sink) error {
	r := prolly.Range{From: s.keys.lo, To: s.keys.hi, Reverse: s.reverse}
	var exp *expiries
	if s.m.side == nil {
		r.Limit = s.wanted()
	} else {
		var err error
		if exp, err = expiriesOf(ctx, s.m.side, r); err != nil {
			return err
		}
		defer exp.stop()
	}
	offset, left := s.offset, s.limit
	for e, err := range s.m.tree.Range(ctx, r) {
		if err != nil {
			return err
		}
		x, selected, err := s.entry(ctx, e, exp, offset)
		if err != nil {
			return err
		}
		if selected && offset > 0 {
			offset--
			selected = false
		}
		if !selected {
			if s.passed++; s.passed%idleEvery == 0 && !to.idle() {
				return nil
			}
			continue
		}
		if left--; !to.add(x) || left == 0 {
			return nil
		}
	}
	return nil
}

// entry makes a result of an entry of the tree, and tells whether it has not
// expired and passes the filters. Where no filter looks at them, entries that the
// offset skips are not made.
func (s *scan) entry(ctx context.Context, e prolly.Entry, exp *expiries, offset int) (x query.Entry, selected bool, err error) {
	if exp != nil {
		at, err := exp.at(e.Key)
		if err != nil || !at.IsZero() && !s.m.now.Before(at) {
			return x, false, err
		}
		if s.expirations {
			x.Expiration = at
		}
	}
	if offset > 0 && len(s.filters) == 0 {
		return x, true, nil
	}
	if err := s.fill(ctx, &x, e); err != nil {
		return x, false, err
	}
	for _, f := range s.filters {
		if !f.Filter(x) {
			return x, false, nil
		}
	}
	return x, true, nil
}

// fill copies key, size and, when asked for, the value.
func (s *scan) fill(ctx context.Context, x *query.Entry, e prolly.Entry) (err error) {
	x.Key = string(e.Key)
	if x.Size, err = sizeOf(e.Value); err != nil || s.keysOnly {
		return err
	}
	x.Value, err = s.m.value(ctx, stringBytes(x.Key), e.Value)
	return err
}

// value returns a copy of the bytes of a value found under key.
func (m moment) value(ctx context.Context, key []byte, v prolly.Value) ([]byte, error) {
	switch v.Kind() {
	case codec.Inline:
		return append(make([]byte, 0, len(v.Bytes)), v.Bytes...), nil
	case codec.Link:
		return v.Link.Bytes(), nil
	}
	return m.tree.Get(ctx, key)
}

// ranked is the ability to find an entry by its number.
type ranked interface {
	// Folded returns the tree when nothing is staged over it.
	Folded() (prolly.Tree, bool)
}

// skipByRank moves the beginning of the interval over the offset, when no
// entry need be looked at for that and the tree can tell where it ends up.
func (s *scan) skipByRank(ctx context.Context) error {
	at, ok := s.m.tree.(ranked)
	if !ok || s.offset == 0 || len(s.filters) > 0 || s.m.side != nil {
		return nil
	}
	t, ok := at.Folded()
	if !ok {
		return nil
	}
	lo, err := t.Rank(ctx, s.keys.lo)
	if err != nil {
		return err
	}
	hi, err := t.Rank(ctx, s.keys.hi)
	if err != nil {
		return err
	}
	offset := uint64(s.offset)
	if hi <= lo || offset >= hi-lo {
		s.keys.lo = s.keys.hi
		return nil
	}
	if s.reverse {
		return s.cut(ctx, t, hi-1-offset)
	}
	return s.cut(ctx, t, lo+offset)
}

// cut makes entry i of t the first one of the scan.
func (s *scan) cut(ctx context.Context, t prolly.Tree, i uint64) error {
	e, err := t.At(ctx, i)
	if err != nil {
		return err
	}
	s.offset = 0
	if s.reverse {
		s.keys.hi = append(bytes.Clone(e.Key), 0)
	} else {
		s.keys.lo = e.Key
	}
	return nil
}

package prollyds

import (
	"bytes"
	"context"
	"time"
	"unsafe"

	"github.com/ipfs/go-datastore/query"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// sink takes what a scan finds.
type sink interface {
	// slot is where the next entry is to be put.
	slot() *query.Entry

	// add takes the entry that is in the slot; false ends the scan.
	add() bool

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
	room   keyRoom
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
		exp = expiriesOf(ctx, s.m.side, r)
		defer exp.stop()
	}
	offset, left := s.offset, s.limit
	for e, err := range s.m.tree.Range(ctx, r) {
		if err != nil {
			return err
		}
		selected, err := s.entry(ctx, e, exp, offset, to)
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
		if left--; !to.add() || left == 0 {
			return nil
		}
	}
	return nil
}

// entry makes a result of an entry of the tree, in the sink's slot, and tells
// whether it has not expired and passes the filters. Where no filter looks at
// them, entries that the offset skips are not made.
func (s *scan) entry(ctx context.Context, e prolly.Entry, exp *expiries, offset int, to sink) (selected bool, err error) {
	var at time.Time
	if exp != nil {
		at, err = exp.at(e.Key)
		if err != nil || !at.IsZero() && !s.m.now.Before(at) {
			return false, err
		}
		if !s.expirations {
			at = time.Time{}
		}
	}
	if offset > 0 && len(s.filters) == 0 {
		return true, nil
	}
	x := to.slot()
	x.Expiration = at
	if err := s.fill(ctx, x, e); err != nil {
		return false, err
	}
	for _, f := range s.filters {
		if !f.Filter(*x) {
			return false, nil
		}
	}
	return true, nil
}

// fill copies key, size and, when asked for, the value.
func (s *scan) fill(ctx context.Context, x *query.Entry, e prolly.Entry) (err error) {
	if x.Size, err = sizeOf(e.Value); err != nil {
		return err
	}
	switch {
	case s.keysOnly:
		x.Key, x.Value = s.room.copy(e.Key), nil
	case e.Value.Kind() == codec.Inline:
		x.Key, x.Value = copyBoth(e.Key, e.Value.Bytes)
	case e.Value.Kind() == codec.Link:
		x.Key, x.Value = string(e.Key), e.Value.Link.Bytes()
	default:
		x.Key = string(e.Key)
		x.Value, err = s.m.tree.Get(ctx, stringBytes(x.Key))
	}
	return err
}

// copyBoth copies a key and a value into one allocation. Nothing reaches the
// key's bytes from the value, so that the string stays what it is whatever
// becomes of the value.
func copyBoth(key, value []byte) (string, []byte) {
	b := append(append(make([]byte, 0, len(key)+len(value)), key...), value...)
	return unsafe.String(unsafe.SliceData(b), len(key)), b[len(key):len(b):len(b)]
}

// keyRoom is where keys that come without a value are copied to. Several share an
// allocation; who keeps one key keeps at most keyRoomBytes.
type keyRoom struct{ free []byte }

const keyRoomBytes = 1 << 10

func (r *keyRoom) copy(key []byte) string {
	n := len(r.free)
	if cap(r.free)-n < len(key) {
		n = 0
		r.free = make([]byte, 0, max(len(key), min(2*cap(r.free), keyRoomBytes)))
	}
	r.free = append(r.free, key...)
	return unsafe.String(unsafe.SliceData(r.free[n:]), len(key))
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

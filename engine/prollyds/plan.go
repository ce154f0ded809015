package prollyds

import (
	"bytes"
	"fmt"
	"math"
	"path"

	"github.com/ipfs/go-datastore/query"
)

// plan is a query taken apart: what a range of keys can answer, and what is left
// to be done entry by entry.
type plan struct {
	keys        interval
	reverse     bool
	filters     []query.Filter // that the interval does not express
	orders      []query.Order  // nil: the order of the keys, one way or the other
	offset      int
	limit       int // 0: none
	keysOnly    bool
	expirations bool
}

// interval is the keys from lo up to but without hi. Both are always set.
type interval struct{ lo, hi []byte }

// allKeys are the keys that begin with a slash. Others, in a branch that was
// wrapped, cannot be named by a datastore.Key.
func allKeys() interval { return interval{[]byte{'/'}, []byte{'/' + 1}} }

// below are the strict descendants of a prefix, which is cleaned as a key is.
// Below the root there is everything, the root included, as go-datastore has it.
func below(prefix string) interval {
	p := path.Clean("/" + prefix)
	if p == "/" {
		return allKeys()
	}
	return interval{[]byte(p + "/"), []byte(p + string(rune('/'+1)))}
}

func (k *interval) from(lo []byte) {
	if bytes.Compare(lo, k.lo) > 0 {
		k.lo = lo
	}
}

func (k *interval) to(hi []byte) {
	if bytes.Compare(hi, k.hi) < 0 {
		k.hi = hi
	}
}

func (k interval) empty() bool { return bytes.Compare(k.lo, k.hi) >= 0 }

// after is the smallest key larger than key.
func after(key string) []byte { return append([]byte(key), 0) }

// planOf takes a query apart. The error wraps ErrBadQuery.
func planOf(q query.Query) (plan, error) {
	p := plan{
		keys:        below(q.Prefix),
		offset:      max(q.Offset, 0),
		limit:       max(q.Limit, 0),
		keysOnly:    q.KeysOnly,
		expirations: q.ReturnExpirations,
	}
	for _, f := range q.Filters {
		if err := p.filter(f); err != nil {
			return plan{}, err
		}
	}
	return p, p.order(q.Orders)
}

// filter narrows the interval by what is said about keys and keeps the rest.
func (p *plan) filter(f query.Filter) error {
	switch f := f.(type) {
	case nil:
		return fmt.Errorf("%w: nil filter", ErrBadQuery)
	case query.FilterKeyCompare:
		return p.compareKey(f)
	case *query.FilterKeyCompare:
		if f == nil {
			return fmt.Errorf("%w: nil filter", ErrBadQuery)
		}
		return p.compareKey(*f)
	case query.FilterKeyPrefix:
		p.keyPrefix(f.Prefix)
		return nil
	case *query.FilterKeyPrefix:
		if f == nil {
			return fmt.Errorf("%w: nil filter", ErrBadQuery)
		}
		p.keyPrefix(f.Prefix)
		return nil
	case query.FilterValueCompare:
		return p.compareValue(f)
	case *query.FilterValueCompare:
		if f == nil {
			return fmt.Errorf("%w: nil filter", ErrBadQuery)
		}
		return p.compareValue(*f)
	}
	p.filters = append(p.filters, f)
	return nil
}

func (p *plan) compareKey(f query.FilterKeyCompare) error {
	switch f.Op {
	case query.Equal:
		p.keys.from([]byte(f.Key))
		p.keys.to(after(f.Key))
	case query.GreaterThan:
		p.keys.from(after(f.Key))
	case query.GreaterThanOrEqual:
		p.keys.from([]byte(f.Key))
	case query.LessThan:
		p.keys.to([]byte(f.Key))
	case query.LessThanOrEqual:
		p.keys.to(after(f.Key))
	case query.NotEqual:
		p.filters = append(p.filters, f)
	default:
		return fmt.Errorf("%w: unknown comparison %q", ErrBadQuery, f.Op)
	}
	return nil
}

// keyPrefix keeps the keys that begin with prefix.
func (p *plan) keyPrefix(prefix string) {
	p.keys.from([]byte(prefix))
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			p.keys.to(append([]byte(prefix[:i]), prefix[i]+1))
			return
		}
	}
}

func (p *plan) compareValue(f query.FilterValueCompare) error {
	switch f.Op {
	case query.Equal, query.NotEqual, query.GreaterThan, query.GreaterThanOrEqual, query.LessThan, query.LessThanOrEqual:
		p.filters = append(p.filters, f)
		return nil
	}
	return fmt.Errorf("%w: unknown comparison %q", ErrBadQuery, f.Op)
}

// order finds out how far the tree's own order goes. Keys are unique, so that
// what stands after an order by key orders nothing.
func (p *plan) order(orders []query.Order) error {
	for i, o := range orders {
		switch o := o.(type) {
		case nil:
			return fmt.Errorf("%w: nil order", ErrBadQuery)
		case *query.OrderByKey:
			if o == nil {
				return fmt.Errorf("%w: nil order", ErrBadQuery)
			}
		case *query.OrderByKeyDescending:
			if o == nil {
				return fmt.Errorf("%w: nil order", ErrBadQuery)
			}
		case query.OrderByFunction:
			if o == nil {
				return fmt.Errorf("%w: nil order", ErrBadQuery)
			}
		}
		if by, descending := byKey(o); by {
			if i == 0 {
				p.reverse = descending
				return nil
			}
			p.orders = orders[:i+1]
			return nil
		}
	}
	p.orders = orders
	return nil
}

func byKey(o query.Order) (yes, descending bool) {
	switch o.(type) {
	case query.OrderByKey, *query.OrderByKey:
		return true, false
	case query.OrderByKeyDescending, *query.OrderByKeyDescending:
		return true, true
	}
	return false, false
}

// wanted is how many entries the tree must yield at most; 0: all.
func (p *plan) wanted() int {
	if p.limit == 0 || len(p.filters) > 0 || p.orders != nil || p.limit > math.MaxInt-p.offset {
		return 0
	}
	return p.offset + p.limit
}

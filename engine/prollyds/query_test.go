package prollyds

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	datastore "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

func keysOfEntries(es []query.Entry) string {
	var keys []string
	for _, e := range es {
		keys = append(keys, e.Key)
	}
	return strings.Join(keys, " ")
}

// D1: a prefix selects strict descendants, after cleaning.
func TestQueryPrefix(t *testing.T) {
	d := inMemory(t)
	for _, k := range []string{"/", "/a", "/a!", "/a/b", "/a/b/c", "/a0", "/ab", "/b", "/a/\xff"} {
		if err := d.Put(t.Context(), datastore.RawKey(k), nil); err != nil {
			t.Fatal(err)
		}
	}
	for prefix, want := range map[string]string{
		"":            "/ /a /a! /a/b /a/b/c /a/\xff /a0 /ab /b",
		"/":           "/ /a /a! /a/b /a/b/c /a/\xff /a0 /ab /b",
		"/x/..":       "/ /a /a! /a/b /a/b/c /a/\xff /a0 /ab /b",
		"/a":          "/a/b /a/b/c /a/\xff",
		"a":           "/a/b /a/b/c /a/\xff",
		"//a/./":      "/a/b /a/b/c /a/\xff",
		"/a/b":        "/a/b/c",
		"/a/b/c":      "",
		"/ab":         "",
		"/nothing":    "",
		"/" + longKey: "",
	} {
		if got := keysOfEntries(rest(t, d, query.Query{Prefix: prefix})); got != want {
			t.Errorf("%q: %q, want %q", prefix, got, want)
		}
	}
}

func sameEntries(a, b []query.Entry) bool {
	return slices.EqualFunc(a, b, func(x, y query.Entry) bool {
		return x.Key == y.Key && bytes.Equal(x.Value, y.Value) && x.Size == y.Size && x.Expiration.Equal(y.Expiration)
	})
}

var longKey = strings.Repeat("k", MaxKey)

// D1: an offset gives the same whether it is found by rank or by walking.
func TestQueryOffset(t *testing.T) {
	folded, staged := inMemory(t), inMemory(t)
	fill(t, folded, 1000, 20)
	fill(t, staged, 1000, 20)
	if err := errors.Join(folded.Delete(t.Context(), keyN(500)), staged.Delete(t.Context(), keyN(500))); err != nil {
		t.Fatal(err)
	}
	if _, err := folded.Branch().Fold(t.Context()); err != nil {
		t.Fatal(err)
	}
	between := []query.Filter{
		query.FilterKeyCompare{Op: query.GreaterThan, Key: keyN(99).String()},
		query.FilterKeyCompare{Op: query.LessThanOrEqual, Key: keyN(900).String()},
	}
	for _, offset := range []int{-1, 0, 1, 15, 16, 399, 400, 401, 799, 800, 801, 998, 999, 1000, math.MaxInt} {
		for _, limit := range []int{-1, 0, 1, 200, math.MaxInt} {
			for _, order := range []query.Order{query.OrderByKey{}, query.OrderByKeyDescending{}, query.OrderByValue{}} {
				for _, filters := range [][]query.Filter{nil, between} {
					q := query.Query{Offset: offset, Limit: limit, Filters: filters, Orders: []query.Order{order}}
					one, two := rest(t, folded, q), rest(t, staged, q)
					all, err := query.NaiveQueryApply(q, query.ResultsWithEntries(q, rest(t, staged, query.Query{}))).Rest()
					if err != nil {
						t.Fatal(err)
					}
					if !sameEntries(one, all) || !sameEntries(two, all) {
						t.Fatalf("D1 violated: %v: %d folded, %d staged, %d expected", q, len(one), len(two), len(all))
					}
				}
			}
		}
	}
}

// An offset into a folded tree does not read the leaves before it.
func TestQueryOffsetByRank(t *testing.T) {
	d, s := watched(t)
	fill(t, d, 5000, 200)
	s.nodes.Store(0)
	if es := rest(t, d, query.Query{Offset: 4000, Limit: 2}); keysOfEntries(es) != "/k/004000 /k/004001" {
		t.Error(keysOfEntries(es))
	}
	if n := s.nodes.Load(); n > 20 {
		t.Errorf("%d nodes read", n)
	}
}

// What cannot be asked for is an error, not a panic.
func TestQueryBad(t *testing.T) {
	d := inMemory(t)
	fill(t, d, 1, 1)
	for _, q := range []query.Query{
		{Filters: []query.Filter{nil}},
		{Filters: []query.Filter{(*query.FilterKeyCompare)(nil)}},
		{Filters: []query.Filter{(*query.FilterKeyPrefix)(nil)}},
		{Filters: []query.Filter{(*query.FilterValueCompare)(nil)}},
		{Filters: []query.Filter{query.FilterKeyCompare{Op: "~"}}},
		{Filters: []query.Filter{query.FilterValueCompare{}}},
		{Orders: []query.Order{nil}},
		{Orders: []query.Order{query.OrderByValue{}, (*query.OrderByKey)(nil)}},
		{Orders: []query.Order{(*query.OrderByKeyDescending)(nil)}},
		{Orders: []query.Order{query.OrderByFunction(nil)}},
	} {
		if _, err := d.Query(t.Context(), q); !errors.Is(err, ErrBadQuery) {
			t.Errorf("%v", err)
		}
	}
}

// A filter's panic is the caller's, and leaves nothing locked.
func TestQueryFilterPanics(t *testing.T) {
	d := inMemory(t)
	fill(t, d, 3, 1)
	r, err := d.Query(t.Context(), query.Query{Filters: []query.Filter{panicking{}}})
	if err != nil {
		t.Fatal(err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		r.NextSync()
	}()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

type panicking struct{}

func (panicking) Filter(query.Entry) bool { panic("filter") }

// D3: a query shows the datastore as it was when it was asked.
func TestQuerySnapshot(t *testing.T) {
	d := inMemory(t)
	fill(t, d, 1000, 10)
	want := rest(t, d, query.Query{})
	r, err := d.Query(t.Context(), query.Query{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 { // before the first result is taken
		if err := d.Delete(t.Context(), keyN(i)); err != nil {
			t.Fatal(err)
		}
		if err := d.Put(t.Context(), datastore.NewKey(fmt.Sprintf("/k/0%05dx", i)), nil); err != nil {
			t.Fatal(err)
		}
		if i%300 == 0 {
			if err := d.CollectGarbage(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	got, err := r.Rest()
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("D3 violated: %d results, %d expected, %v", len(got), len(want), err)
	}
}

// D9: results that are closed early, in each way of reading them.
func TestQueryCloseEarly(t *testing.T) {
	d := inMemory(t)
	fill(t, d, 3000, 10)
	for _, taken := range []int{0, 1, 20, 2999, 3000} {
		for _, byChannel := range []bool{false, true} {
			r, err := d.Query(t.Context(), query.Query{})
			if err != nil {
				t.Fatal(err)
			}
			for range taken {
				var x query.Result
				if byChannel {
					x = <-r.Next()
				} else {
					x, _ = r.NextSync()
				}
				if x.Error != nil || x.Key == "" {
					t.Fatal(x)
				}
			}
			for range 2 {
				if err := r.Close(); err != nil {
					t.Error(err)
				}
			}
			if !byChannel {
				if x, ok := r.NextSync(); ok {
					t.Errorf("after Close: %v", x)
				}
			}
		}
	}
	if n := d.cursors.len(); n != 0 {
		t.Errorf("D9 violated: %d left", n)
	}
}

// Values that were returned belong to the caller.
func TestQueryOwnsValues(t *testing.T) {
	d := inMemory(t)
	fill(t, d, 100, 40)
	es := rest(t, d, query.Query{})
	for _, e := range es {
		_ = append(e.Value, "overflow"...)
		clear(e.Value)
	}
	for i, e := range rest(t, d, query.Query{}) {
		if string(e.Value) != string(valueN(i, 40)) {
			t.Fatalf("%s was changed", e.Key)
		}
	}
}

// A rare match is handed out when it is found, not when a batch is full.
func TestQueryRareMatch(t *testing.T) {
	d := inMemory(t)
	fill(t, d, 4000, 10)
	seen := 0
	q := query.Query{Filters: []query.Filter{filterFunc(func(e query.Entry) bool {
		seen++
		return e.Key == keyN(10).String()
	})}}
	r, err := d.Query(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if x, ok := r.NextSync(); !ok || x.Key != keyN(10).String() {
		t.Error(x, ok)
	}
	if seen > 10+2*idleEvery {
		t.Errorf("%d entries looked at", seen)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

type filterFunc func(query.Entry) bool

func (f filterFunc) Filter(e query.Entry) bool { return f(e) }

// Ranges both ways, with bounds, and seeks.
func TestRange(t *testing.T) {
	d := inMemory(t)
	fill(t, d, 10, 3)
	k := func(i int) datastore.Key { return keyN(i) }
	for _, c := range []struct {
		r    Range
		want []int
	}{
		{Range{}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
		{Range{From: k(3), To: k(6)}, []int{3, 4, 5}},
		{Range{From: k(3), To: k(6), Reverse: true}, []int{5, 4, 3}},
		{Range{Reverse: true, Limit: 2}, []int{9, 8}},
		{Range{From: k(8), Limit: -1}, []int{8, 9}},
		{Range{Prefix: datastore.NewKey("/k"), To: k(1)}, []int{0}},
		{Range{Prefix: datastore.NewKey("/x")}, nil},
		{Range{From: k(6), To: k(3)}, nil},
	} {
		var got []int
		for e, err := range d.Entries(t.Context(), c.r) {
			if err != nil {
				t.Fatal(err)
			}
			var i int
			if _, err := fmt.Sscanf(e.Key, "/k/%d", &i); err != nil || string(e.Value) != string(valueN(i, 3)) || e.Size != 3 {
				t.Errorf("%v %v", e, err)
			}
			got = append(got, i)
		}
		n := 0
		for key, err := range d.Keys(t.Context(), c.r) {
			if err != nil || key != k(got[n]).String() {
				t.Errorf("%v: key %s %v", c.r, key, err)
			}
			n++
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) || n != len(got) {
			t.Errorf("%v: %v, want %v", c.r, got, c.want)
		}
	}
	for key, want := range map[string][2]string{
		"/k/000003":  {"/k/000003", "/k/000003"},
		"/k/000003x": {"/k/000004", "/k/000003"},
		"/":          {"/k/000000", ""},
		"/z":         {"", "/k/000009"},
	} {
		up, err1 := d.Seek(t.Context(), datastore.RawKey(key))
		down, err2 := d.SeekReverse(t.Context(), datastore.RawKey(key))
		if up.Key != want[0] || down.Key != want[1] || (err1 == datastore.ErrNotFound) != (up.Key == "") || (err2 == datastore.ErrNotFound) != (down.Key == "") {
			t.Errorf("%s: %q %v, %q %v", key, up.Key, err1, down.Key, err2)
		}
	}
}

// D8: results, ranges and transactions that are open when the datastore is
// closed.
func TestCloseUnderQueries(t *testing.T) {
	for _, owned := range []bool{true, false} {
		d := inMemory(t)
		fill(t, d, 1000, 10)
		used := d
		if !owned {
			used = Wrap(d.Branch())
		}
		tx, err := used.NewTransaction(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		var open []query.Results
		for _, from := range []datastore.Read{used, tx} {
			for range 2 {
				r, err := from.Query(t.Context(), query.Query{})
				if err != nil {
					t.Fatal(err)
				}
				if x, ok := r.NextSync(); !ok || x.Error != nil {
					t.Fatal(x)
				}
				open = append(open, r)
			}
		}
		n := 0
		for _, err := range used.Entries(t.Context(), Range{}) {
			n++
			if n == 3 {
				if err := used.Close(); err != nil {
					t.Fatal(err)
				}
			} else if n == 4 && !errors.Is(err, engine.ErrClosed) {
				t.Errorf("D8 violated: entry after Close: %v", err)
			}
		}
		if n != 4 {
			t.Errorf("%d steps", n)
		}
		for i, r := range open {
			if x, ok := r.NextSync(); !ok || !errors.Is(x.Error, engine.ErrClosed) {
				t.Errorf("D8 violated: results %d: %v %v", i, x, ok)
			}
			if x, ok := r.NextSync(); ok {
				t.Errorf("results %d after the error: %v", i, x)
			}
		}
		tx.Discard(t.Context())
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

// D8: every call after Close.
func TestUseAfterClose(t *testing.T) {
	d := inMemory(t)
	tx, err := d.NewTransaction(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	b, err := d.Batch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for name, call := range calls(d, tx, b) {
		if err := call(context.Background()); !errors.Is(err, engine.ErrClosed) {
			t.Errorf("D8 violated: %s: %v", name, err)
		}
	}
	tx.Discard(t.Context())
	if err := d.Close(); err != nil {
		t.Errorf("D8 violated: second Close: %v", err)
	}
}

package kv_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// TestRefPlan: what a batch may do to a ref, against what it finds.
func TestRefPlan(t *testing.T) {
	type plan = kv.RefPlan
	do := func(calls ...func(*plan) error) func() (*plan, error) {
		return func() (*plan, error) {
			p := &plan{}
			for _, call := range calls {
				if err := call(p); err != nil {
					return nil, err
				}
			}
			return p, nil
		}
	}
	swap := func(old, next []byte) func(*plan) error {
		return func(p *plan) error { return p.Swap("a", old, next) }
	}
	add := func(seq uint64) func(*plan) error { return func(p *plan) error { return p.Append("a", seq) } }
	trim := func(seq uint64) func(*plan) error { return func(p *plan) error { return p.Trim("a", seq) } }
	one := []byte("1")
	for _, c := range []struct {
		name string
		plan func() (*plan, error)
		now  []byte
		last uint64
		err  error
		top  uint64 // highest number afterwards
	}{
		{"nothing", do(), one, 7, nil, 7},
		{"create", do(swap(nil, one)), nil, 0, nil, 0},
		{"create what is there", do(swap(nil, one)), one, 0, kv.ErrConflict, 0},
		{"empty is not missing", do(swap([]byte{}, one)), nil, 0, kv.ErrConflict, 0},
		{"missing is not empty", do(swap(nil, one)), []byte{}, 0, kv.ErrConflict, 0},
		{"append", do(add(8)), one, 7, nil, 8},
		{"append the last", do(add(7)), one, 7, kv.ErrSequence, 0},
		{"append 0", do(add(0)), one, 0, kv.ErrSequence, 0},
		{"append twice", do(add(8), add(8)), one, 7, kv.ErrSequence, 0},
		{"trim", do(trim(3)), one, 7, nil, 7},
		{"trim all", do(trim(7)), one, 7, nil, 0},
		{"trim more than all", do(trim(9)), one, 7, nil, 0},
		{"trim all, append lower", do(trim(9), add(2)), one, 7, nil, 2},
		{"trim too little, append lower", do(trim(6), add(2)), one, 7, kv.ErrSequence, 0},
		{"append, trim it", do(add(8), trim(8)), one, 7, nil, 0},
		{"append, trim it, append lower", do(add(8), trim(8), add(3)), one, 7, nil, 3},
		{"append below, trim it", do(add(6), trim(6)), one, 7, kv.ErrSequence, 0},
		{"remove", do(swap(one, nil)), one, 7, nil, 0},
		{"remove, append lower", do(swap(one, nil), add(1)), one, 7, nil, 1},
		{"append, remove", do(add(8), swap(one, nil)), one, 7, nil, 0},
		{"append below, remove", do(add(6), swap(one, nil)), one, 7, kv.ErrSequence, 0},
		{"swap twice", do(swap(nil, one), swap(one, nil)), nil, 0, kv.ErrBatch, 0},
		{"another ref", do(add(8), func(p *plan) error { return p.Trim("b", 1) }), one, 7, kv.ErrBatch, 0},
		{"no name", do(func(p *plan) error { return p.Trim("", 1) }), nil, 0, kv.ErrName, 0},
		{"long name", do(func(p *plan) error { return p.Trim(strings.Repeat("x", 256), 1) }), nil, 0, kv.ErrName, 0},
	} {
		p, err := c.plan()
		var top uint64
		if err == nil {
			top, err = p.Check(c.now, c.last)
		}
		if !errors.Is(err, c.err) || err == nil && top != c.top {
			t.Errorf("%s: top %d, error %v; want %d, %v", c.name, top, err, c.top, c.err)
		}
	}
}

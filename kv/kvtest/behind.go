package kvtest

import (
	"sync"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// putBehind puts nodes from to to, to excluded, in one batch.
func putBehind(t testing.TB, s kv.Behind, from, to int) (hints []kv.Hint) {
	t.Helper()
	b := s.NewBehind()
	for i := from; i < to; i++ {
		h, block := testNode(i)
		hints = append(hints, mustPut(t, b, h, block, make([]kv.Hint, i%4)))
	}
	must(t, b.Commit(bg))
	return hints
}

func testBehind(t *testing.T, p *place) {
	s := p.Store.(kv.Behind)
	const n = 50
	hints := putBehind(t, s, 0, n)
	mark := s.Put()
	if mark < n {
		t.Errorf("%d nodes were put and the mark is %d", n, mark)
	}
	here := func() {
		t.Helper()
		for i := range n {
			h, block := testNode(i)
			wantNode(t, p, h, kv.Hint{}, block, make([]kv.Hint, i%4))
			wantNode(t, p, h, hints[i], block, make([]kv.Hint, i%4))
		}
	}
	here()
	must(t, s.WriteNodes(bg))
	if !s.Written(mark) {
		t.Error("WriteNodes left nodes unwritten")
	}
	here()
	putBehind(t, s, 0, n) // once more, and again the same
	s.WriteSoon()
	here()
	p.reopen()
	here()
	s = p.Store.(kv.Behind)
	b := s.NewBehind()
	h, block := testNode(n)
	mustPut(t, b, h, block, nil)
	must(t, b.SwapRef("r", nil, []byte("1")))
	must(t, b.Commit(bg))
	wantRef(t, p, "r", []byte("1"))
	b = s.NewBehind()
	h2, block := testNode(n + 1)
	mustPut(t, b, h2, block, nil)
	must(t, b.SwapRef("r", nil, []byte("2")))
	wantIs(t, "a swap from another value", b.Commit(bg), kv.ErrConflict)
	_, err := p.ReadNode(bg, h2, kv.Hint{})
	wantIs(t, "a node of a batch that was refused", err, kv.ErrNotFound)
	testBehindTogether(t, p)
}

// testBehindTogether puts, reads, writes and spares from several goroutines.
func testBehindTogether(t *testing.T, p *place) {
	s := p.Store.(kv.Behind)
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for round := range 20 {
				first := 1000 + 1000*g + 10*round
				after := s.Put()
				putBehind(t, s, first, first+10)
				if g == 3 {
					h, _ := testNode(first)
					s.Spare([]codec.Hash{h}, after)
				}
				if round%7 == 6 {
					must(t, s.WriteNodes(bg))
				}
				h, block := testNode(first + 5)
				wantNode(t, p, h, kv.Hint{}, block, make([]kv.Hint, (first+5)%4))
			}
		})
	}
	all.Wait()
	must(t, s.WriteNodes(bg))
	for g := range 3 {
		for i := 1000 + 1000*g; i < 1200+1000*g; i++ {
			h, block := testNode(i)
			wantNode(t, p, h, kv.Hint{}, block, make([]kv.Hint, i%4))
		}
	}
}

func testSpare(t *testing.T, p *place) {
	s := p.Store.(kv.Behind)
	hash := func(i int) codec.Hash { h, _ := testNode(i); return h }
	gone := func(i int) {
		t.Helper()
		_, err := p.ReadNode(bg, hash(i), kv.Hint{})
		wantIs(t, "ReadNode of a spared node", err, kv.ErrNotFound)
	}
	here := func(i int) {
		t.Helper()
		h, block := testNode(i)
		wantNode(t, p, h, kv.Hint{}, block, make([]kv.Hint, i%4))
	}
	putBehind(t, s, 0, 10)
	mark := s.Put()
	putBehind(t, s, 10, 20)
	putBehind(t, s, 12, 13) // for somebody else
	s.Spare([]codec.Hash{hash(3), hash(11), hash(12)}, mark)
	here(3) // put before the mark
	gone(11)
	here(12) // needed once more
	s.Spare([]codec.Hash{hash(12)}, mark)
	gone(12)
	putBehind(t, s, 11, 12)
	here(11)
	must(t, s.WriteNodes(bg))
	s.Spare([]codec.Hash{hash(11), hash(15)}, mark) // too late
	here(11)
	here(15)
	p.reopen()
	for i := range 20 {
		if i == 12 {
			gone(i)
		} else {
			here(i)
		}
	}
}

package kvtest

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// together runs f n times at once and waits.
func together(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

// testConcurrentSwaps: of those who move a ref at once, one succeeds; counting
// with it loses nothing (K4).
func testConcurrentSwaps(t *testing.T, p *place) {
	const writers, each = 8, 25
	p.write(func(b kv.Batch) { must(t, b.SwapRef("count", nil, []byte("0"))) })
	together(writers, func(int) {
		for range each {
			for {
				old, err := p.ReadRef(bg, "count")
				if err != nil {
					t.Error(err)
					return
				}
				n, _ := strconv.Atoi(string(old))
				err = p.try(func(b kv.Batch) {
					must(t, b.SwapRef("count", old, []byte(strconv.Itoa(n+1))))
					must(t, b.AppendLog("count", uint64(n+1), logData(uint64(n+1))))
				})
				if err == nil {
					break
				}
				if !errors.Is(err, kv.ErrConflict) && !errors.Is(err, kv.ErrSequence) {
					t.Error(err)
					return
				}
			}
		}
	})
	wantRef(t, p, "count", []byte(strconv.Itoa(writers*each)))
	got, err := all(p.ReadLog(bg, "count", 0))
	must(t, err)
	if len(got) != writers*each {
		t.Errorf("%d log records after %d swaps", len(got), writers*each)
	}
}

// testConcurrentUse: writers, readers and syncs at once; readers see each
// batch whole (K1).
func testConcurrentUse(t *testing.T, p *place) {
	const writers, rounds = 4, 40
	var done atomic.Int32
	together(writers+3, func(i int) {
		if i < writers {
			defer done.Add(1)
			writeRounds(t, p.Store, i, rounds)
			return
		}
		for done.Load() < writers {
			if i == writers {
				if err := p.Sync(bg); err != nil {
					t.Error(err)
				}
			}
			readRounds(t, p.Store, writers)
		}
	})
	for w := range writers {
		wantRef(t, p, fmt.Sprintf("w%d", w), []byte(strconv.Itoa(rounds-1)))
	}
}

// writeRounds moves the ref of writer w, each time with a node and a blob that
// belong to the value.
func writeRounds(t testing.TB, s kv.Store, w, rounds int) {
	name := fmt.Sprintf("w%d", w)
	var old []byte
	for r := range rounds {
		h, block := testNode(w*1000 + r)
		c, blob := testBlob(w*1000 + r)
		next := []byte(strconv.Itoa(r))
		b := s.NewBatch()
		_, err := b.PutNode(h, block, nil)
		err = errors.Join(err, b.PutBlob(c, blob), b.AppendLog(name, uint64(r+1), logData(uint64(r+1))),
			b.SwapRef(name, old, next), b.Commit(bg))
		if err == nil && r%8 == 0 {
			err = s.Sync(bg)
		}
		if err != nil {
			t.Error(err)
			return
		}
		old = next
	}
}

// readRounds reads each writer's ref and what must stand beside it.
func readRounds(t testing.TB, s kv.Store, writers int) {
	for w := range writers {
		value, err := s.ReadRef(bg, fmt.Sprintf("w%d", w))
		if errors.Is(err, kv.ErrNotFound) {
			continue
		}
		if err != nil {
			t.Error(err)
			return
		}
		r, _ := strconv.Atoi(string(value))
		h, block := testNode(w*1000 + r)
		c, blob := testBlob(w*1000 + r)
		n, err := s.ReadNode(bg, h, kv.Hint{})
		if err != nil || !bytes.Equal(n.Block, block) {
			t.Errorf("the node of a visible ref: %v (K1)", err)
		}
		if b, err := s.ReadBlob(bg, c); err != nil || !bytes.Equal(b, blob) {
			t.Errorf("the blob of a visible ref: %v (K1)", err)
		}
		records, err := all(s.ReadLog(bg, fmt.Sprintf("w%d", w), 0))
		if err != nil || len(records) <= r {
			t.Errorf("%d log records beside round %d: %v (K1)", len(records), r, err)
		}
	}
}

// testCloseWhileBusy: Close waits; whatever comes after it is ErrClosed (K8);
// what was committed before is there.
func testCloseWhileBusy(t *testing.T, p *place) {
	const workers = 6
	var committed [workers]uint64
	started := make(chan struct{}, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			name := fmt.Sprintf("w%d", w)
			for seq := uint64(1); ; seq++ {
				err := p.try(func(b kv.Batch) {
					h, block := testNode(int(seq))
					_, _ = b.PutNode(h, block, nil)
					_ = b.AppendLog(name, seq, logData(seq))
				})
				if err == nil {
					committed[w] = seq
					_, err = all(p.ReadLog(bg, name, 0))
				}
				if err == nil && w%2 == 0 {
					err = p.Sync(bg)
				}
				if err != nil {
					wantIs(t, "a call while closing (K8)", err, kv.ErrClosed)
					return
				}
				if seq == 5 {
					started <- struct{}{}
				}
			}
		})
	}
	for range workers {
		<-started
	}
	closed := p.Store
	must(t, closed.Close())
	wg.Wait()
	p.open()
	for w := range workers {
		got, err := all(p.ReadLog(bg, fmt.Sprintf("w%d", w), 0))
		must(t, err)
		if uint64(len(got)) != committed[w] {
			t.Errorf("worker %d: %d records, %d were committed", w, len(got), committed[w])
		}
	}
}

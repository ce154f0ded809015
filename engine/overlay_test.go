package engine

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// history is the model of an overlay: versions by key, oldest first.
type history map[string][]version

func (h history) at(key string, seq uint64) (version, bool) {
	for _, v := range slices.Backward(h[key]) {
		if v.seq <= seq {
			return v, true
		}
	}
	return version{}, false
}

// keysIn returns the keys within the bounds that have a version at seq.
func (h history) keysIn(lo, hi string, seq uint64, reverse bool) []string {
	var keys []string
	for k := range h {
		if _, ok := h.at(k, seq); ok && k >= lo && (hi == "" || k < hi) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	if reverse {
		slices.Reverse(keys)
	}
	return keys
}

func randomKey(r *rand.Rand) []byte {
	switch n := r.IntN(300); n % 3 {
	case 0:
		return fmt.Appendf(nil, "%d", n)
	case 1:
		return fmt.Appendf(nil, "common/prefix/%d", n)
	default:
		return make([]byte, 1+n%12) // zeros: prefixes of each other, also beyond 8 bytes
	}
}

func TestOverlay(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 1))
		o, h := newOverlay([]byte("common/pre")[:10*r.IntN(2)], new(arena[byte])), history{}
		for seq := range uint64(r.IntN(2000)) {
			key, data := randomKey(r), bytes.Repeat([]byte{byte(seq)}, r.IntN(40)*r.IntN(40))
			kind := opKind(r.IntN(opKinds))
			do(t, o.add(key, seq, kind, data))
			h[string(key)] = append(h[string(key)], version{seq, kind, data})
		}
		if o.entries != len(h) {
			t.Fatalf("seed %d: %d entries, want %d", seed, o.entries, len(h))
		}
		for range 200 {
			compareOverlay(t, r, seed, o, h)
		}
	}
}

func compareOverlay(t *testing.T, r *rand.Rand, seed uint64, o *overlay, h history) {
	t.Helper()
	key, seq := randomKey(r), uint64(r.IntN(2000))
	got, ok := o.get(key, seq)
	want, has := h.at(string(key), seq)
	if ok != has || got.seq != want.seq || got.kind != want.kind || !bytes.Equal(got.data, want.data) {
		t.Fatalf("seed %d: get(%q, %d) = %v, %v; want %v, %v", seed, key, seq, got, ok, want, has)
	}
	c := overlayCursor{walk: walk{o: o}, seq: seq, reverse: r.IntN(2) == 0}
	if r.IntN(2) == 0 {
		c.lo = randomKey(r)
	}
	if r.IntN(2) == 0 {
		c.hi = randomKey(r)
	}
	if len(c.hi) > 0 && bytes.Compare(c.lo, c.hi) >= 0 {
		return
	}
	lo, hi := c.lo, c.hi
	keys := h.keysIn(string(lo), string(hi), seq, c.reverse)
	for c.first(); c.e != 0; c.next() {
		if len(keys) == 0 || keys[0] != string(c.key) {
			t.Fatalf("seed %d: cursor [%q, %q) reverse %v at %d: %q, want %q", seed, lo, hi, c.reverse, seq, c.key, keys)
		}
		if v, _ := h.at(keys[0], seq); v.seq != c.ver.seq || !bytes.Equal(v.data, c.ver.data) {
			t.Fatalf("seed %d: cursor at %q: %v, want %v", seed, c.key, c.ver, v)
		}
		keys = keys[1:]
	}
	if len(keys) > 0 {
		t.Fatalf("seed %d: cursor [%q, %q) reverse %v at %d ended before %q", seed, lo, hi, c.reverse, seq, keys)
	}
}

// TestOverlayOrders: whatever the order in which keys come, one by one or in
// sorted runs, all are found and stand in order.
func TestOverlayOrders(t *testing.T) {
	const n = 6_000
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 3))
		o, h := newOverlay([]byte([]string{"", "k/", "other"}[seed%3]), new(arena[byte])), history{}
		keys := make([]string, n)
		for i := range keys {
			keys[i] = fmt.Sprintf("k/%0*d", 1+r.IntN(9), r.IntN(1<<16))
		}
		switch seed % 4 {
		case 0:
			slices.Sort(keys)
		case 1:
			slices.Sort(keys)
			slices.Reverse(keys)
		}
		for seq := uint64(1); len(keys) > 0; seq++ {
			part := keys[:min(len(keys), 1+r.IntN(300)*r.IntN(2))]
			keys = keys[len(part):]
			slices.Sort(part)
			addSorted(t, o, h, part, seq)
		}
		if o.entries != len(h) {
			t.Fatalf("seed %d: %d entries, want %d", seed, o.entries, len(h))
		}
		for k := range h {
			if v, ok := o.get([]byte(k), math.MaxUint64); !ok || string(v.data) != k {
				t.Fatalf("seed %d: get(%q) = %v, %v", seed, k, v, ok)
			}
		}
		for range 20 {
			compareOverlay(t, r, seed, o, h)
		}
		all := h.keysIn("", "", math.MaxUint64, false)
		if got, want := string(o.beginning()), all[0][:sharedLen([]byte(all[0]), []byte(all[len(all)-1]))]; got != want {
			t.Errorf("seed %d: keys begin with %q, want %q", seed, got, want)
		}
	}
}

// addSorted adds keys, which are sorted, with themselves as data.
func addSorted(t *testing.T, o *overlay, h history, keys []string, seq uint64) {
	t.Helper()
	seek := o.seek
	for _, k := range keys {
		key, prefix := []byte(k), o.prefix([]byte(k))
		at, to := o.bytes.alloc(len(key))
		copy(to, key)
		n := uint32(len(key))
		do(t, o.addAt(seek(key, prefix), place{prefix, at, at, n, n}, seq, opInline))
		h[k] = append(h[k], version{seq, opInline, key})
		seek = o.seekOn
	}
}

// TestOverlayReaders reads while another goroutine adds: a reader sees all of
// what was published before it began, and nothing later (E4).
func TestOverlayReaders(t *testing.T) {
	const n = 20_000
	o := newOverlay(nil, new(arena[byte]))
	var published atomic.Uint64
	var wg sync.WaitGroup
	for reader := range uint64(4) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(reader, 2))
			for published.Load() < n-1 {
				seq := published.Load()
				c := overlayCursor{walk: walk{o: o}, seq: seq, reverse: r.IntN(2) == 0}
				count := uint64(0)
				var last []byte
				for c.first(); c.e != 0; c.next() {
					if last != nil && (bytes.Compare(last, c.key) < 0) == c.reverse {
						t.Errorf("%q after %q, reverse %v", c.key, last, c.reverse)
						return
					}
					last = c.key
					count++
				}
				if want := min(seq, 2000); seq > 0 && count != want {
					t.Errorf("%d entries at %d, want %d", count, seq, want)
					return
				}
				key := overlayKey(1 + r.Uint64N(max(seq, 1)))
				if v, ok := o.get(key, seq); seq > 0 && (!ok || v.seq > seq || string(v.data) != string(key)) {
					t.Errorf("get(%q, %d) = %v, %v", key, seq, v, ok)
					return
				}
			}
		})
	}
	for seq := uint64(1); seq < n; seq++ {
		key := overlayKey(seq)
		if err := o.add(key, seq, opInline, key); err != nil {
			t.Error(err)
		}
		published.Store(seq)
	}
	wg.Wait()
}

// overlayKey is one of 2,000 keys, in no order; the first 2,000 all differ.
func overlayKey(seq uint64) []byte {
	return fmt.Appendf(nil, "%04d/key", (seq%2000)*1237%2000)
}

func TestArena(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var a arena[byte]
	type run struct {
		at   uint32
		data []byte
	}
	var runs []run
	for i := range 8000 {
		n := 1 + r.IntN(3000)
		if i%2000 == 1999 {
			n = arenaLarge * (1 + r.IntN(200)) / 80 // also more than a segment
		}
		if r.IntN(10) == 0 {
			at, _ := a.alloc(n)
			a.takeBack(at)
		}
		at, b := a.alloc(n)
		if at == 0 || len(b) != n || cap(b) != n {
			t.Fatalf("alloc(%d) = %d, %d bytes", n, at, len(b))
		}
		for i := range b {
			if b[i] != 0 {
				t.Fatal("memory given out twice")
			}
			b[i] = byte(r.Uint32()) | 1
		}
		runs = append(runs, run{at, bytes.Clone(b)})
	}
	for _, x := range runs {
		if !bytes.Equal(a.from(x.at)[:len(x.data)], x.data) {
			t.Fatalf("run at %d has changed", x.at)
		}
	}
	var full arena[struct{}]
	full.next = math.MaxInt32 - 100
	if at, _ := full.alloc(1000); at != 0 {
		t.Errorf("a full arena gave %d", at)
	}
}

package riblt

import (
	"flag"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var seedFlag = flag.Uint64("riblt.seed", 0, "seed of the random tests; 0: a new one")

func random(t testing.TB) *rand.Rand {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("repeat with -riblt.seed=%d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// TestMappingGolden: S1, the symbols of some ids, for ever.
func TestMappingGolden(t *testing.T) {
	for _, c := range []struct {
		id   uint64
		want []uint64
	}{
		{0, []uint64{0, 1, 3, 4, 6, 7, 9, 11, 23, 25, 86, 115}},
		{1, []uint64{0, 1, 2, 3, 4, 5, 12, 27, 183, 296, 330, 1549}},
		{math.MaxUint64, []uint64{0, 1, 2, 6, 10, 13, 31, 39, 41, 47, 80, 96}},
		{0x0123456789abcdef, []uint64{0, 2, 6, 36, 38, 41, 56, 80, 89, 92, 203, 290}},
	} {
		m := newMapping(c.id)
		got := []uint64{m.index}
		for len(got) < len(c.want) {
			got = append(got, m.next())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("id %#x is in %v, not %v", c.id, got, c.want)
		}
	}
}

// TestAfterIsExact: S1, the guess by floating point never decides.
func TestAfterIsExact(t *testing.T) {
	rng := random(t)
	for range 200_000 {
		i := rng.Uint64N(1 << rng.UintN(28))
		r := rng.Uint64N(1<<32) + 1
		got := after(i, r)
		if got > MaxSymbols {
			if passes(MaxSymbols, r, (i+1)*(i+2)) && passes(MaxSymbols-1, r, (i+1)*(i+2)) {
				t.Fatalf("after(%d, %d) is %d, too large", i, r, got)
			}
			continue
		}
		span := (i + 1) * (i + 2)
		if got <= i || !passes(got, r, span) || got > i+1 && passes(got-1, r, span) {
			t.Fatalf("after(%d, %d) is %d", i, r, got)
		}
	}
}

// TestMappingFrequency: symbol i has an id with probability 1/(1+i/2).
func TestMappingFrequency(t *testing.T) {
	rng := random(t)
	const ids, symbols = 200_000, 400
	e := NewEncoder(0, symbols)
	for range ids {
		e.Add(rng.Uint64())
	}
	for i, s := range e.Symbols() {
		p := 1 / (1 + float64(i)/2)
		sigma := math.Sqrt(ids * p * (1 - p))
		if diff := math.Abs(float64(s.Count) - ids*p); diff > 6*sigma {
			t.Errorf("symbol %d has %d ids, expected %.0f", i, s.Count, ids*p)
		}
	}
}

// sets makes two sets with common ids, and ids of their own.
func sets(rng *rand.Rand, common, a, b int) (both, onlyA, onlyB []uint64) {
	draw := func(n int) []uint64 {
		s := make([]uint64, n)
		for i := range s {
			s[i] = rng.Uint64()
		}
		return s
	}
	return draw(common), draw(a), draw(b)
}

func encode(from, to int, sets ...[]uint64) []Symbol {
	e := NewEncoder(from, to)
	for _, s := range sets {
		for _, id := range s {
			e.Add(id)
		}
	}
	return e.Symbols()
}

func decode(symbols []Symbol, sets ...[]uint64) (theirs, ours []uint64, ok bool) {
	d := NewDecoder(symbols)
	for _, s := range sets {
		for _, id := range s {
			d.Remove(id)
		}
	}
	return d.Decode()
}

func same(a, b []uint64) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// TestPrefix: S2.
func TestPrefix(t *testing.T) {
	rng := random(t)
	both, _, _ := sets(rng, 1000, 0, 0)
	all := encode(0, 500, both)
	if !slices.Equal(all[:123], encode(0, 123, both)) || !slices.Equal(all[123:], encode(123, 500, both)) {
		t.Fatal("symbols depend on how many are asked for")
	}
}

// TestDecode: S3, the exact difference of random sets, through the wire's form.
func TestDecode(t *testing.T) {
	rng := random(t)
	for range 300 {
		both, onlyA, onlyB := sets(rng, rng.IntN(2000), rng.IntN(1<<rng.UintN(10)), rng.IntN(1<<rng.UintN(10)))
		d := len(onlyA) + len(onlyB)
		n := uint64(len(both) + len(onlyA))
		wire := AppendSymbols(nil, encode(0, 3*d+40, both, onlyA), 0, n)
		symbols, err := ReadSymbols(wire, 0, n)
		if err != nil {
			t.Fatal(err)
		}
		theirs, ours, ok := decode(symbols, both, onlyB)
		if !ok {
			t.Fatalf("%d symbols do not tell %d differences", 3*d+40, d)
		}
		if !same(theirs, onlyA) || !same(ours, onlyB) {
			t.Fatalf("%d + %d ids of %d + %d", len(theirs), len(ours), len(onlyA), len(onlyB))
		}
	}
}

// TestTooFew: symbols that do not suffice say so.
func TestTooFew(t *testing.T) {
	rng := random(t)
	for range 50 {
		both, onlyA, onlyB := sets(rng, 100, 50, 50)
		if _, _, ok := decode(encode(0, 60, both, onlyA), both, onlyB); ok {
			t.Fatal("60 symbols told 100 differences")
		}
	}
	if _, _, ok := NewDecoder(nil).Decode(); ok {
		t.Fatal("no symbols told something")
	}
}

// least is how few symbols tell the difference, found by halving: more always
// tell what fewer did, but for collisions.
func least(both, onlyA, onlyB []uint64) int {
	d := len(onlyA) + len(onlyB)
	lo, hi := 0, 6*d+40
	for hi-lo > 1 {
		mid := (lo + hi) / 2
		if _, _, ok := decode(encode(0, mid, onlyA), onlyB); ok {
			hi = mid
		} else {
			lo = mid
		}
	}
	return hi
}

// TestSymbolsPerDifference measures what the paper promises: from 1.35 for many
// differences to 1.72 for a few.
func TestSymbolsPerDifference(t *testing.T) {
	rng := random(t)
	for _, c := range []struct {
		d, rounds int
		atMost    float64
	}{{1, 200, 1.2}, {4, 400, 1.9}, {16, 300, 1.9}, {100, 100, 1.75}, {1000, 20, 1.55}, {30_000, 1, 1.42}} {
		total := 0
		for range c.rounds {
			_, a, b := sets(rng, 0, c.d-c.d/2, c.d/2)
			total += least(nil, a, b)
		}
		mean := float64(total) / float64(c.rounds) / float64(c.d)
		t.Logf("d = %6d: %.3f symbols a difference", c.d, mean)
		if mean > c.atMost || mean < 0.99 {
			t.Errorf("d = %d: %.3f symbols a difference, at most %.2f wanted", c.d, mean, c.atMost)
		}
	}
}

// TestEstimate: within five standard errors, and Need suffices but for a few.
func TestEstimate(t *testing.T) {
	rng := random(t)
	short, rounds := 0, 0
	for _, d := range []int{0, 1, 2, 5, 20, 100, 1000, 10_000} {
		for range 40 {
			both, onlyA, onlyB := sets(rng, 3000, d-d/2, d/2)
			var x, y Estimator
			for _, id := range append(slices.Clone(both), onlyA...) {
				x.Add(id)
			}
			for _, id := range append(slices.Clone(both), onlyB...) {
				y.Add(id)
			}
			got := x.Difference(&y)
			if math.Abs(got-float64(d)) > 5.5*float64(d)*math.Sqrt(2.0/Counters) {
				t.Errorf("estimated %.0f of %d", got, d)
			}
			rounds++
			if _, _, ok := decode(encode(0, Need(got), onlyA), onlyB); !ok {
				short++
			}
		}
	}
	t.Logf("%d of %d times the symbols sent did not suffice", short, rounds)
	if short > rounds/40 {
		t.Errorf("%d of %d times the symbols sent did not suffice", short, rounds)
	}
}

// TestHostile: S4.
func TestHostile(t *testing.T) {
	rng := random(t)
	for range 200 {
		symbols := make([]Symbol, rng.IntN(300))
		for i := range symbols {
			id := rng.Uint64N(4)
			symbols[i] = Symbol{Sum: id, Check: check(id), Count: int64(rng.IntN(3)) - 1}
		}
		d := NewDecoder(symbols)
		d.Decode()
		if len(d.theirs)+len(d.ours) > len(symbols) {
			t.Fatalf("%d symbols told %d ids", len(symbols), len(d.theirs)+len(d.ours))
		}
	}
}

// FuzzSymbols: whatever the bytes, no panic; what is read is written again.
func FuzzSymbols(f *testing.F) {
	f.Add(AppendSymbols(nil, encode(0, 20, []uint64{1, 2, 3}), 0, 3), 0, uint64(3))
	f.Add([]byte("short"), 5, uint64(1<<40))
	f.Fuzz(func(t *testing.T, b []byte, from int, n uint64) {
		from = min(max(from, 0), MaxSymbols)
		symbols, err := ReadSymbols(b, from, n)
		if err != nil {
			return
		}
		again, err := ReadSymbols(AppendSymbols(nil, symbols, from, n), from, n)
		if err != nil || !slices.Equal(symbols, again) {
			t.Fatalf("%v: %d symbols became %d", err, len(symbols), len(again))
		}
		NewDecoder(symbols).Decode()
	})
}

// FuzzEstimator: as FuzzSymbols.
func FuzzEstimator(f *testing.F) {
	var e Estimator
	e.Add(7)
	f.Add(e.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, _, err := ReadEstimator(b)
		if err != nil {
			return
		}
		if again, rest, err := ReadEstimator(e.Append(nil)); err != nil || again != e || len(rest) != 0 {
			t.Fatalf("%v: another estimator", err)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	e := NewEncoder(0, 100_000)
	for b.Loop() {
		e.Add(rng.Uint64())
	}
}

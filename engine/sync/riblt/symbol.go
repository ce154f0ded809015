package riblt

import "math"

// Symbol is a sum over the ids that are added to it.
type Symbol struct {
	Sum   uint64 // of ids, by XOR
	Check uint32 // of their checks, by XOR
	Count int64  // of ids; of a difference: those added less those taken away
}

func (s *Symbol) add(id uint64, check uint32, n int64) {
	s.Sum ^= id
	s.Check ^= check
	s.Count += n
}

func (s *Symbol) empty() bool { return *s == Symbol{} }

// alone tells whether one id is left.
func (s *Symbol) alone() bool {
	return (s.Count == 1 || s.Count == -1) && s.Check == check(s.Sum)
}

// Encoder computes a run of a set's coded symbols. It takes 24 bytes a symbol.
type Encoder struct {
	from    uint64
	symbols []Symbol
	n       uint64
}

// NewEncoder computes the symbols from … to-1, at most up to MaxSymbols.
func NewEncoder(from, to int) *Encoder {
	to = min(max(to, 0), MaxSymbols)
	from = min(max(from, 0), to)
	return &Encoder{from: uint64(from), symbols: make([]Symbol, to-from)}
}

// Add adds an id to the set. The ids of a set differ.
func (e *Encoder) Add(id uint64) {
	e.n++
	spread(e.symbols, e.from, id, 1)
}

// Len is how many ids were added.
func (e *Encoder) Len() uint64 { return e.n }

// Symbols returns the symbols, which stay the encoder's.
func (e *Encoder) Symbols() []Symbol { return e.symbols }

// spread adds an id n times to its symbols among those that begin at from.
func spread(symbols []Symbol, from, id uint64, n int64) {
	c, end := check(id), from+uint64(len(symbols))
	m := newMapping(id)
	for i := m.index; i < end; i = m.next() {
		if i >= from {
			symbols[i-from].add(id, c, n)
		}
	}
}

// Need is how many symbols to send when the difference was estimated as d: as
// many as decode it with few exceptions, the estimate's error included.
func Need(d float64) int {
	d = min(max(d, 0), MaxSymbols/4)
	return int(math.Ceil(2*d+6*math.Sqrt(d))) + 4
}

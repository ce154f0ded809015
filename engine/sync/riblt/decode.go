package riblt

// Decoder takes the symbols of another set apart. It belongs to one goroutine.
type Decoder struct {
	symbols []Symbol
	theirs  []uint64
	ours    []uint64
}

// NewDecoder begins with the first coded symbols of the other set, which it
// changes.
func NewDecoder(symbols []Symbol) *Decoder { return &Decoder{symbols: symbols} }

// Remove takes an id of our own set out of the symbols. The ids of a set differ.
func (d *Decoder) Remove(id uint64) { spread(d.symbols, 0, id, -1) }

// Decode finds the ids that only one set has, after all of our own were removed.
// ok is false when the symbols are too few. It is called once.
func (d *Decoder) Decode() (theirs, ours []uint64, ok bool) {
	var alone []int
	for i := range d.symbols {
		if d.symbols[i].alone() {
			alone = append(alone, i)
		}
	}
	for len(alone) > 0 {
		i := alone[len(alone)-1]
		alone = alone[:len(alone)-1]
		s := d.symbols[i]
		if !s.alone() {
			continue
		}
		// A set of m symbols tells at most m ids: more were made up.
		if len(d.theirs)+len(d.ours) >= len(d.symbols) {
			return nil, nil, false
		}
		if s.Count > 0 {
			d.theirs = append(d.theirs, s.Sum)
		} else {
			d.ours = append(d.ours, s.Sum)
		}
		alone = d.peel(s, alone)
	}
	for i := range d.symbols {
		if !d.symbols[i].empty() {
			return nil, nil, false
		}
	}
	return d.theirs, d.ours, len(d.symbols) > 0
}

// peel takes the id that is alone in s out of all its symbols, and adds those
// in which another is alone now.
func (d *Decoder) peel(s Symbol, alone []int) []int {
	m := newMapping(s.Sum)
	for i := m.index; i < uint64(len(d.symbols)); i = m.next() {
		t := &d.symbols[i]
		t.add(s.Sum, s.Check, -s.Count)
		if t.alone() {
			alone = append(alone, int(i))
		}
	}
	return alone
}

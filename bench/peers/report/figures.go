package report

import "slices"

// spread is the median of a figure over the repetitions, and its ends.
type spread struct{ mid, low, high float64 }

// figures are the spreads by row and peer. Rows that a peer has no figure in
// are missing.
type figures map[string]map[string]spread

// figures gathers what is right of the cells with n entries.
func (r *Run) figures(n int) figures {
	bad := map[string]bool{}
	for _, w := range r.wrongs() {
		bad[w.cell.name()] = true
	}
	all := map[string]map[string][]float64{}
	for _, c := range r.Cells {
		if c.N != n || bad[c.name()] {
			continue
		}
		for row, v := range c.Figures {
			if all[row] == nil {
				all[row] = map[string][]float64{}
			}
			all[row][c.Peer] = append(all[row][c.Peer], v)
		}
	}
	f := figures{}
	for row, peers := range all {
		f[row] = map[string]spread{}
		for name, values := range peers {
			f[row][name] = spreadOf(values)
		}
	}
	return f
}

func spreadOf(values []float64) spread {
	slices.Sort(values)
	n := len(values)
	return spread{mid: (values[(n-1)/2] + values[n/2]) / 2, low: values[0], high: values[n-1]}
}

// ratio is how much better a peer is in a row than the base, 2 for twice as
// good; ok is false when one of them has no figure.
func (f figures) ratio(r row, name, base string) (ratio float64, ok bool) {
	v, ok := f[r.id][name]
	b, okBase := f[r.baseRow()][base]
	if !ok || !okBase || v.mid == 0 || b.mid == 0 {
		return 0, false
	}
	return r.better(v.mid, b.mid), true
}

// direct is how much better one peer is than another; ok is false when one of
// them has no figure.
func (f figures) direct(w row, us, them string) (ratio float64, ok bool) {
	a, ok := f[w.id][us]
	b, okThem := f[w.id][them]
	if !ok || !okThem || a.mid == 0 || b.mid == 0 {
		return 0, false
	}
	return w.better(a.mid, b.mid), true
}

package report

import (
	"fmt"
	"strings"
)

// table is a Markdown table: a heading and lines of cells.
type table struct {
	head  []string
	lines [][]string
}

const nothing = "–"

func (t *table) String() string {
	var b strings.Builder
	line := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	line(t.head)
	rule := make([]string, len(t.head))
	for i := range rule {
		rule[i] = "--:"
	}
	rule[0] = "---"
	line(rule)
	for _, l := range t.lines {
		line(l)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// base is the peer that the others are set in relation to.
func (r *Run) base() string { return r.Peers[0].Name }

// ratioTable has every row by ratio to the base, and earlier runs' beside it.
func (r *Run) ratioTable(f figures) *table {
	t := &table{head: []string{"× raw Pebble"}}
	for _, p := range r.Peers[1:] {
		t.head = append(t.head, p.Name)
	}
	t.head = append(t.head, "Dolt, own store †", "Dolt, in memory †")
	for _, w := range rows {
		if f[w.id] == nil {
			continue
		}
		line := []string{w.name}
		for _, p := range r.Peers[1:] {
			x, ok := f.ratio(w, p.Name, r.base())
			line = append(line, orNothing(x, ok))
		}
		for _, then := range []float64{w.then.doltOwn, w.then.doltMemory} {
			x := w.of(then)
			line = append(line, orNothing(x, x > 0))
		}
		t.lines = append(t.lines, line)
	}
	return t
}

func orNothing(v float64, ok bool) string {
	if !ok {
		return nothing
	}
	return number(v)
}

// ours is the peer of ours that stands for it in a row: the first with a ratio.
func (r *Run) ours(f figures, w row) (name string, ratio float64, ok bool) {
	for _, p := range r.Peers {
		if !p.Ours {
			continue
		}
		if ratio, ok := f.ratio(w, p.Name, r.base()); ok {
			return p.Name, ratio, true
		}
	}
	return "", 0, false
}

// bestDolt is the better of Dolt's earlier ratios; 0: none.
func (w row) bestDolt() float64 { return max(w.of(w.then.doltOwn), w.of(w.then.doltMemory)) }

// verdictTable sets our ratios beside Dolt's and the ones to be reached.
func (r *Run) verdictTable(f figures) *table {
	t := &table{head: []string{"× raw Pebble", "of", "ours", "Dolt, its better †", "not slower", "to reach †", "reached"}}
	for _, w := range rows {
		name, x, ok := r.ours(f, w)
		if !ok || w.then.raw == 0 {
			continue
		}
		dolt, reach := w.bestDolt(), w.of(w.then.reach)
		t.lines = append(t.lines, []string{
			w.name, name, number(x),
			orNothing(dolt, dolt > 0), verdict(x, dolt), orNothing(reach, reach > 0), verdict(x, reach),
		})
	}
	return t
}

// verdict says whether a ratio is at least another, and how far off it is when
// not.
func verdict(x, want float64) string {
	switch {
	case want == 0:
		return nothing
	case x >= want:
		return "yes"
	}
	return fmt.Sprintf("**no**, %s of it", number(x/want))
}

// countTable has what hardly depends on the machine.
func (r *Run) countTable(f figures) *table {
	t := &table{head: []string{""}}
	for _, p := range r.Peers {
		t.head = append(t.head, p.Name)
	}
	t.head = append(t.head, "Dolt †", "to reach †")
	for _, w := range counts {
		if f[w.id] == nil {
			continue
		}
		line := []string{w.label()}
		for _, p := range r.Peers {
			v, ok := f[w.id][p.Name]
			line = append(line, orNothing(v.mid*w.scale, ok))
		}
		line = append(line, orNothing(w.then.doltOwn, w.then.doltOwn > 0), orNothing(w.then.reach, w.then.reach > 0))
		t.lines = append(t.lines, line)
	}
	return t
}

func (w row) label() string {
	if w.unit == "" {
		return w.name
	}
	return w.name + ", " + w.unit
}

// figureTable has medians and, in brackets, the lowest and highest.
func (r *Run) figureTable(f figures, rows []row) *table {
	t := &table{head: []string{""}}
	for _, p := range r.Peers {
		t.head = append(t.head, p.Name)
	}
	for _, w := range rows {
		if f[w.id] == nil {
			continue
		}
		line := []string{w.label()}
		for _, p := range r.Peers {
			v, ok := f[w.id][p.Name]
			if !ok {
				line = append(line, nothing)
				continue
			}
			line = append(line, w.withSpread(v))
		}
		t.lines = append(t.lines, line)
	}
	return t
}

func (w row) withSpread(v spread) string {
	if v.low == v.high {
		return w.format(v.mid)
	}
	return fmt.Sprintf("%s (%s–%s)", w.format(v.mid), w.format(v.low), w.format(v.high))
}

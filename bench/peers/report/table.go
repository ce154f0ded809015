package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/cell"
)

// table is a Markdown table: a heading and lines of cells.
type table struct {
	head  []string
	lines [][]string
}

const nothing = "–"

// String is empty for a table without lines.
func (t *table) String() string {
	if len(t.lines) == 0 {
		return ""
	}
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

func orNothing(v float64, ok bool) string {
	if !ok {
		return nothing
	}
	return number(v)
}

// base is the peer that the others are set in relation to.
func (r *Run) base() string { return r.Peers[0].Name }

// ratioTable has every row by ratio to the base.
func (r *Run) ratioTable(f figures) *table {
	t := &table{head: []string{"× " + r.base()}}
	for _, p := range r.Peers[1:] {
		t.head = append(t.head, p.Name)
	}
	for _, w := range rows {
		line, any := []string{w.name}, false
		for _, p := range r.Peers[1:] {
			x, ok := f.ratio(w, p.Name, r.base())
			line, any = append(line, orNothing(x, ok)), any || ok
		}
		if any {
			t.lines = append(t.lines, line)
		}
	}
	return t
}

// ours is the peer of ours that stands for it in a row: the first with a figure.
func (r *Run) ours(f figures, w row) (name string, figure float64, ok bool) {
	for _, p := range r.Peers {
		if v, ok := f[w.id][p.Name]; ok && p.Ours {
			return p.Name, v.mid, true
		}
	}
	return "", 0, false
}

// reachTable sets our figures beside the ones to be reached.
func (r *Run) reachTable(f figures) *table {
	t := &table{head: []string{"", "of", "ours", "to reach", "by", "reached"}}
	for _, w := range append(append([]row{}, rows...), counts...) {
		name, x, ok := r.ours(f, w)
		if !ok || w.reach.figure == 0 {
			continue
		}
		want, ok := w.target(f)
		line := []string{w.label(), name, w.format(x), orNothing(want*w.scale, ok), w.measuredBy(), nothing}
		if ok {
			line[len(line)-1] = verdict(w.better(x, want))
		}
		t.lines = append(t.lines, line)
	}
	return t
}

// measuredBy says what a figure to be reached is made of.
func (r row) measuredBy() string {
	if r.reach.peer == "" {
		return "itself"
	}
	by := fmt.Sprintf("%s × %s", number(r.reach.figure/r.reach.was), r.reach.peer)
	if r.reach.row != "" {
		by += " in " + r.reach.row
	}
	return by
}

// verdict says whether it is reached, and how far off it is when not.
func verdict(x float64) string {
	if x >= 1 {
		return "yes, " + number(x) + " × as good"
	}
	return "**no**, " + number(x) + " of it"
}

// datastoreTable sets prollyds beside the other datastores.
func (r *Run) datastoreTable(f figures) *table {
	t := &table{head: []string{"prollyds is so much faster than"}}
	var others []string
	for _, p := range r.Peers {
		if _, ok := f["ds.small.get"][p.Name]; ok && !p.Ours {
			others = append(others, p.Name)
		}
	}
	t.head = append(append(t.head, others...), "to reach", "reached")
	for _, w := range datastores {
		line, any := []string{w.name}, false
		for _, other := range others {
			x, ok := f.direct(w, "prollyds", other)
			line, any = append(line, orNothing(x, ok)), any || ok
		}
		if !any {
			continue
		}
		x, ok := f.direct(w, "prollyds", goDsPebble)
		line = append(line, number(1/w.reach.figure), nothing)
		if ok {
			line[len(line)-1] = verdict(x * w.reach.figure)
		}
		t.lines = append(t.lines, line)
	}
	return t
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

// coreTable has what the second core gives.
func (r *Run) coreTable(f figures) *table {
	t := &table{head: []string{""}}
	for _, n := range cell.Cores {
		t.head = append(t.head, fmt.Sprintf("GOMAXPROCS %d", n))
	}
	t.head = append(t.head, "speedup")
	for _, w := range cores {
		for _, p := range r.Peers {
			line := []string{w.label() + ": " + p.Name}
			var first, last float64
			for _, n := range cell.Cores {
				v, ok := f[w.on(n)][p.Name]
				line = append(line, orNothing(v.mid*w.scale, ok))
				if first == 0 {
					first = v.mid
				}
				last = v.mid
			}
			if first > 0 && last > 0 {
				t.lines = append(t.lines, append(line, number(w.better(last, first))))
			}
		}
	}
	return t
}

// on is the id of a row's figure with a number of cores.
func (w row) on(cores int) string { return fmt.Sprintf("%s.%d", w.id, cores) }

// scaleTable has figures by size.
func (r *Run) scaleTable() *table {
	t := &table{head: []string{""}}
	for _, n := range r.Sizes {
		t.head = append(t.head, thousands(fmt.Sprint(n)))
	}
	for _, w := range scales {
		for _, p := range r.Peers {
			line, any := []string{w.label() + ": " + p.Name}, false
			for _, n := range r.Sizes {
				v, ok := r.figures(n)[w.id][p.Name]
				line, any = append(line, orNothing(v.mid*w.scale, ok)), any || ok
			}
			if any {
				t.lines = append(t.lines, line)
			}
		}
	}
	return t
}

// RunBytes are what of ours takes nodes until they are written: two runs of
// 64 MiB.
const RunBytes = 2 * 64 << 20

// besideCache is what a process of ours may hold beside its cache: three
// memtables of 64 MiB, those runs, and what is due to neither.
const besideCache = 3*64<<20 + RunBytes + 64<<20

// scaleReach says whether memory stays within what it may be at the largest size.
func (r *Run) scaleReach() *table {
	t := &table{head: []string{"", "entries", "MiB", "to reach", "reached"}}
	if len(r.Sizes) == 0 {
		return t
	}
	n := slices.Max(r.Sizes)
	f, most := r.figures(n), float64(r.CacheBytes+besideCache)
	for _, w := range scales {
		for _, p := range r.Peers {
			v, ok := f[w.id][p.Name]
			if !ok || !p.Ours || !strings.HasPrefix(w.id, "peak.") {
				continue
			}
			t.lines = append(t.lines, []string{w.name + ": " + p.Name, thousands(fmt.Sprint(n)), w.format(v.mid), w.format(most), verdict(most / v.mid)})
		}
	}
	return t
}

package report

import (
	"fmt"
	"slices"

	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/cell"
	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/plot"
)

// Plots draws the pictures, by file name: those that there are figures for.
func Plots(r *Run) map[string][]byte {
	f := r.figures(r.N)
	pictures := map[string][]byte{}
	if p := r.ratioPlot(f); len(p.Rows) > 0 {
		pictures["ratios.svg"] = p.SVG()
	}
	if p := r.scalePlot(); len(p.Places) > 1 {
		pictures["scaling.svg"] = p.SVG()
	}
	if p := r.corePlot(f); len(p.Groups) > 0 {
		pictures["cores.svg"] = p.SVG()
	}
	return pictures
}

func (r *Run) series() (all []plot.Series) {
	for _, p := range r.Peers {
		all = append(all, plot.Series{Name: p.Name, Strong: p.Ours})
	}
	return all
}

func (r *Run) ratioPlot(f figures) *plot.Dots {
	d := &plot.Dots{Title: fmt.Sprintf("× raw Pebble, right is better; red: to be reached (%s entries)", thousands(fmt.Sprint(r.N))), Series: r.series()}
	for _, w := range rows {
		base, ok := f[w.baseRow()][r.base()]
		if !ok || base.mid == 0 {
			continue
		}
		numbers := make([]float64, len(r.Peers))
		for i, p := range r.Peers {
			if numbers[i], ok = f.ratio(w, p.Name, r.base()); !ok {
				numbers[i] = plot.None()
			}
		}
		mark := plot.None()
		if want, ok := w.target(f); ok {
			mark = w.better(want, base.mid)
		}
		d.Rows, d.Numbers, d.Marks = append(d.Rows, w.name), append(d.Numbers, numbers), append(d.Marks, mark)
	}
	return d
}

func (r *Run) scalePlot() *plot.Panels {
	p := &plot.Panels{Title: "cost by number of entries"}
	at := make([]figures, len(r.Sizes))
	for i, n := range r.Sizes {
		p.Places = append(p.Places, float64(n))
		at[i] = r.figures(n)
	}
	peers := slices.DeleteFunc(slices.Clone(r.Peers), func(x Peer) bool {
		return !slices.ContainsFunc(at, func(f figures) bool { _, ok := f["scale.get"][x.Name]; return ok })
	})
	for _, x := range peers {
		p.Series = append(p.Series, plot.Series{Name: x.Name, Strong: x.Ours})
	}
	for _, w := range scales {
		lines := make([][]float64, len(peers))
		for i, x := range peers {
			for _, f := range at {
				v, ok := f[w.id][x.Name]
				if !ok {
					v.mid = plot.None()
				}
				lines[i] = append(lines[i], v.mid*w.scale)
			}
		}
		p.Names, p.Numbers = append(p.Names, w.label()), append(p.Numbers, lines)
	}
	return p
}

// corePlot shows how many times as fast the second core makes it.
func (r *Run) corePlot(f figures) *plot.Bars {
	b := &plot.Bars{Title: "one core is 1; two cores are so many times as fast"}
	for _, n := range cell.Cores {
		b.Series = append(b.Series, plot.Series{Name: fmt.Sprintf("GOMAXPROCS %d", n)})
	}
	for _, w := range cores {
		for _, p := range r.Peers {
			one, ok := f[w.on(cell.Cores[0])][p.Name]
			if !ok {
				continue
			}
			var numbers []float64
			for _, n := range cell.Cores {
				v, ok := f[w.on(n)][p.Name]
				if !ok {
					v.mid = plot.None()
				}
				numbers = append(numbers, w.better(v.mid, one.mid))
			}
			b.Groups, b.Numbers = append(b.Groups, w.name+": "+p.Name), append(b.Numbers, numbers)
		}
	}
	return b
}

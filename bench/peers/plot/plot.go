package plot

import (
	"fmt"
	"math"
)

// Series is one thing that is compared. Strong ones are drawn larger.
type Series struct {
	Name   string
	Strong bool
}

// Dots is a row for each name, with a dot for each series that has a number
// there; NaN for none.
type Dots struct {
	Title   string
	Series  []Series
	Rows    []string
	Numbers [][]float64 // by row and series
	Marks   []float64   // what is to be reached, by row; NaN for none
}

// SVG draws the dots on one logarithmic scale, and a line at 1.
func (d *Dots) SVG() []byte {
	const width, left, rowHeight = 980, 300, 20
	c := newCanvas(width, 90+rowHeight*float64(len(d.Rows))+16*float64(len(d.Series))/4)
	c.text(10, 18, "start", d.Title)
	top := c.legend(10, 38, d.Series) + 8
	bottom := top + rowHeight*float64(len(d.Rows))
	var all []float64
	for _, row := range d.Numbers {
		all = append(all, row...)
	}
	s := newScale(append(append(all, d.Marks...), 1), left, width-20)
	for _, v := range s.ticks() {
		c.line(s.at(v), top, s.at(v), bottom, "#ddd", 1)
		c.text(s.at(v), bottom+14, "middle", tick(v))
	}
	c.line(s.at(1), top, s.at(1), bottom, "#222", 1.5)
	for i, name := range d.Rows {
		y := top + rowHeight*(float64(i)+0.5)
		c.text(left-8, y+4, "end", name)
		c.line(left, y, width-20, y, "#eee", 1)
		if m := d.Marks[i]; drawable(m) {
			c.line(s.at(m), y-8, s.at(m), y+8, "#c00", 2.5)
		}
		for j, v := range d.Numbers[i] {
			if drawable(v) {
				c.dot(s.at(v), y, radius(d.Series[j]), color(j), fmt.Sprintf("%s: %s %.3g", name, d.Series[j].Name, v))
			}
		}
	}
	return c.bytes()
}

// Panels is a panel for each name, with a line for each series over the same
// places.
type Panels struct {
	Title   string
	Series  []Series
	Places  []float64
	Names   []string
	Numbers [][][]float64 // by panel, series and place; NaN for none
}

// SVG draws the panels, four to a line, on logarithmic scales of their own.
func (p *Panels) SVG() []byte {
	const w, h, across = 260, 200, 4
	lines := (len(p.Names) + across - 1) / across
	c := newCanvas(across*w+20, 70+float64(lines*h))
	c.text(10, 18, "start", p.Title)
	top := c.legend(10, 38, p.Series) + 4
	for i, name := range p.Names {
		x, y := float64(i%across*w)+50, top+float64(i/across*h)
		c.panel(x, y, w-70, h-56, name, p.Series, p.Places, p.Numbers[i])
	}
	return c.bytes()
}

func (c *canvas) panel(x, y, w, h float64, name string, series []Series, places []float64, numbers [][]float64) {
	c.text(x+w/2, y+10, "middle", name)
	y += 18
	var all []float64
	for _, line := range numbers {
		all = append(all, line...)
	}
	sx, sy := newScale(places, x, x+w), newScale(all, y+h, y)
	for _, v := range sy.ticks() {
		c.line(x, sy.at(v), x+w, sy.at(v), "#ddd", 1)
		c.text(x-4, sy.at(v)+4, "end", tick(v))
	}
	for _, v := range places {
		c.line(sx.at(v), y, sx.at(v), y+h, "#eee", 1)
		c.text(sx.at(v), y+h+14, "middle", tick(v))
	}
	for j, line := range numbers {
		var points [][2]float64
		for i, v := range line {
			if drawable(v) {
				points = append(points, [2]float64{sx.at(places[i]), sy.at(v)})
				c.dot(sx.at(places[i]), sy.at(v), radius(series[j])-1, color(j), fmt.Sprintf("%s, %s: %.3g", series[j].Name, tick(places[i]), v))
			}
		}
		if len(points) > 1 {
			c.path(points, color(j), radius(series[j])/2)
		}
	}
}

// Bars is a group of bars for each name, one for each series.
type Bars struct {
	Title   string
	Series  []Series
	Groups  []string
	Numbers [][]float64 // by group and series; NaN for none
}

// SVG draws the bars from zero, all groups on one scale.
func (b *Bars) SVG() []byte {
	const width, left, barHeight, gap = 760, 330, 14, 8
	group := float64(barHeight*len(b.Series) + gap)
	c := newCanvas(width, 70+group*float64(len(b.Groups)))
	c.text(10, 18, "start", b.Title)
	top := c.legend(10, 38, b.Series) + 4
	most := 0.0
	for _, g := range b.Numbers {
		for _, v := range g {
			if drawable(v) {
				most = max(most, v)
			}
		}
	}
	for i, name := range b.Groups {
		y := top + group*float64(i)
		c.text(left-8, y+group/2, "end", name)
		for j, v := range b.Numbers[i] {
			if !drawable(v) {
				continue
			}
			w := v / most * (width - left - 60)
			c.bar(left, y+float64(j*barHeight), w, barHeight-2, color(j), b.Series[j].Name)
			c.text(left+w+4, y+float64(j*barHeight)+barHeight-4, "start", fmt.Sprintf("%.3g", v))
		}
	}
	return c.bytes()
}

// None is the number that is not there.
func None() float64 { return math.NaN() }

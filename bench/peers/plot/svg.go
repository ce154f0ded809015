package plot

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"strings"
)

// colors of the series, in their order. Strong is told by size, not by color.
var colors = []string{
	"#4c566a", "#5e81ac", "#88c0d0", "#a3be8c", "#d08770", "#b48ead", "#ebcb8b", "#8fbcbb", "#bf616a", "#2e7d32", "#7b1fa2", "#00838f",
}

func color(i int) string { return colors[i%len(colors)] }

// canvas is an SVG in the making.
type canvas struct {
	b    bytes.Buffer
	w, h float64
}

func newCanvas(w, h float64) *canvas {
	c := &canvas{w: w, h: h}
	fmt.Fprintf(&c.b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" font-family="sans-serif" font-size="11">`+"\n", w, h)
	fmt.Fprintf(&c.b, `<rect width="%.0f" height="%.0f" fill="white"/>`+"\n", w, h)
	return c
}

func (c *canvas) line(x1, y1, x2, y2 float64, stroke string, width float64) {
	fmt.Fprintf(&c.b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="%.1f"/>`+"\n", x1, y1, x2, y2, stroke, width)
}

func (c *canvas) dot(x, y, r float64, fill, title string) {
	fmt.Fprintf(&c.b, `<circle cx="%.1f" cy="%.1f" r="%.1f" fill="%s" fill-opacity="0.85"><title>%s</title></circle>`+"\n", x, y, r, fill, html.EscapeString(title))
}

func (c *canvas) bar(x, y, w, h float64, fill, title string) {
	fmt.Fprintf(&c.b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"><title>%s</title></rect>`+"\n", x, y, w, h, fill, html.EscapeString(title))
}

// path joins points by straight lines.
func (c *canvas) path(points [][2]float64, stroke string, width float64) {
	var d strings.Builder
	for i, p := range points {
		fmt.Fprintf(&d, "%c%.1f %.1f", "ML"[min(i, 1)], p[0], p[1])
	}
	fmt.Fprintf(&c.b, `<path d="%s" fill="none" stroke="%s" stroke-width="%.1f"/>`+"\n", d.String(), stroke, width)
}

// text writes; anchor is start, middle or end.
func (c *canvas) text(x, y float64, anchor, s string) {
	fmt.Fprintf(&c.b, `<text x="%.1f" y="%.1f" text-anchor="%s" fill="#222">%s</text>`+"\n", x, y, anchor, html.EscapeString(s))
}

func (c *canvas) bytes() []byte {
	c.b.WriteString("</svg>\n")
	return c.b.Bytes()
}

// legend lists the series in lines of the canvas's width, and returns where it
// ends.
func (c *canvas) legend(x, y float64, series []Series) float64 {
	at := x
	for i, s := range series {
		w := 22 + 6.3*float64(len(s.Name))
		if at+w > c.w-10 && at > x {
			at, y = x, y+16
		}
		c.dot(at+5, y-4, radius(s), color(i), s.Name)
		c.text(at+13, y, "start", s.Name)
		at += w
	}
	return y + 10
}

func radius(s Series) float64 {
	if s.Strong {
		return 5
	}
	return 3.2
}

// scale maps the logarithm of numbers to a stretch of the canvas.
type scale struct{ low, high, from, to float64 }

// newScale spans the numbers, out to whole powers of ten.
func newScale(numbers []float64, from, to float64) scale {
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range numbers {
		if drawable(v) {
			low, high = min(low, math.Floor(math.Log10(v))), max(high, math.Ceil(math.Log10(v)))
		}
	}
	if low > high {
		low, high = 0, 1
	}
	if low == high {
		high++
	}
	return scale{low, high, from, to}
}

// drawable tells whether a number has a logarithm.
func drawable(v float64) bool { return v > 0 && !math.IsInf(v, 0) }

func (s scale) at(v float64) float64 {
	return s.from + (math.Log10(v)-s.low)/(s.high-s.low)*(s.to-s.from)
}

// ticks are the powers of ten, no more than ten of them.
func (s scale) ticks() (v []float64) {
	step := math.Ceil((s.high - s.low) / 10)
	for e := s.low; e <= s.high; e += step {
		v = append(v, math.Pow(10, e))
	}
	return v
}

// tick names a power of ten.
func tick(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%gM", v/1e6)
	case v >= 1e3:
		return fmt.Sprintf("%gk", v/1e3)
	}
	return fmt.Sprintf("%g", v)
}

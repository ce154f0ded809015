package target

import (
	"fmt"
	"io"
	"math"
)

// Row is a figure and what it is to reach. A figure that is no number reaches
// nothing.
type Row struct {
	What       string
	Got, Reach float64
	Unit       string
	Note       string
	least      bool
}

// AtMost is a row whose figure must not be above.
func AtMost(what string, got, reach float64, unit, note string) Row {
	return Row{what, got, reach, unit, note, false}
}

// AtLeast is a row whose figure must not be below.
func AtLeast(what string, got, reach float64, unit, note string) Row {
	return Row{what, got, reach, unit, note, true}
}

// Reached tells whether the figure is on the right side.
func (r Row) Reached() bool {
	if r.least {
		return r.Got >= r.Reach
	}
	return r.Got <= r.Reach
}

func (r Row) sign() string {
	if r.least {
		return "≥"
	}
	return "≤"
}

// Figure writes a number as short as it may be told.
func Figure(v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case v == float64(int64(v)) || v >= 1000:
		return fmt.Sprintf("%.0f", v)
	case v >= 100:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

// Print writes the table and tells whether all is reached.
func Print(w io.Writer, rows []Row) (all bool, err error) {
	all = true
	_, err = fmt.Fprint(w, "| | figure | to reach | reached | |\n| --- | --: | --: | --- | --- |\n")
	for _, r := range rows {
		yes := "yes"
		if !r.Reached() {
			yes, all = "**no**", false
		}
		if err == nil {
			_, err = fmt.Fprintf(w, "| %s | %s %s | %s %s %s | %s | %s |\n",
				r.What, Figure(r.Got), r.Unit, r.sign(), Figure(r.Reach), r.Unit, yes, r.Note)
		}
	}
	return all, err
}

package main

import (
	"fmt"
	"io"
)

// row is a figure and what it must not pass.
type row struct {
	what  string
	got   float64
	reach float64
	unit  string
	note  string
}

func (r row) reached() bool { return r.got <= r.reach }

// figure writes a number as short as it may be told.
func figure(v float64) string {
	switch {
	case v == float64(int64(v)) || v >= 1000:
		return fmt.Sprintf("%.0f", v)
	case v >= 100:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

// print writes the table and tells whether all is reached.
func print(w io.Writer, rows []row) (all bool, err error) {
	all = true
	_, err = fmt.Fprint(w, "| | figure | to reach | reached | |\n| --- | --: | --: | --- | --- |\n")
	for _, r := range rows {
		yes := "yes"
		if !r.reached() {
			yes, all = "**no**", false
		}
		if err == nil {
			_, err = fmt.Fprintf(w, "| %s | %s %s | ≤ %s %s | %s | %s |\n",
				r.what, figure(r.got), r.unit, figure(r.reach), r.unit, yes, r.note)
		}
	}
	return all, err
}

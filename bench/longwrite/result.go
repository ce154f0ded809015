package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/bench/stall"
	"github.com/go-ds-prolly/go-ds-prolly/bench/target"
	"github.com/go-ds-prolly/go-ds-prolly/kv/pebblekv"
)

// result is what a run came to.
type result struct {
	options
	before, after pebblekv.Metrics
	nodes         uint64 // bytes of nodes made
	editBytes     uint64 // of keys and values in the writes
	writes        stall.Writes
	took          time.Duration
	events        []pebblekv.Event
}

// amplification is W1.
func (r *result) amplification() float64 {
	all := written(r.after) - written(r.before)
	return float64(all-min(all, r.editBytes)) / float64(r.nodes)
}

const mib = 1 << 20

// print tells what it came to, and whether all is reached.
func (r *result) print(w io.Writer) (all bool, err error) {
	b, a := r.before, r.after
	var text strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&text, format+"\n", args...) }
	say("%d entries; %d writes of %d updates and a root, %d at once; nodes %s", r.entries, len(r.writes), r.edits, r.writers, r.way())
	say("nodes made           %8.0f MiB in %v, %.0f MiB/s", float64(r.nodes)/mib, r.took.Round(time.Second), float64(r.nodes)/mib/r.took.Seconds())
	say("written to files     %8.0f MiB: log %.0f, flushed and compacted %.0f, taken in as built %.0f",
		float64(written(a)-written(b))/mib, float64(a.LogBytes-b.LogBytes)/mib,
		float64(a.TableBytes-b.TableBytes)/mib, float64(a.IngestedBytes-b.IngestedBytes)/mib)
	say("write amplification  %8.2f, without the %.0f MiB of keys and values in the log", r.amplification(), float64(r.editBytes)/mib)
	say("compactions          %8d", a.Compactions-b.Compactions)
	say("a write              %s", r.writes.Times())
	say("                     %s", r.writes.Histogram())
	if err := r.writes.Tell(&text, r.stall, r.events); err != nil {
		return false, err
	}
	say("")
	if _, err := io.WriteString(w, text.String()); err != nil {
		return false, err
	}
	return target.Print(w, r.rows())
}

// rows are what is to be reached.
func (r *result) rows() []target.Row {
	most := 1.1
	if r.log {
		most = 2.1
	}
	return []target.Row{
		target.AtMost("write amplification, nodes "+r.way(), r.amplification(), most, "", fmt.Sprintf("over %.2g GiB of nodes", float64(r.nodes)/(1<<30))),
		target.AtMost("a write, p99.9", float64(r.writes.Quantile(0.999).Microseconds())/1e3, 100, "ms",
			fmt.Sprintf("%d updates and a root, %d at once", r.edits, r.writers)),
	}
}

func (r *result) way() string {
	if r.log {
		return "through the log"
	}
	return "behind, in runs"
}

package report

import (
	"fmt"
	"strings"
)

// row is a line of a table. Its id is that of the figures in it, which are in
// seconds, bytes or plain numbers.
type row struct {
	id, name, unit string
	scale          float64 // what a figure is multiplied with to be in the unit
	more           bool    // more is better
	base           string  // the row of raw Pebble's figure, when it is another
	brief          bool    // told while running
	then           earlier // figures of another run
}

// earlier are figures of one interleaved run of other stores on another machine
// of this class, in the row's unit; 0: none. Only their ratios to that run's raw
// Pebble mean anything here, but for counts.
type earlier struct {
	raw, doltOwn, doltMemory float64
	reach                    float64 // to be reached, by that run's measure
}

// earlierN is how many entries that run had.
const earlierN = 1_000_000

const (
	perSecond = 1e-3 // thousands
	millions  = 1e-6
	micro     = 1e6
	milli     = 1e3
)

// rows are timed, one a line of the table of ratios.
var rows = []row{
	{id: "sorted", name: "sorted load", unit: "k entries/s", scale: perSecond, more: true, brief: true,
		then: earlier{1455, 569, 852, 2200}},
	{id: "batched", name: "unsorted load, a root for each 10,000", unit: "k entries/s", scale: perSecond, more: true, brief: true,
		then: earlier{487, 28, 46, 150}},
	{id: "staged", name: "unsorted load, staged, one root at the end", unit: "k entries/s", scale: perSecond, more: true, brief: true,
		then: earlier{487, 0, 0, 400}},
	{id: "get", name: "get, warm", unit: "µs", scale: micro, brief: true,
		then: earlier{3.2, 3.4, 4.5, 1.2}},
	{id: "get.cold", name: "get, cold", unit: "µs", scale: micro, brief: true,
		then: earlier{97, 118, 0, 97}},
	{id: "scan", name: "ordered scan, warm", unit: "M entries/s", scale: millions, more: true, brief: true,
		then: earlier{11.0, 9.6, 11.2, 25}},
	{id: "query", name: "query of everything, go-datastore", unit: "M entries/s", scale: millions, more: true, brief: true, base: "scan",
		then: earlier{11.0, 0, 0, 4}},
	{id: "put", name: "one staged put", unit: "µs", scale: micro, brief: true,
		then: earlier{1.0, 0, 0, 1.7}},
	{id: "putroot", name: "one put and a root, p50", unit: "µs", scale: micro, brief: true,
		then: earlier{1.0, 0, 112, 30}},
	{id: "putroot.sync", name: "one put, a root and an fsync, p50", unit: "µs", scale: micro, brief: true},
	{id: "update", name: "1,000 updates and a root, p50", unit: "ms", scale: milli, brief: true,
		then: earlier{0.6, 49, 41, 8}},
	{id: "update.p99", name: "1,000 updates and a root, p99", unit: "ms", scale: milli},
	{id: "diff.1", name: "diff, 1 changed", unit: "µs", scale: micro, brief: true,
		then: earlier{149570, 17.9, 10.5, 4}},
	{id: "diff.100", name: "diff, 100 changed", unit: "µs", scale: micro, brief: true,
		then: earlier{151217, 1068, 1123, 320}},
	{id: "diff.10000", name: "diff, 10,000 changed", unit: "ms", scale: milli, brief: true,
		then: earlier{167, 54, 49, 15}},
	{id: "open", name: "open, and the first get", unit: "ms", scale: milli, brief: true,
		then: earlier{16, 30, 0, 25}},
}

// counts hardly depend on the machine, so that earlier ones can be set beside
// them as they are.
var counts = []row{
	{id: "sorted.disk", name: "bytes on disk an entry, sorted load", unit: "B", scale: 1, brief: true,
		then: earlier{160, 181, 0, 175}},
	{id: "batched.disk", name: "bytes on disk an entry, a root for each 10,000, all kept", unit: "B", scale: 1, brief: true,
		then: earlier{160, 3827, 0, 2850}},
	{id: "staged.disk", name: "bytes on disk an entry, staged, one root", unit: "B", scale: 1, brief: true},
	{id: "get.allocs", name: "allocations a get", scale: 1,
		then: earlier{2, 1, 1, 1}},
	{id: "sorted.nodes", name: "bytes of nodes written an entry, sorted load", unit: "B", scale: 1},
	{id: "batched.nodes", name: "bytes of nodes written an entry, a root for each 10,000", unit: "B", scale: 1},
	{id: "update.nodes", name: "bytes of nodes for 1,000 updates", unit: "KiB", scale: 1. / 1024, brief: true,
		then: earlier{0, 6930, 6930, 4900}},
	{id: "diff.1.nodes", name: "nodes visited, 1 changed", scale: 1,
		then: earlier{0, 24, 24, 0}},
	{id: "diff.100.nodes", name: "nodes visited, 100 changed", scale: 1,
		then: earlier{0, 820, 820, 0}},
	{id: "diff.10000.nodes", name: "nodes visited, 10,000 changed", scale: 1,
		then: earlier{0, 34112, 34112, 0}},
	{id: "diff.1.excess", name: "nodes visited for each that differs, 1 changed", scale: 1, then: earlier{0, 0, 0, 1.05}},
	{id: "diff.100.excess", name: "nodes visited for each that differs, 100 changed", scale: 1, then: earlier{0, 0, 0, 1.05}},
	{id: "diff.10000.excess", name: "nodes visited for each that differs, 10,000 changed", scale: 1, then: earlier{0, 0, 0, 1.05}},
}

// memory is the most that a process ever had resident.
var memory = []row{
	{id: "peak.sorted", name: "sorted load", unit: "MiB", scale: 1. / (1 << 20)},
	{id: "peak.batched", name: "unsorted load, a root for each 10,000", unit: "MiB", scale: 1. / (1 << 20)},
	{id: "peak.staged", name: "unsorted load, staged", unit: "MiB", scale: 1. / (1 << 20)},
	{id: "peak.get", name: "get, warm", unit: "MiB", scale: 1. / (1 << 20)},
	{id: "peak.scan", name: "ordered scan", unit: "MiB", scale: 1. / (1 << 20)},
	{id: "peak.update", name: "1,000 updates and a root, 100 times", unit: "MiB", scale: 1. / (1 << 20)},
	{id: "peak.open", name: "open, and the first get, 5 times", unit: "MiB", scale: 1. / (1 << 20)},
}

func (r row) baseRow() string {
	if r.base != "" {
		return r.base
	}
	return r.id
}

// better is how much better a is than b.
func (r row) better(a, b float64) float64 {
	if r.more {
		return a / b
	}
	return b / a
}

// of is the ratio of an earlier figure to its run's raw Pebble; 0: none.
func (r row) of(figure float64) float64 {
	if figure == 0 || r.then.raw == 0 {
		return 0
	}
	return r.better(figure, r.then.raw)
}

// format writes a figure in the row's unit.
func (r row) format(figure float64) string { return number(figure * r.scale) }

// number writes three digits, and more only before the point.
func number(v float64) string {
	switch {
	case v >= 1000:
		return thousands(fmt.Sprintf("%.0f", v))
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 0.1:
		return fmt.Sprintf("%.2f", v)
	case v == 0:
		return "0"
	}
	return fmt.Sprintf("%.2g", v)
}

func thousands(digits string) string {
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

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
	base           string  // the row of the base's figure, when it is another
	brief          bool    // told while running
	reach          reach
}

// reach says what is to be reached: so much, where in an earlier run another
// store had so much, in the row's unit. In this run it is as much by its figure
// here. Without a store it is an absolute number; without a number, nothing is to
// be reached.
type reach struct {
	figure float64
	peer   string
	was    float64
	row    string // of the other's figure, when it is another
}

// earlierN is how many entries that run had.
const earlierN = 1_000_000

const (
	perSecond = 1e-3 // thousands
	millions  = 1e-6
	micro     = 1e6
	milli     = 1e3
	mebi      = 1. / (1 << 20)
)

// What is reached is measured by these.
const (
	rawPebble  = "raw Pebble"
	goDsPebble = "go-ds-pebble"
	doltOwn    = "Dolt, own store"
	doltMemory = "Dolt, in memory"
)

// rows are timed, one a line of the table of ratios.
var rows = []row{
	{id: "sorted", name: "sorted load", unit: "k entries/s", scale: perSecond, more: true, brief: true,
		reach: reach{2200, rawPebble, 1455, ""}},
	{id: "batched", name: "unsorted load, a root for each 10,000", unit: "k entries/s", scale: perSecond, more: true, brief: true,
		reach: reach{150, doltMemory, 46, ""}},
	{id: "staged", name: "unsorted load, staged, one root at the end", unit: "k entries/s", scale: perSecond, more: true, brief: true,
		reach: reach{400, rawPebble, 487, ""}},
	{id: "get", name: "get, warm", unit: "µs", scale: micro, brief: true,
		reach: reach{1.2, rawPebble, 3.2, ""}},
	{id: "get.cold", name: "get, cold", unit: "µs", scale: micro, brief: true,
		reach: reach{97, rawPebble, 97, ""}},
	{id: "scan", name: "ordered scan, warm", unit: "M entries/s", scale: millions, more: true, brief: true,
		reach: reach{25, rawPebble, 11.0, ""}},
	{id: "query", name: "query of everything, go-datastore", unit: "M entries/s", scale: millions, more: true, brief: true, base: "scan",
		reach: reach{4, goDsPebble, 1.8, ""}},
	{id: "put", name: "one staged put", unit: "µs", scale: micro, brief: true,
		reach: reach{1.7, rawPebble, 1.0, ""}},
	{id: "putroot", name: "one put and a root, p50", unit: "µs", scale: micro, brief: true,
		reach: reach{30, doltMemory, 112, ""}},
	{id: "putroot.sync", name: "one put, a root and an fsync, p50", unit: "µs", scale: micro, brief: true,
		reach: reach{260, doltOwn, 331, ""}},
	{id: "update", name: "1,000 updates and a root, p50", unit: "ms", scale: milli, brief: true,
		reach: reach{8, doltMemory, 41, ""}},
	{id: "update.p99", name: "1,000 updates and a root, p99", unit: "ms", scale: milli,
		reach: reach{25, doltMemory, 41, "update"}},
	{id: "diff.1", name: "diff, 1 changed", unit: "µs", scale: micro, brief: true,
		reach: reach{4, doltMemory, 10.5, ""}},
	{id: "diff.100", name: "diff, 100 changed", unit: "µs", scale: micro, brief: true,
		reach: reach{320, doltMemory, 1123, ""}},
	{id: "diff.10000", name: "diff, 10,000 changed", unit: "ms", scale: milli, brief: true,
		reach: reach{15, doltMemory, 49, ""}},
	{id: "open", name: "open, and the first get", unit: "ms", scale: milli, brief: true,
		reach: reach{25, rawPebble, 16, ""}},
	{id: "collect", name: "garbage collection after an unsorted load, the last root stays", unit: "s", scale: 1, brief: true},
}

// counts hardly depend on the machine.
var counts = []row{
	{id: "sorted.disk", name: "bytes on disk an entry, sorted load", unit: "B", scale: 1, brief: true, reach: reach{figure: 175}},
	{id: "batched.disk", name: "bytes on disk an entry, a root for each 10,000, all kept", unit: "B", scale: 1, brief: true, reach: reach{figure: 2850}},
	{id: "collect.disk", name: "bytes on disk an entry, a root for each 10,000, after collection", unit: "B", scale: 1, brief: true, reach: reach{figure: 190}},
	{id: "staged.disk", name: "bytes on disk an entry, staged, one root", unit: "B", scale: 1, brief: true},
	{id: "get.allocs", name: "allocations a get", scale: 1, reach: reach{figure: 1}},
	{id: "sorted.nodes", name: "bytes of nodes written an entry, sorted load", unit: "B", scale: 1},
	{id: "batched.nodes", name: "bytes of nodes written an entry, a root for each 10,000", unit: "B", scale: 1},
	{id: "update.nodes", name: "bytes of nodes for 1,000 updates", unit: "KiB", scale: 1. / 1024, brief: true, reach: reach{figure: 4900}},
	{id: "diff.1.nodes", name: "nodes visited, 1 changed", scale: 1},
	{id: "diff.100.nodes", name: "nodes visited, 100 changed", scale: 1},
	{id: "diff.10000.nodes", name: "nodes visited, 10,000 changed", scale: 1},
	{id: "diff.1.excess", name: "nodes visited for each that differs, 1 changed", scale: 1, reach: reach{figure: 1.05}},
	{id: "diff.100.excess", name: "nodes visited for each that differs, 100 changed", scale: 1, reach: reach{figure: 1.05}},
	{id: "diff.10000.excess", name: "nodes visited for each that differs, 10,000 changed", scale: 1, reach: reach{figure: 1.05}},
}

// memory is the most that a process ever had resident.
var memory = []row{
	{id: "peak.sorted", name: "sorted load", unit: "MiB", scale: mebi},
	{id: "peak.batched", name: "unsorted load, a root for each 10,000", unit: "MiB", scale: mebi},
	{id: "peak.staged", name: "unsorted load, staged", unit: "MiB", scale: mebi},
	{id: "peak.get", name: "get, warm", unit: "MiB", scale: mebi},
	{id: "peak.scan", name: "ordered scan", unit: "MiB", scale: mebi},
	{id: "peak.update", name: "1,000 updates and a root, 100 times", unit: "MiB", scale: mebi},
	{id: "peak.open", name: "open, and the first get, 5 times", unit: "MiB", scale: mebi},
}

// datastores are the rows through go-datastore, of which prollyds' ratio to
// go-ds-pebble counts.
var datastores = append(
	datastoreRows("ds.small", "100 B", 1/1.3),
	datastoreRows("ds.large", "256 KiB", 5)...)

// datastoreRows are the operations on values of a size; what needs no values is
// to be so much faster.
func datastoreRows(id, size string, withoutValues float64) (all []row) {
	const alike = 1 / 1.3
	for _, op := range []struct {
		id, name string
		ratio    float64
	}{
		{"put", "Put", alike}, {"batch", "Put in a batch", alike}, {"get", "Get", alike},
		{"has", "Has", withoutValues}, {"getsize", "GetSize", withoutValues},
		{"query", "Query by prefix, an entry", alike}, {"keysonly", "the same, KeysOnly", withoutValues},
	} {
		all = append(all, row{id: id + "." + op.id, name: op.name + ", " + size, unit: "µs", scale: micro, brief: true,
			reach: reach{figure: 1 / op.ratio, peer: goDsPebble, was: 1}})
	}
	return all
}

// cores are measured with one core and two.
var cores = []row{
	{id: "cores.build", name: "build of all entries", unit: "k entries/s", scale: perSecond, more: true},
	{id: "cores.batch", name: "10,000 updates and a root, p50", unit: "ms", scale: milli},
}

// scales are measured at several sizes.
var scales = []row{
	{id: "scale.get", name: "get, warm, 5,000 keys", unit: "µs", scale: micro, brief: true},
	{id: "scale.put", name: "one put and a root, p50", unit: "µs", scale: micro, brief: true},
	{id: "scale.commit", name: "one put and a commit, p50", unit: "µs", scale: micro, brief: true},
	{id: "scale.batch", name: "1,000 updates and a root, p50", unit: "ms", scale: milli, brief: true},
	{id: "scale.diff", name: "diff, 1 changed", unit: "µs", scale: micro, brief: true},
	{id: "scale.open", name: "open, and the first get", unit: "ms", scale: milli, brief: true},
	{id: "scale.height", name: "levels of nodes", scale: 1, brief: true},
	{id: "scale.putbytes", name: "node bytes made for one put", unit: "KiB", scale: 1.0 / (1 << 10)},
	{id: "scale.diffnodes", name: "nodes that a diff visits, 1 changed", scale: 1},
	{id: "peak.scale", name: "peak memory of those", unit: "MiB", scale: mebi, brief: true},
	{id: "peak.grow", name: "peak memory of a streamed load", unit: "MiB", scale: mebi, brief: true},
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

// target is the figure to be reached in this run; ok is false when there is
// none, or nobody to measure it by.
func (r row) target(f figures) (figure float64, ok bool) {
	if r.reach.figure == 0 {
		return 0, false
	}
	if r.reach.peer == "" {
		return r.reach.figure / r.scale, true
	}
	of := r.reach.row
	if of == "" {
		of = r.id
	}
	v, ok := f[of][r.reach.peer]
	return v.mid * r.reach.figure / r.reach.was, ok && v.mid > 0
}

func (r row) label() string {
	if r.unit == "" {
		return r.name
	}
	return r.name + ", " + r.unit
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

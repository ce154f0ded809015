package bench

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/bench/dataset"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

const (
	batchLen  = 10_000
	updateLen = 1_000
	readKeys  = 50_000
)

// workload is a piece of work on a subject with n entries. It skips what a
// subject has no word for.
type workload struct {
	name string
	can  func(store) bool // nil: all
	run  func(b *testing.B, s subject, n int)
}

var workloads = []workload{
	{"Load", nil, load},
	{"Batches", nil, batches},
	{"Get", nil, get},
	{"Scan", nil, scan},
	{"Prefix", nil, prefix},
	{"Put", isPutter, put},
	{"PutRoot", nil, putRoot},
	{"Update", nil, update},
	{"Diff1", isTreed, func(b *testing.B, s subject, n int) { diff(b, s, n, 1) }},
	{"Diff100", isTreed, func(b *testing.B, s subject, n int) { diff(b, s, n, 100) }},
	{"Diff10000", isTreed, func(b *testing.B, s subject, n int) { diff(b, s, n, 10_000) }},
	{"At", isTreed, at},
	{"Rank", isTreed, rank},
	{"Prove", isTreed, prove},
	{"Verify", isMemory, verify},
	{"Verify32", isMemory, verify32},
}

func isPutter(x store) bool { _, ok := x.(putter); return ok }

// isTreed leaves out what would measure the engine a second time.
func isTreed(x store) bool {
	_, again := x.(*ds)
	_, ok := x.(treed)
	return ok && !again
}

func BenchmarkProlly(b *testing.B)    { suite(b, subjects[0]) }
func BenchmarkEngine(b *testing.B)    { suite(b, subjects[1]) }
func BenchmarkDatastore(b *testing.B) { suite(b, subjects[2]) }

func suite(b *testing.B, s subject) {
	all, err := sizes()
	if err != nil {
		b.Fatal(err)
	}
	can, err := abilities(s)
	if err != nil {
		b.Fatal(err)
	}
	for _, w := range can {
		b.Run(w.name, func(b *testing.B) {
			for _, n := range all {
				b.Run(sizeName(n), func(b *testing.B) {
					b.ReportAllocs()
					w.run(b, s, n)
				})
			}
		})
	}
}

// abilities lists the workloads that a subject can do.
func abilities(s subject) ([]workload, error) {
	x, err := s.open()
	if err != nil {
		return nil, err
	}
	can := slices.DeleteFunc(slices.Clone(workloads), func(w workload) bool { return w.can != nil && !w.can(x) })
	return can, x.close()
}

func must(b *testing.B, err error) {
	if err != nil {
		b.Helper()
		b.Fatal(err)
	}
}

// perSecond reports n things in each iteration.
func perSecond(b *testing.B, n int, unit string) {
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), unit+"/s")
}

// load makes a store of sorted entries.
func load(b *testing.B, s subject, n int) {
	entries := data().Sorted(n)
	loading(b, s, n, func(x store) error { return x.load(entries) })
}

// batches makes a store of entries in random order, in batches with a root
// each.
func batches(b *testing.B, s subject, n int) {
	entries := data().Entries(0, n)
	loading(b, s, n, func(x store) error {
		for at := 0; at < n; at += batchLen {
			if err := x.batch(entries[at:min(n, at+batchLen)]); err != nil {
				return err
			}
		}
		return nil
	})
}

// loading times f on empty stores, and then measures the last of them.
func loading(b *testing.B, s subject, n int, f func(store) error) {
	var last store
	for b.Loop() {
		b.StopTimer()
		if last != nil {
			must(b, last.close())
		}
		x, err := s.open()
		must(b, err)
		last = x
		b.StartTimer()
		must(b, f(x))
	}
	perSecond(b, n, "entries")
	b.ReportMetric(float64(last.nodeBytes())/float64(n), "node-B/edit")
	if x, ok := last.(sized); ok {
		disk, err := x.diskBytes()
		must(b, err)
		b.ReportMetric(float64(disk)/float64(n), "disk-B/entry")
	}
	must(b, last.close())
}

// get reads random keys that were all read before.
func get(b *testing.B, s subject, n int) {
	x := fixture(b, s, n)
	numbers := data().Pick(min(readKeys, n), n, 1)
	keys := make([][]byte, len(numbers))
	for i, number := range numbers {
		keys[i] = data().Key(number)
		v, err := x.get(keys[i])
		must(b, err)
		if string(v) != string(data().Value(number, 0)) {
			b.Fatalf("N1 violated: wrong value of %q", keys[i])
		}
	}
	i := 0
	for b.Loop() {
		if _, err := x.get(keys[i]); err != nil {
			b.Fatal(err)
		}
		if i++; i == len(keys) {
			i = 0
		}
	}
}

func scan(b *testing.B, s subject, n int) {
	x := fixture(b, s, n)
	var d dataset.Digest
	must(b, x.scan(func(k, v []byte) { d.Add(k, v) }))
	if want := digestOf(data().Sorted(n)); d.String() != want {
		b.Fatalf("N1 violated: a scan yields %v, not %s", &d, want)
	}
	for b.Loop() {
		got := 0
		must(b, x.scan(func(_, _ []byte) { got++ }))
		if got != n {
			b.Fatalf("N1 violated: %d entries", got)
		}
	}
	perSecond(b, n, "entries")
}

func digestOf(entries []dataset.Entry) string {
	var d dataset.Digest
	for _, e := range entries {
		d.Add(e.Key, e.Value)
	}
	return d.String()
}

// prefix finds about a thousandth of the entries, or a hundred.
func prefix(b *testing.B, s subject, n int) {
	x := fixture(b, s, n)
	numbers := data().Pick(min(n, 1000), n, 2)
	keys := make([][]byte, len(numbers))
	for i, number := range numbers {
		keys[i] = data().Key(number)
	}
	found, i := 0, 0
	for b.Loop() {
		got, err := x.near(keys[i%len(keys)])
		must(b, err)
		if got == 0 {
			b.Fatal("N1 violated: the key itself is not found")
		}
		found += got
		i++
	}
	b.ReportMetric(float64(found)/float64(b.N), "found")
	b.ReportMetric(float64(found)/b.Elapsed().Seconds(), "entries/s")
}

// writes hands out entries for single writes, each with a value of its own.
type writes struct {
	keys  [][]byte
	value []byte
	n     uint64
}

// newWrites makes them of keys of which one in two is new.
func newWrites(n int) *writes {
	w := &writes{value: data().Value(0, 1)}
	for _, number := range data().Pick(min(n, readKeys), 2*n, 3) {
		w.keys = append(w.keys, data().Key(number))
	}
	return w
}

// next returns an entry that is valid until it is called again.
func (w *writes) next() dataset.Entry {
	w.n++
	binary.LittleEndian.PutUint64(w.value, w.n)
	return dataset.Entry{Key: w.keys[w.n%uint64(len(w.keys))], Value: w.value}
}

// forked runs f on a fork of the fixture.
func forked(b *testing.B, s subject, n int, f func(store)) {
	x, err := fixture(b, s, n).fork()
	must(b, err)
	f(x)
	must(b, x.close())
}

// put stages single entries.
func put(b *testing.B, s subject, n int) {
	w := newWrites(n)
	forked(b, s, n, func(x store) {
		p := x.(putter)
		for b.Loop() {
			e := w.next()
			if err := p.put(e.Key, e.Value); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// putRoot writes single entries with a root each.
func putRoot(b *testing.B, s subject, n int) {
	w := newWrites(n)
	forked(b, s, n, func(x store) {
		before := x.nodeBytes()
		one := make([]dataset.Entry, 1)
		for b.Loop() {
			one[0] = w.next()
			must(b, x.batch(one))
		}
		b.ReportMetric(float64(x.nodeBytes()-before)/float64(b.N), "node-B/edit")
	})
}

// update writes 1,000 updates of random entries with one root.
func update(b *testing.B, s subject, n int) {
	k := min(updateLen, n)
	forked(b, s, n, func(x store) {
		before := x.nodeBytes()
		var times []time.Duration
		for b.Loop() {
			b.StopTimer()
			round := len(times) + 1
			entries := data().Updates(data().Pick(k, n, 100+round), round)
			b.StartTimer()
			start := time.Now()
			must(b, x.batch(entries))
			times = append(times, time.Since(start))
		}
		slices.Sort(times)
		b.ReportMetric(times[len(times)*99/100].Seconds()*1e3, "p99-ms")
		b.ReportMetric(float64(x.nodeBytes()-before)/float64(b.N*k), "node-B/edit")
	})
}

// diff tells trees apart that differ in some updated entries.
func diff(b *testing.B, s subject, n, changed int) {
	changed = min(changed, n)
	forked(b, s, n, func(x store) {
		from, to := twoTrees(b, x, data().Updates(data().Pick(changed, n, 4), 1))
		var stats prolly.DiffStats
		if got := differences(b, from, to, &stats); got != changed {
			b.Fatalf("N1 violated: %d changes, not %d", got, changed)
		}
		b.ResetTimer()
		for b.Loop() {
			if got := differences(b, from, to, nil); got != changed {
				b.Fatalf("N1 violated: %d changes, not %d", got, changed)
			}
		}
		b.ReportMetric(float64(stats.NodesRead), "nodes/diff")
	})
}

// twoTrees returns the tree of a store, and what it becomes by a batch.
func twoTrees(b *testing.B, x store, entries []dataset.Entry) (from, to prolly.Tree) {
	var err error
	t := x.(treed)
	from, err = t.tree()
	must(b, err)
	if m, ok := x.(*memory); ok {
		to, err = m.grown(entries)
		must(b, err)
		return from, to
	}
	must(b, x.batch(entries))
	to, err = t.tree()
	must(b, err)
	return from, to
}

func differences(b *testing.B, from, to prolly.Tree, stats *prolly.DiffStats) (n int) {
	for _, err := range prolly.DiffCounted(ctx, from, to, prolly.Range{}, stats) {
		must(b, err)
		n++
	}
	return n
}

// at finds entries by their place.
func at(b *testing.B, s subject, n int) {
	t, err := fixture(b, s, n).(treed).tree()
	must(b, err)
	places := data().Pick(min(n, readKeys), n, 5)
	i := 0
	for b.Loop() {
		if _, err := t.At(ctx, uint64(places[i%len(places)])); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

// rank finds the places of entries.
func rank(b *testing.B, s subject, n int) {
	t, err := fixture(b, s, n).(treed).tree()
	must(b, err)
	numbers := data().Pick(min(n, readKeys), n, 6)
	keys := make([][]byte, len(numbers))
	for i, number := range numbers {
		keys[i] = data().Key(number)
		place, err := t.Rank(ctx, keys[i])
		must(b, err)
		e, err := t.At(ctx, place)
		must(b, err)
		if string(e.Key) != string(keys[i]) {
			b.Fatalf("N1 violated: %q has rank %d, where %q stands", keys[i], place, e.Key)
		}
	}
	i := 0
	for b.Loop() {
		if _, err := t.Rank(ctx, keys[i%len(keys)]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

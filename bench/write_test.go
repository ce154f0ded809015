package bench

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/bench/dataset"
)

// writes hands out entries for single writes, each with a value of its own.
type writes struct {
	keys  [][]byte
	value []byte
	n     uint64
}

// newWrites makes them of keys of which one in two is new.
func newWrites(c setup) *writes {
	w := &writes{value: c.Value(0, 1)}
	for _, number := range c.Pick(min(c.n, readKeys), 2*c.n, 3) {
		w.keys = append(w.keys, c.Key(number))
	}
	return w
}

// next returns an entry that is valid until it is called again.
func (w *writes) next() dataset.Entry {
	w.n++
	if len(w.value) >= 8 {
		binary.LittleEndian.PutUint64(w.value, w.n)
	}
	return dataset.Entry{Key: w.keys[w.n%uint64(len(w.keys))], Value: w.value}
}

// forked runs f on a fork of the fixture.
func forked(b *testing.B, s subject, c setup, f func(store)) {
	x, err := fixture(b, s, c).fork()
	must(b, err)
	f(x)
	must(b, x.close())
}

// put stages single entries.
func put(b *testing.B, s subject, c setup) {
	w := newWrites(c)
	forked(b, s, c, func(x store) {
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
func putRoot(b *testing.B, s subject, c setup) {
	w := newWrites(c)
	forked(b, s, c, func(x store) {
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
func update(b *testing.B, s subject, c setup) {
	k := min(updateLen, c.n)
	forked(b, s, c, func(x store) {
		before := x.nodeBytes()
		var times []time.Duration
		for b.Loop() {
			b.StopTimer()
			round := len(times) + 1
			entries := c.changed(k, round)
			b.StartTimer()
			start := time.Now()
			must(b, x.batch(entries))
			times = append(times, time.Since(start))
		}
		reportAmplification(b, x)
		slices.Sort(times)
		b.ReportMetric(times[len(times)*99/100].Seconds()*1e3, "p99-ms")
		b.ReportMetric(float64(x.nodeBytes()-before)/float64(b.N*k), "node-B/edit")
	})
}

package bench

import (
	"testing"
)

// load makes a store of sorted entries.
func load(b *testing.B, s subject, c setup) {
	entries := c.Sorted(c.n)
	loading(b, s, c, func(x store) error { return x.load(entries) })
}

// batches makes a store of entries in random order, in batches with a root
// each.
func batches(b *testing.B, s subject, c setup) {
	entries := c.Entries(0, c.n)
	loading(b, s, c, func(x store) error {
		for at := 0; at < c.n; at += batchLen {
			if err := x.batch(entries[at:min(c.n, at+batchLen)]); err != nil {
				return err
			}
		}
		return nil
	})
}

// loading times f on empty stores, and then measures the last of them.
func loading(b *testing.B, s subject, c setup, f func(store) error) {
	var last store
	p := watchMemory()
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
	perSecond(b, c.n, "entries")
	b.ReportMetric(p.mebibytes(), "peak-MiB")
	reportAmplification(b, last)
	b.ReportMetric(float64(last.nodeBytes())/float64(c.n), "node-B/edit")
	if x, ok := last.(sized); ok {
		disk, err := x.diskBytes()
		must(b, err)
		b.ReportMetric(float64(disk)/float64(c.n), "disk-B/entry")
	}
	must(b, last.close())
}

package bench

import (
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/bench/dataset"
)

// get reads random keys that were all read before.
func get(b *testing.B, s subject, c setup) {
	x := fixture(b, s, c)
	numbers := c.Pick(min(readKeys, c.n), c.n, 1)
	keys := make([][]byte, len(numbers))
	for i, number := range numbers {
		keys[i] = c.Key(number)
		v, err := x.get(keys[i])
		must(b, err)
		if string(v) != string(c.Value(number, 0)) {
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

func scan(b *testing.B, s subject, c setup) {
	x := fixture(b, s, c)
	var d dataset.Digest
	must(b, x.scan(func(k, v []byte) { d.Add(k, inLeaf(v)) }))
	if want := digestOf(c.Sorted(c.n)); d.String() != want {
		b.Fatalf("N1 violated: a scan yields %v, not %s", &d, want)
	}
	for b.Loop() {
		got := 0
		must(b, x.scan(func(_, _ []byte) { got++ }))
		if got != c.n {
			b.Fatalf("N1 violated: %d entries", got)
		}
	}
	perSecond(b, c.n, "entries")
}

// inLeaf leaves out values that a tree names and does not hold.
func inLeaf(value []byte) []byte {
	if len(value) > 4096 {
		return nil
	}
	return value
}

func digestOf(entries []dataset.Entry) string {
	var d dataset.Digest
	for _, e := range entries {
		d.Add(e.Key, inLeaf(e.Value))
	}
	return d.String()
}

// prefix finds the entries whose keys begin alike.
func prefix(b *testing.B, s subject, c setup) {
	x := fixture(b, s, c)
	numbers := c.Pick(min(c.n, 1000), c.n, 2)
	keys := make([][]byte, len(numbers))
	for i, number := range numbers {
		keys[i] = c.Key(number)
	}
	found, i := 0, 0
	for b.Loop() {
		got, err := x.near(keys[i%len(keys)], c.prefixOf(keys[i%len(keys)]))
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

// at finds entries by their place.
func at(b *testing.B, s subject, c setup) {
	t, err := fixture(b, s, c).(treed).tree()
	must(b, err)
	places := c.Pick(min(c.n, readKeys), c.n, 5)
	i := 0
	for b.Loop() {
		if _, err := t.At(ctx, uint64(places[i%len(places)])); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

// rank finds the places of entries.
func rank(b *testing.B, s subject, c setup) {
	t, err := fixture(b, s, c).(treed).tree()
	must(b, err)
	numbers := c.Pick(min(c.n, readKeys), c.n, 6)
	keys := make([][]byte, len(numbers))
	for i, number := range numbers {
		keys[i] = c.Key(number)
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

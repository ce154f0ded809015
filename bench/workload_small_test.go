package bench

import (
	"flag"
	"testing"
)

// TestN2EveryWorkloadRuns runs each of them once on small stores, of every shape
// of keys and of values.
func TestN2EveryWorkloadRuns(t *testing.T) {
	const n = 1_000
	oneIteration(t)
	before := *sizeList
	*sizeList = sizeName(n)
	defer func() { *sizeList = before }()
	for _, s := range subjects {
		can, err := abilities(s)
		if err != nil {
			t.Fatal(err)
		}
		all, err := setups(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range all {
			for _, w := range can {
				if r := testing.Benchmark(func(b *testing.B) { w.run(b, s, c) }); r.N == 0 {
					t.Errorf("N2 violated; to see why: go test ./bench -run '^$' -bench %s/%s/keys=%v/values=%v -sizes %s -benchtime 1x", s.name, w.name, c.Keys, c.Values, sizeName(n))
				}
			}
		}
	}
}

// TestN2Codec is the same for what needs no store.
func TestN2Codec(t *testing.T) {
	oneIteration(t)
	all, err := setups(subject{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		c.n = 1_000
		for _, w := range codecWorkloads {
			r := testing.Benchmark(func(b *testing.B) {
				blocks, first := nodesOf(b, c)
				w.run(b, blocks, first)
			})
			if r.N == 0 {
				t.Errorf("N2 violated by Codec/%s/%v", w.name, c)
			}
		}
	}
}

// oneIteration makes testing.Benchmark run its function once, until the test
// ends.
func oneIteration(t *testing.T) {
	const name = "test.benchtime"
	before := flag.Lookup(name).Value.String()
	if err := flag.Set(name, "1x"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := flag.Set(name, before); err != nil {
			t.Error(err)
		}
	})
}

func TestSizes(t *testing.T) {
	before := *sizeList
	defer func() { *sizeList = before }()
	*sizeList = "100k,1M,250"
	n, err := sizes()
	if err != nil || len(n) != 3 || n[0] != 100_000 || n[1] != 1_000_000 || n[2] != 250 {
		t.Errorf("%s: %v, %v", *sizeList, n, err)
	}
	for _, x := range n {
		*sizeList = sizeName(x)
		if again, err := sizes(); err != nil || again[0] != x {
			t.Errorf("%d is named %s", x, *sizeList)
		}
	}
	for _, bad := range []string{"", "x", "0", "1G", "-5k"} {
		*sizeList = bad
		if _, err := sizes(); err == nil {
			t.Errorf("%q is taken for %v", bad, n)
		}
	}
}

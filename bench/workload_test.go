package bench

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/bench/dataset"
)

const (
	batchLen  = 10_000
	updateLen = 1_000
	readKeys  = 50_000
)

// workload is a piece of work on a subject with the entries of a setup.
type workload struct {
	name string
	can  func(store) bool // nil: all
	run  func(b *testing.B, s subject, c setup)
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
	{"Diff1", isTreed, func(b *testing.B, s subject, c setup) { diff(b, s, c, 1) }},
	{"Diff100", isTreed, func(b *testing.B, s subject, c setup) { diff(b, s, c, 100) }},
	{"Diff10000", isTreed, func(b *testing.B, s subject, c setup) { diff(b, s, c, 10_000) }},
	{"At", isTreed, at},
	{"Rank", isTreed, rank},
	{"Prove", isTreed, prove},
	{"Verify", isMemory, verify},
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

// suite runs all workloads of a setup before the next, for the store that they
// share is closed then.
func suite(b *testing.B, s subject) {
	all, err := setups(s)
	if err != nil {
		b.Fatal(err)
	}
	can, err := abilities(s)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range all {
		for _, w := range can {
			b.Run(w.name+"/"+c.String(), func(b *testing.B) {
				b.ReportAllocs()
				w.run(b, s, c)
			})
		}
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

// setup is what a store holds.
type setup struct {
	dataset.Set
	n int // entries
}

// String names it in the way that benchstat reads.
func (c setup) String() string {
	return fmt.Sprintf("keys=%v/values=%v/n=%s", c.Keys, c.Values, sizeName(c.n))
}

// setups are all that the flags ask for and the subject takes.
func setups(s subject) (all []setup, err error) {
	n, err := sizes()
	keys, errKeys := shapes(*keyList, dataset.ParseKeyShape)
	values, errValues := shapes(*valueList, dataset.ParseValueShape)
	for _, k := range keys {
		if k == dataset.Random32 && s.paths {
			continue
		}
		for _, v := range values {
			for _, n := range n {
				all = append(all, setup{dataset.Set{Seed: *seed, Keys: k, Values: v}, n})
			}
		}
	}
	return all, errors.Join(err, errKeys, errValues)
}

// changed returns k entries that differ from what is loaded: updates, or new
// ones where an update changes nothing.
func (c setup) changed(k, round int) []dataset.Entry {
	numbers := c.Pick(k, c.n, 100+round)
	if c.Values == dataset.Empty {
		for i := range numbers {
			numbers[i] += c.n * (1 + round)
		}
	}
	return c.Updates(numbers, round)
}

// prefixOf selects about one key in a thousand, or a hundred.
func (c setup) prefixOf(key []byte) []byte {
	switch c.Keys {
	case dataset.Random32:
		return key[:1]
	case dataset.Uploads:
		return key[:len(key)-2]
	case dataset.Paths:
		return key[:len("/users/u0000/")]
	}
	return key[:len("/blob/")+2]
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

package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

var (
	sizeList  = flag.String("sizes", "20k", "entries in the stores, as in 100k,1M,10M")
	keyList   = flag.String("keys", "random32,upload,path", "shapes of keys: blob, random32, upload, path")
	valueList = flag.String("values", "0B,100B,1KiB,mixed", "shapes of values: 0B, 100B, 1KiB, 256KiB, mixed")
	seed      = flag.Uint64("seed", 1, "seed of the data")
)

var ctx = context.Background()

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if err := closeFixtures(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// shapes parses a list of names.
func shapes[T any](list string, parse func(string) (T, error)) (all []T, err error) {
	for _, name := range strings.Split(list, ",") {
		x, err := parse(name)
		if err != nil {
			return nil, err
		}
		all = append(all, x)
	}
	return all, nil
}

// sizes parses -sizes.
func sizes() ([]int, error) {
	var n []int
	for _, s := range strings.Split(*sizeList, ",") {
		digits, unit := s, 1
		switch {
		case strings.HasSuffix(s, "k"):
			digits, unit = strings.TrimSuffix(s, "k"), 1_000
		case strings.HasSuffix(s, "M"):
			digits, unit = strings.TrimSuffix(s, "M"), 1_000_000
		}
		x, err := strconv.Atoi(digits)
		if err != nil || x < 1 {
			return nil, fmt.Errorf("-sizes: %q is no number of entries", s)
		}
		n = append(n, x*unit)
	}
	return n, nil
}

// sizeName writes a size as -sizes takes it.
func sizeName(n int) string {
	switch {
	case n%1_000_000 == 0:
		return fmt.Sprintf("%dM", n/1_000_000)
	case n%1_000 == 0:
		return fmt.Sprintf("%dk", n/1_000)
	}
	return strconv.Itoa(n)
}

// fixtures are loaded stores that benchmarks share, by subject and setup. There
// is one at a time, for each holds its entries and a cache.
var fixtures = map[string]store{}

// fixture returns a store of the entries of a setup, to be read only, or forked.
func fixture(b *testing.B, s subject, c setup) store {
	name := s.name + "/" + c.String()
	if x, ok := fixtures[name]; ok {
		return x
	}
	must(b, closeFixtures())
	x, err := s.open()
	if err != nil {
		b.Fatal(err)
	}
	fixtures[name] = x
	if err := x.load(c.Sorted(c.n)); err != nil {
		b.Fatal(err)
	}
	return x
}

func closeFixtures() error {
	var errs []error
	for name, x := range fixtures {
		errs = append(errs, x.close())
		delete(fixtures, name)
	}
	return errors.Join(errs...)
}

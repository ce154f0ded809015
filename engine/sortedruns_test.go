package engine

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/kv/memkv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// TestLoadInRuns loads more than a run holds, in several orders and with keys
// that come again, over what is there already.
func TestLoadInRuns(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	defer func(n int) { loadRun = n }(loadRun)
	loadRun = 20_000
	ctx := context.Background()
	for seed, order := range []string{"ascending", "descending", "random", "random", "blocks"} {
		r := rand.New(rand.NewPCG(uint64(seed), 1))
		e, err := New(memkv.New(), nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := e.Branch(ctx, "main")
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{}
		for round := range 2 {
			const n = 3000
			err := loadAll(ctx, b, func(yield func(prolly.Entry, error) bool) {
				for i := range n {
					k := i
					switch order {
					case "descending":
						k = n - i
					case "random":
						k = r.IntN(n)
					case "blocks":
						k = (i/500*7%6)*500 + i%500
					}
					key, value := fmt.Sprintf("key-%06d", k), fmt.Sprint(round, i)
					if r.IntN(300) == 0 {
						value = string(bytes.Repeat([]byte(value), 1000))
					}
					want[key] = value
					if !yield(prolly.Entry{Key: []byte(key), Value: prolly.Value{Bytes: []byte(value)}}, nil) {
						return
					}
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for x, err := range b.Range(ctx, prolly.Range{}) {
				if err != nil {
					t.Fatal(err)
				}
				v, err := b.Get(ctx, x.Key)
				if err != nil {
					t.Fatal(err)
				}
				got[string(x.Key)] = string(v)
			}
			if !maps.Equal(got, want) {
				t.Fatalf("%s (seed %d), round %d: %d entries, want %d, or other values", order, seed, round, len(got), len(want))
			}
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	if err != nil || len(left) > 0 {
		t.Fatalf("temporary files are left: %v, %v", left, err)
	}
}

func loadAll(ctx context.Context, b *Branch, entries func(yield func(prolly.Entry, error) bool)) error {
	_, err := b.Load(ctx, entries)
	return err
}

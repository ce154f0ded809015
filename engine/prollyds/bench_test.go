package prollyds

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	datastore "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

// Keys as a blockstore has them: "/blob/" and 56 random characters.
func benchKeys(n int) []datastore.Key {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	r := rand.New(rand.NewPCG(7, 7))
	keys := make([]datastore.Key, n)
	for i := range keys {
		b := []byte("/blob/")
		for range 56 {
			b = append(b, letters[r.IntN(len(letters))])
		}
		keys[i] = datastore.RawKey(string(b))
	}
	return keys
}

// sized is a kind of load: how many entries of how many bytes.
var sized = []struct {
	name           string
	entries, bytes int
}{{"100B", 200_000, 100}, {"256KiB", 200, 256 << 10}}

// loaded returns a datastore on Pebble with entries folded into the tree.
func loaded(b *testing.B, entries, bytes int) (*Datastore, []datastore.Key) {
	b.Helper()
	d := onPebble(b, WithCacheBytes(256<<20))
	keys := benchKeys(entries)
	batch, err := d.Batch(context.Background())
	must(b, err)
	for i, k := range keys {
		must(b, batch.Put(context.Background(), k, valueN(i, bytes)))
	}
	must(b, batch.Commit(context.Background()))
	_, err = d.Branch().Fold(context.Background())
	must(b, err)
	return d, keys
}

func BenchmarkPut(b *testing.B) {
	for _, s := range sized {
		b.Run(s.name, func(b *testing.B) {
			d := onPebble(b)
			keys, v := benchKeys(s.entries), valueN(1, s.bytes)
			b.SetBytes(int64(s.bytes))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				v[0], v[1], v[2] = byte(i), byte(i>>8), byte(i>>16)
				must(b, d.Put(context.Background(), keys[i%len(keys)], v))
			}
		})
	}
}

// The price of looking after expiry times.
func BenchmarkPutOverTTL(b *testing.B) {
	d := onPebble(b)
	must(b, d.PutWithTTL(context.Background(), keyN(0), nil, 1<<60))
	keys, v := benchKeys(200_000), valueN(1, 100)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		must(b, d.Put(context.Background(), keys[i%len(keys)], v))
	}
}

func BenchmarkPutSync(b *testing.B) {
	d := onPebble(b, WithDurability(engine.Sync))
	keys, v := benchKeys(100_000), valueN(1, 100)
	for i := 0; b.Loop(); i++ {
		must(b, d.Put(context.Background(), keys[i%len(keys)], v))
	}
}

// An operation is an entry, in batches of 1,000 (of 8 large ones).
func BenchmarkBatch(b *testing.B) {
	for _, s := range sized {
		b.Run(s.name, func(b *testing.B) {
			d := onPebble(b)
			keys, v := benchKeys(s.entries), valueN(1, s.bytes)
			size := max(8, min(1000, 2<<20/s.bytes))
			b.SetBytes(int64(s.bytes))
			b.ReportAllocs()
			batch, err := d.Batch(context.Background())
			must(b, err)
			for i := 0; b.Loop(); i++ {
				v[0], v[1], v[2] = byte(i), byte(i>>8), byte(i>>16)
				must(b, batch.Put(context.Background(), keys[i%len(keys)], v))
				if i%size == size-1 {
					must(b, batch.Commit(context.Background()))
					batch, err = d.Batch(context.Background())
					must(b, err)
				}
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	for _, s := range sized {
		d, keys := loaded(b, s.entries, s.bytes)
		rand.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		for _, op := range []struct {
			name string
			f    func(datastore.Key) error
		}{
			{"Get", func(k datastore.Key) error { return second(d.Get(context.Background(), k)) }},
			{"Has", func(k datastore.Key) error { return second(d.Has(context.Background(), k)) }},
			{"GetSize", func(k datastore.Key) error { return second(d.GetSize(context.Background(), k)) }},
		} {
			b.Run(op.name+"/"+s.name, func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					must(b, op.f(keys[i%len(keys)]))
				}
			})
		}
	}
}

// Whole scans of a warm tree; the figure to look at is entries/s.
func BenchmarkQuery(b *testing.B) {
	for _, s := range sized {
		d, _ := loaded(b, s.entries, s.bytes)
		for _, c := range []struct {
			name string
			q    query.Query
		}{
			{"all", query.Query{}},
			{"prefix", query.Query{Prefix: "/blob"}},
			{"KeysOnly", query.Query{KeysOnly: true}},
			{"reverse", query.Query{Orders: []query.Order{query.OrderByKeyDescending{}}}},
			{"by value, limit 100", query.Query{Orders: []query.Order{query.OrderByValue{}}, Limit: 100}},
		} {
			b.Run(fmt.Sprintf("%s/%s", c.name, s.name), func(b *testing.B) { benchQuery(b, d, c.q) })
		}
	}
}

func benchQuery(b *testing.B, d *Datastore, q query.Query) {
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		r, err := d.Query(context.Background(), q)
		must(b, err)
		for x, ok := r.NextSync(); ok; x, ok = r.NextSync() {
			if x.Error != nil {
				b.Fatal(x.Error)
			}
			n++
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "entries/s")
	b.ReportMetric(float64(n)/float64(b.N), "entries/op")
}

// A page from the middle: by rank.
func BenchmarkQueryPage(b *testing.B) {
	d, keys := loaded(b, 200_000, 100)
	b.ReportAllocs()
	for b.Loop() {
		rest(b, d, query.Query{Offset: len(keys) / 2, Limit: 20})
	}
}

package prollyds

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	datastore "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
	"pgregory.net/rapid"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/kv/memkv"
)

// model is what the datastore is compared with: go-datastore's own map, and the
// expiry times beside it.
type model struct {
	*datastore.MapDatastore
	expires map[datastore.Key]time.Time
}

func newModel() *model {
	return &model{datastore.NewMapDatastore(), map[datastore.Key]time.Time{}}
}

func (m *model) put(k datastore.Key, v []byte) {
	delete(m.expires, k)
	if err := m.Put(context.Background(), k, v); err != nil {
		panic(err)
	}
}

func (m *model) remove(k datastore.Key) {
	delete(m.expires, k)
	if err := m.Delete(context.Background(), k); err != nil {
		panic(err)
	}
}

// pass lets go what has expired.
func (m *model) pass(now time.Time) {
	for k, at := range m.expires {
		if !now.Before(at) {
			m.remove(k)
		}
	}
}

// machine runs operations against a datastore and the model.
type machine struct {
	disk  *memkv.Disk
	d     *Datastore
	m     *model
	c     *clock
	opts  []Option
	small bool // stage little, fold often
}

func (x *machine) open(t *rapid.T) {
	s, err := x.disk.Open()
	x.try(t, err)
	o := &engine.Options{}
	if x.small {
		o.StagingBytes, o.CacheBytes = 4<<10, 1
	}
	e, err := engine.New(kv.Store(s), o)
	x.try(t, err)
	b, err := e.Branch(context.Background(), "model")
	x.try(t, err)
	x.d = Wrap(b, x.opts...)
	x.d.owned = true
}

func (x *machine) try(t *rapid.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// D1, D4, D5: random operations, with reopening, folds, commits and collections
// in between, give what the model gives.
func TestModel(t *testing.T) {
	runs := 10
	if testing.Short() {
		runs = 2
	}
	for i := range runs {
		t.Run(fmt.Sprint(i), rapid.MakeCheck(modelRun))
	}
}

func modelRun(t *rapid.T) {
	x := &machine{disk: memkv.NewDisk(memkv.Options{MovingHints: true}), m: newModel(), c: newClock(), small: rapid.Bool().Draw(t, "small")}
	x.opts = []Option{WithClock(x.c.now)}
	if rapid.Bool().Draw(t, "history") {
		x.opts = append(x.opts, WithHistory())
	}
	x.open(t)
	defer func() { x.try(t, x.d.Close()) }()
	mortal := rapid.Bool().Draw(t, "mortal")
	t.Repeat(x.actions(mortal))
}

func (x *machine) actions(mortal bool) map[string]func(*rapid.T) {
	ctx := context.Background()
	a := map[string]func(*rapid.T){
		"":      x.check,
		"put":   x.put,
		"query": x.query,
		"batch": func(t *rapid.T) {
			b, err := x.d.Batch(ctx)
			x.try(t, err)
			x.write(t, b)
			x.try(t, b.Commit(ctx))
		},
		"txn": func(t *rapid.T) {
			tx, err := x.d.NewTransaction(ctx, false)
			x.try(t, err)
			defer tx.Discard(ctx)
			x.write(t, tx)
			x.same(t, tx, anyQuery(t))
			x.try(t, tx.Commit(ctx))
		},
		"fold":   func(t *rapid.T) { _, err := x.d.Branch().Fold(ctx); x.try(t, err) },
		"sync":   func(t *rapid.T) { x.try(t, x.d.Sync(ctx, datastore.NewKey("/"))) },
		"gc":     func(t *rapid.T) { x.try(t, x.d.CollectGarbage(ctx)) },
		"verify": func(t *rapid.T) { x.try(t, x.d.Check(ctx)) },
		"scrub":  func(t *rapid.T) { x.try(t, x.d.Scrub(ctx)) },
		"reopen": func(t *rapid.T) { x.try(t, x.d.Close()); x.open(t) },
	}
	if mortal {
		a["put with ttl"], a["set ttl"], a["pass"] = x.putWithTTL, x.setTTL, func(t *rapid.T) {
			x.c.pass(anyTTL.Draw(t, "pass"))
			x.m.pass(x.c.now())
		}
	}
	return a
}

var (
	anyPart = rapid.SampledFrom([]string{"a", "b", "ab", "a0", "a!", "\xff", "c"})
	anyKey  = rapid.Custom(func(t *rapid.T) datastore.Key {
		return datastore.KeyWithNamespaces(rapid.SliceOfN(anyPart, 0, 4).Draw(t, "key"))
	})
	anyValue = rapid.Custom(func(t *rapid.T) []byte {
		n := rapid.SampledFrom([]int{0, 1, 2, 10, 100, 1200, 1300, 5000}).Draw(t, "length")
		return bytes.Repeat([]byte{rapid.Byte().Draw(t, "byte")}, n)
	})
	anyTTL = rapid.Custom(func(t *rapid.T) time.Duration {
		return time.Duration(rapid.IntRange(0, 20).Draw(t, "minutes")) * time.Minute
	})
)

func (x *machine) put(t *rapid.T) {
	k, v := anyKey.Draw(t, "k"), anyValue.Draw(t, "v")
	x.try(t, x.d.Put(context.Background(), k, v))
	x.m.put(k, v)
}

// write does some writes to w and the model.
func (x *machine) write(t *rapid.T, w datastore.Write) {
	for range rapid.IntRange(0, 20).Draw(t, "writes") {
		k := anyKey.Draw(t, "k")
		if rapid.IntRange(0, 3).Draw(t, "delete") == 0 {
			x.try(t, w.Delete(context.Background(), k))
			x.m.remove(k)
			continue
		}
		v := anyValue.Draw(t, "v")
		given := bytes.Clone(v)
		x.try(t, w.Put(context.Background(), k, given))
		clear(given) // it was the caller's
		x.m.put(k, v)
	}
}

func (x *machine) putWithTTL(t *rapid.T) {
	k, v, ttl := anyKey.Draw(t, "k"), anyValue.Draw(t, "v"), anyTTL.Draw(t, "ttl")
	x.try(t, x.d.PutWithTTL(context.Background(), k, v, ttl))
	x.m.put(k, v)
	x.m.expires[k] = x.c.now().Add(ttl)
	x.m.pass(x.c.now())
}

func (x *machine) setTTL(t *rapid.T) {
	k, ttl := anyKey.Draw(t, "k"), anyTTL.Draw(t, "ttl")
	err := x.d.SetTTL(context.Background(), k, ttl)
	if ok, _ := x.m.Has(context.Background(), k); !ok {
		if err != datastore.ErrNotFound {
			t.Fatalf("SetTTL of nothing: %v", err)
		}
		return
	}
	x.try(t, err)
	x.m.expires[k] = x.c.now().Add(ttl)
	x.m.pass(x.c.now())
}

// check compares the reads of one key.
func (x *machine) check(t *rapid.T) {
	ctx, k := context.Background(), anyKey.Draw(t, "k")
	want, wantErr := x.m.Get(ctx, k)
	v, err := x.d.Get(ctx, k)
	if err != wantErr || !bytes.Equal(v, want) {
		t.Fatalf("Get %v: %q %v, want %q %v", k, v, err, want, wantErr)
	}
	wantOK, _ := x.m.Has(ctx, k)
	if ok, err := x.d.Has(ctx, k); ok != wantOK || err != nil {
		t.Fatalf("Has %v: %v %v", k, ok, err)
	}
	wantSize, wantErr := x.m.GetSize(ctx, k)
	if n, err := x.d.GetSize(ctx, k); n != wantSize || err != wantErr {
		t.Fatalf("GetSize %v: %v %v", k, n, err)
	}
	at, err := x.d.GetExpiration(ctx, k)
	if err != wantErr || err == nil && !at.Equal(x.m.expires[k]) {
		t.Fatalf("GetExpiration %v: %v %v, want %v", k, at, err, x.m.expires[k])
	}
}

func (x *machine) query(t *rapid.T) { x.same(t, x.d, anyQuery(t)) }

// same compares the results of a query with those of the naive one.
func (x *machine) same(t *rapid.T, from datastore.Read, q query.Query) {
	r, err := from.Query(context.Background(), q)
	x.try(t, err)
	got, err := r.Rest()
	x.try(t, err)
	want := x.m.naive(t, q)
	if len(got) != len(want) {
		t.Fatalf("D1 violated: %v: %s, want %s", q, keysOfEntries(got), keysOfEntries(want))
	}
	for i := range got {
		g, w := got[i], want[i]
		if g.Key != w.Key || !bytes.Equal(g.Value, w.Value) || g.Size != w.Size || !g.Expiration.Equal(w.Expiration) {
			t.Fatalf("D1 violated: %v: result %d is %v, want %v", q, i, g, w)
		}
	}
}

// naive is what go-datastore's own functions make of the query. Without orders
// results come by key.
func (m *model) naive(t *rapid.T, q query.Query) []query.Entry {
	all, err := m.Query(context.Background(), query.Query{KeysOnly: q.KeysOnly, Orders: []query.Order{query.OrderByKey{}}})
	if err != nil {
		t.Fatal(err)
	}
	es, err := all.Rest()
	if err != nil {
		t.Fatal(err)
	}
	for i := range es {
		if q.ReturnExpirations {
			es[i].Expiration = m.expires[datastore.RawKey(es[i].Key)]
		}
	}
	es, err = query.NaiveQueryApply(q, query.ResultsWithEntries(q, es)).Rest()
	if err != nil {
		t.Fatal(err)
	}
	return es
}

func anyQuery(t *rapid.T) query.Query {
	return query.Query{
		Prefix:            rapid.SampledFrom([]string{"", "/", "/a", "a/b", "/a/../b/", "/ab", "/a0", "/\xff", "/x"}).Draw(t, "prefix"),
		Filters:           rapid.SliceOfN(rapid.Custom(anyFilter), 0, 3).Draw(t, "filters"),
		Orders:            rapid.SliceOfN(rapid.Custom(anyOrder), 0, 3).Draw(t, "orders"),
		Offset:            rapid.IntRange(-1, 12).Draw(t, "offset"),
		Limit:             rapid.IntRange(-1, 12).Draw(t, "limit"),
		KeysOnly:          rapid.Bool().Draw(t, "keysOnly"),
		ReturnsSizes:      rapid.Bool().Draw(t, "sizes"),
		ReturnExpirations: rapid.Bool().Draw(t, "expirations"),
	}
}

func anyFilter(t *rapid.T) query.Filter {
	op := rapid.SampledFrom([]query.Op{query.Equal, query.NotEqual, query.GreaterThan, query.GreaterThanOrEqual, query.LessThan, query.LessThanOrEqual}).Draw(t, "op")
	key := rapid.SampledFrom([]string{"", "/", "/a", "/a/b", "/b", "/a!", "0", "!", "/\xff", "\xff", "\xff\xff"}).Draw(t, "filter key")
	switch rapid.IntRange(0, 6).Draw(t, "filter") {
	case 0:
		return query.FilterKeyCompare{Op: op, Key: key}
	case 1:
		return &query.FilterKeyCompare{Op: op, Key: key}
	case 2:
		return query.FilterKeyPrefix{Prefix: key}
	case 3:
		return &query.FilterKeyPrefix{Prefix: key}
	case 4:
		return query.FilterValueCompare{Op: op, Value: anyValue.Draw(t, "filter value")}
	case 5:
		return filterFunc(func(e query.Entry) bool { return e.Size%2 == 0 })
	}
	return filterFunc(func(e query.Entry) bool { return len(e.Key)%2 == 0 })
}

func anyOrder(t *rapid.T) query.Order {
	return rapid.SampledFrom([]query.Order{
		query.OrderByKey{}, &query.OrderByKey{}, query.OrderByKeyDescending{}, &query.OrderByKeyDescending{},
		query.OrderByValue{}, query.OrderByValueDescending{},
		query.OrderByFunction(func(a, b query.Entry) int { return a.Size - b.Size }),
		query.OrderByFunction(func(a, b query.Entry) int { return strings.Compare(a.Key[1:], b.Key[1:]) }),
	}).Draw(t, "order")
}

// D1: sorting with a limit, over more entries than are held at once.
func TestSortedWithLimit(t *testing.T) {
	d := inMemory(t)
	seed := rand.Uint64()
	t.Log("seed", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	b, err := d.Batch(t.Context())
	must(t, err)
	for i := range 6000 {
		must(t, b.Put(t.Context(), keyN(i), fmt.Appendf(nil, "%04d", r.IntN(500))))
	}
	must(t, b.Commit(t.Context()))
	all := rest(t, d, query.Query{})
	for _, q := range []query.Query{
		{Orders: []query.Order{query.OrderByValue{}}, Limit: 10},
		{Orders: []query.Order{query.OrderByValueDescending{}}, Limit: 900, Offset: 700},
		{Orders: []query.Order{query.OrderByValue{}, query.OrderByKeyDescending{}}, Offset: 5990, Limit: 100},
		{Orders: []query.Order{query.OrderByValue{}}},
	} {
		want, err := query.NaiveQueryApply(q, query.ResultsWithEntries(q, all)).Rest()
		must(t, err)
		if got := rest(t, d, q); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("D1 violated: %v: %d results, %d expected", q, len(got), len(want))
		}
	}
}

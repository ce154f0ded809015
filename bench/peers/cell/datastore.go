package cell

import (
	"bytes"
	"fmt"
	"time"

	datastore "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"

	"github.com/go-ds-prolly/go-ds-prolly/bench/dataset"
	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/peer"
)

// The workloads through go-datastore's own interface: small values, and large.

func smallValues(e *env) error {
	return throughDatastore(e, "ds.small", e.data, min(e.spec.N, 100_000), 1_000)
}

func largeValues(e *env) error {
	data := e.data
	data.Values = dataset.Bytes256K
	return throughDatastore(e, "ds.large", data, min(max(e.spec.N/1000, 20), 800), 20)
}

// asDatastore is what a datastore is asked for.
type asDatastore struct {
	*env
	d    datastore.Batching
	row  string
	data dataset.Set
	n    int // entries
}

func throughDatastore(e *env, row string, data dataset.Set, n, batch int) error {
	err := e.with(func(s peer.Store) error {
		d, ok := s.(peer.Datastorer)
		if !ok {
			return ErrUnable
		}
		w := &asDatastore{e, d.Datastore(), row, data, n}
		if err := w.batches(batch); err != nil {
			return err
		}
		if err := w.puts(n / 10); err != nil {
			return err
		}
		return s.Sync(e.ctx)
	})
	if err != nil {
		return err
	}
	return e.with(func(s peer.Store) error { // reads begin with what is in files
		w := &asDatastore{e, s.(peer.Datastorer).Datastore(), row, data, n}
		if err := w.reads(); err != nil {
			return err
		}
		return w.queries()
	})
}

func datastoreKey(b []byte) datastore.Key { return datastore.RawKey(string(b)) }

// batches puts all entries, and makes them durable.
func (w *asDatastore) batches(size int) error {
	var took time.Duration
	for at := 0; at < w.n; at += size {
		entries := w.data.Entries(at, min(w.n, at+size))
		start := time.Now()
		b, err := w.d.Batch(w.ctx)
		if err != nil {
			return err
		}
		for _, x := range entries {
			if err := b.Put(w.ctx, datastoreKey(x.Key), x.Value); err != nil {
				return err
			}
		}
		if err := b.Commit(w.ctx); err != nil {
			return err
		}
		took += time.Since(start)
	}
	start := time.Now()
	err := w.d.Sync(w.ctx, datastore.NewKey("/"))
	took += time.Since(start)
	w.figure(w.row+".batch", took.Seconds()/float64(w.n))
	return err
}

// puts puts new entries one by one, whose keys lie apart from the others', and
// makes them durable.
func (w *asDatastore) puts(n int) error {
	entries := w.data.Entries(w.n, w.n+n)
	took, err := timed(func() error {
		for _, x := range entries {
			if err := w.d.Put(w.ctx, datastoreKey(append([]byte("/put"), x.Key...)), x.Value); err != nil {
				return err
			}
		}
		return w.d.Sync(w.ctx, datastore.NewKey("/"))
	})
	w.figure(w.row+".put", took.Seconds()/float64(n))
	return err
}

// reads reads, asks for the presence and asks for the size of every entry that
// it picks, each twice, of which the second time counts.
func (w *asDatastore) reads() error {
	numbers := w.data.Pick(min(w.n, 20_000), w.n, 2)
	keys := make([]datastore.Key, len(numbers))
	for i, number := range numbers {
		keys[i] = datastoreKey(w.data.Key(number))
	}
	size := len(w.data.Value(0, 0))
	for _, op := range []struct {
		name string
		do   func(i int) error
	}{
		{"get", func(i int) error {
			v, err := w.d.Get(w.ctx, keys[i])
			if err == nil && (len(v) != size || i < 20 && !bytes.Equal(v, w.data.Value(numbers[i], 0))) {
				err = errWrong(keys[i].Bytes())
			}
			return err
		}},
		{"has", func(i int) error {
			yes, err := w.d.Has(w.ctx, keys[i])
			if err == nil && !yes {
				err = errWrong(keys[i].Bytes())
			}
			return err
		}},
		{"getsize", func(i int) error {
			n, err := w.d.GetSize(w.ctx, keys[i])
			if err == nil && n != size {
				err = errWrong(keys[i].Bytes())
			}
			return err
		}},
	} {
		if err := w.twice(op.name, len(keys), op.do); err != nil {
			return fmt.Errorf("%s: %w", op.name, err)
		}
	}
	return nil
}

func (w *asDatastore) twice(name string, n int, f func(i int) error) error {
	for range 2 {
		took, err := timed(func() error {
			for i := range n {
				if err := f(i); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		w.figure(w.row+"."+name, took.Seconds()/float64(n))
	}
	return nil
}

// queries asks for all entries below a prefix, with values and without.
func (w *asDatastore) queries() error {
	for _, q := range []struct {
		name     string
		keysOnly bool
	}{{"query", false}, {"keysonly", true}} {
		var all dataset.Bag
		n := 0
		walk := func(digest bool) error {
			n = 0
			return w.walkQuery(query.Query{Prefix: "/blob", KeysOnly: q.keysOnly}, func(x query.Entry) {
				n++
				if digest {
					all.Add([]byte(x.Key), x.Value)
				}
			})
		}
		if err := walk(true); err != nil {
			return err
		}
		w.r.Digests[w.row+" "+q.name] = all.String()
		took, err := timed(func() error { return walk(false) })
		if err != nil {
			return err
		}
		if n != w.n {
			return fmt.Errorf("%s yields %d entries of %d", q.name, n, w.n)
		}
		w.figure(w.row+"."+q.name, took.Seconds()/float64(n))
	}
	return nil
}

func (w *asDatastore) walkQuery(q query.Query, f func(query.Entry)) error {
	res, err := w.d.Query(w.ctx, q)
	if err != nil {
		return err
	}
	for {
		r, ok := res.NextSync()
		if !ok {
			return res.Close()
		}
		if r.Error != nil {
			_ = res.Close() // the first error is told
			return r.Error
		}
		f(r.Entry)
	}
}

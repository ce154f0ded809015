package prollyds

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	datastore "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/kv/memkv"
)

// crew runs goroutines until they are done and keeps their errors.
type crew struct {
	wg   sync.WaitGroup
	mu   sync.Mutex
	errs []error
}

func (c *crew) run(f func() error) {
	c.wg.Go(func() {
		if err := f(); err != nil {
			c.mu.Lock()
			c.errs = append(c.errs, err)
			c.mu.Unlock()
		}
	})
}

func (c *crew) wait() error {
	c.wg.Wait()
	return errors.Join(c.errs...)
}

const members = 20 // keys that are always written together

func memberKey(i int) datastore.Key { return datastore.RawKey(fmt.Sprintf("/group/%02d", i)) }

// D3, D10: batches and transactions are seen whole or not at all, counting in
// transactions loses nothing, and a key's value and expiry time belong
// together, while everything goes on at once.
func TestTogether(t *testing.T) {
	e, err := engine.New(memkv.New(), &engine.Options{StagingBytes: 16 << 10})
	must(t, err)
	d := ownedBranch(t, e)
	rounds := 300
	if testing.Short() {
		rounds = 50
	}
	var writers, readers crew
	var over atomic.Bool
	for w := range 2 {
		writers.run(func() error { return writeGroup(t.Context(), d, w, rounds) })
		writers.run(func() error { return count(t.Context(), d, rounds/5) })
	}
	writers.run(func() error { return mortals(t.Context(), d, rounds) })
	writers.run(func() error {
		for range rounds / 50 {
			if err := d.CollectGarbage(t.Context()); err != nil {
				return err
			}
		}
		return nil
	})
	for r := range 4 {
		readers.run(func() error {
			for n := 0; !over.Load() || n == 0; n++ {
				if err := readGroup(t.Context(), d, r); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err = writers.wait()
	over.Store(true)
	must(t, errors.Join(err, readers.wait()))
	v, err := d.Get(t.Context(), counterKey)
	must(t, err)
	if got := binary.BigEndian.Uint64(v); got != 2*uint64(rounds/5) {
		t.Errorf("D10 violated: counted %d of %d", got, 2*(rounds/5))
	}
	must(t, d.Check(t.Context()))
}

// writeGroup gives all members one value, by a batch or a transaction, which
// begins again when it conflicts: it does with others that set expiry times of
// its keys, and when too much is written while it is open.
func writeGroup(ctx context.Context, d *Datastore, w, rounds int) error {
	for i := range rounds {
		begin := func() (datastore.Batch, error) { return d.Batch(ctx) }
		if i%2 == 1 {
			begin = func() (datastore.Batch, error) { return d.NewTransaction(ctx, false) }
		}
		value := fmt.Appendf(nil, "%d/%d", w, i)
		err := writeMembers(ctx, begin, value)
		for i%2 == 1 && errors.Is(err, engine.ErrConflict) {
			err = writeMembers(ctx, begin, value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func writeMembers(ctx context.Context, begin func() (datastore.Batch, error), value []byte) error {
	to, err := begin()
	if err != nil {
		return err
	}
	for m := range members {
		if err := to.Put(ctx, memberKey(m), value); err != nil {
			return err
		}
	}
	return to.Commit(ctx)
}

// readGroup expects one value of all members.
func readGroup(ctx context.Context, d *Datastore, way int) error {
	var from datastore.Read = d
	if way%2 == 1 {
		tx, err := d.NewTransaction(ctx, true)
		if err != nil {
			return err
		}
		defer tx.Discard(ctx)
		from = tx
	}
	q := query.Query{Prefix: "/group"}
	if way >= 2 {
		q.Orders = []query.Order{query.OrderByKeyDescending{}}
	}
	r, err := from.Query(ctx, q)
	if err != nil {
		return err
	}
	es, err := r.Rest()
	if err != nil {
		return err
	}
	if len(es) != 0 && len(es) != members {
		return fmt.Errorf("D3 violated: %d members", len(es))
	}
	for _, e := range es {
		if string(e.Value) != string(es[0].Value) {
			return fmt.Errorf("D3 violated: %q and %q", e.Value, es[0].Value)
		}
	}
	return mortalsAgree(ctx, d)
}

var counterKey = datastore.NewKey("counter")

// count adds 1 in as many transactions.
func count(ctx context.Context, d *Datastore, times int) error {
	for done := 0; done < times; {
		err := countOnce(ctx, d)
		if err == nil {
			done++
		} else if !errors.Is(err, engine.ErrConflict) {
			return err
		}
	}
	return nil
}

func countOnce(ctx context.Context, d *Datastore) error {
	tx, err := d.NewTransaction(ctx, false)
	if err != nil {
		return err
	}
	defer tx.Discard(ctx)
	n := uint64(0)
	v, err := tx.Get(ctx, counterKey)
	if err == nil {
		n = binary.BigEndian.Uint64(v)
	} else if err != datastore.ErrNotFound {
		return err
	}
	if err := tx.Put(ctx, counterKey, binary.BigEndian.AppendUint64(nil, n+1)); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

var mortalKey = datastore.NewKey("mortal")

// mortals writes a key in turns with and without an expiry time. The value
// says which.
func mortals(ctx context.Context, d *Datastore, rounds int) error {
	for i := range rounds {
		var err error
		if i%2 == 0 {
			err = d.PutWithTTL(ctx, mortalKey, []byte("mortal"), time.Hour)
		} else {
			err = d.Put(ctx, mortalKey, []byte("immortal"))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func mortalsAgree(ctx context.Context, d *Datastore) error {
	r, err := d.Query(ctx, query.Query{Filters: []query.Filter{query.FilterKeyCompare{Op: query.Equal, Key: mortalKey.String()}}, ReturnExpirations: true})
	if err != nil {
		return err
	}
	es, err := r.Rest()
	if err != nil {
		return err
	}
	for _, e := range es {
		if (string(e.Value) == "mortal") == e.Expiration.IsZero() {
			return fmt.Errorf("D3 violated: %s expires %v", e.Value, e.Expiration)
		}
	}
	return nil
}

// D8: Close while everything is busy ends it all, without panic or leak.
func TestCloseWhileBusy(t *testing.T) {
	for range 10 {
		d := inMemory(t)
		must(t, d.PutWithTTL(t.Context(), datastore.NewKey("x"), nil, time.Hour))
		var c crew
		started := make(chan struct{}, 16)
		busy := func(f func() error) {
			c.run(func() error {
				for n := 0; ; n++ {
					if err := f(); errors.Is(err, engine.ErrClosed) {
						return nil
					} else if err != nil && !errors.Is(err, engine.ErrConflict) {
						return err
					}
					if n == 0 {
						started <- struct{}{}
					}
				}
			})
		}
		ctx := t.Context()
		busy(func() error { return writeGroup(ctx, d, 0, 1) })
		busy(func() error { return countOnce(ctx, d) })
		busy(func() error { return mortals(ctx, d, 2) })
		busy(func() error { return d.Sync(ctx, counterKey) })
		for way := range 4 {
			busy(func() error { return readGroup(ctx, d, way) })
		}
		for range 8 {
			<-started
		}
		must(t, d.Close())
		must(t, c.wait())
	}
}

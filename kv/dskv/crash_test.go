package dskv_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	ds "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/kv/dskv"
)

// unordered is a datastore that promises as little as a datastore may: until
// Sync, each write may survive a crash without those before it.
type unordered struct {
	*ds.MapDatastore
	mu      sync.Mutex
	durable map[ds.Key][]byte
	pending []pending
	before  func(*unordered) // called before each write and Sync, with mu held
}

// pending is a write that is not durable yet; a nil value deletes.
type pending struct {
	key   ds.Key
	value []byte
}

func newUnordered(content map[ds.Key][]byte) *unordered {
	u := &unordered{MapDatastore: ds.NewMapDatastore(), durable: map[ds.Key][]byte{}, before: func(*unordered) {}}
	for key, value := range content {
		u.durable[key] = value
		_ = u.MapDatastore.Put(bg, key, value) // a map never fails
	}
	return u
}

func (u *unordered) write(key ds.Key, value []byte) {
	u.before(u)
	u.pending = append(u.pending, pending{key, value})
}

func (u *unordered) Put(ctx context.Context, key ds.Key, value []byte) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.write(key, append([]byte{}, value...))
	return u.MapDatastore.Put(ctx, key, value)
}

func (u *unordered) Delete(ctx context.Context, key ds.Key) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.write(key, nil)
	return u.MapDatastore.Delete(ctx, key)
}

func (u *unordered) Sync(context.Context, ds.Key) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.before(u)
	for _, p := range u.pending {
		survive(u.durable, p)
	}
	u.pending = nil
	return nil
}

func (u *unordered) Get(ctx context.Context, key ds.Key) ([]byte, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.MapDatastore.Get(ctx, key)
}

func (u *unordered) Query(ctx context.Context, q query.Query) (query.Results, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.MapDatastore.Query(ctx, q)
}

func (u *unordered) Batch(context.Context) (ds.Batch, error) { return ds.NewBasicBatch(u), nil }

func survive(content map[ds.Key][]byte, p pending) {
	if p.value == nil {
		delete(content, p.key)
		return
	}
	content[p.key] = p.value
}

// crash is what a crash leaves: all that was synced and, of the rest, each
// write with a chance in percent.
func (u *unordered) crash(rng *rand.Rand, percent int) *unordered {
	left := map[ds.Key][]byte{}
	for key, value := range u.durable {
		left[key] = value
	}
	for _, p := range u.pending {
		if rng.IntN(100) < percent {
			survive(left, p)
		}
	}
	return newUnordered(left)
}

// crashSteps is how many batches the crash test commits.
const crashSteps = 24

// commitStep is batch n: a node, a blob, the ref, the log.
func commitStep(s kv.Store, n int) error {
	b := s.NewBatch()
	node, blob := stepBlocks(n)
	_, err := b.PutNode(codec.Sum(node), node, nil)
	err = errors.Join(err, b.PutBlob(codec.RawCID(blob), blob), b.SwapRef("main", stepValue(n-1), stepValue(n)))
	if n%6 == 0 { // an emptied log begins with lower numbers
		err = errors.Join(err, b.TrimLog("main", 1000))
	}
	return errors.Join(err, b.AppendLog("main", stepSeq(n), stepValue(n)), b.Commit(bg))
}

func stepBlocks(n int) (node, blob []byte) {
	return fmt.Appendf(nil, "node %d", n), fmt.Appendf(nil, "blob %d", n)
}

func stepValue(n int) []byte {
	if n == 0 {
		return nil
	}
	return fmt.Appendf(nil, "%d", n)
}

func stepSeq(n int) uint64 { return uint64(n%6*2 + 1) }

// TestCrash crashes before every write and Sync of a run. What is found then
// is a prefix of the commits with all that was synced (K1 to K3, D1 to D3).
func TestCrash(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 0))
	acked, begun, points := 0, 0, 0
	u := newUnordered(nil)
	u.before = func(u *unordered) {
		for _, percent := range []int{0, 30, 70, 100} {
			points++
			left := u.crash(rng, percent)
			if err := goOn(left.crash(rng, 100)); err != nil {
				t.Fatalf("seed %d, %d %% survive, step %d: %v", seed, percent, begun, err)
			}
			for range 2 { // the second time after what New removed
				if err := verifyCrash(left, acked, begun); err != nil {
					t.Fatalf("seed %d, %d %% survive, steps %d acknowledged and %d begun: %v", seed, percent, acked, begun, err)
				}
				left = left.crash(rng, percent)
			}
		}
	}
	s, err := dskv.New(bg, u)
	for begun < crashSteps && err == nil {
		begun++
		if err = commitStep(s, begun); err == nil && begun%5 == 0 {
			if err = s.Sync(bg); err == nil {
				acked = begun
			}
		}
	}
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d crash points", points)
}

func verifyCrash(left *unordered, acked, begun int) error {
	s, err := dskv.New(bg, left)
	if err != nil {
		return err
	}
	at := 0
	value, err := s.ReadRef(bg, "main")
	if err == nil {
		_, err = fmt.Sscan(string(value), &at)
	} else if errors.Is(err, kv.ErrNotFound) {
		err = nil
	}
	if err == nil && (at < acked || at > begun) {
		err = fmt.Errorf("at step %d (K2, K3)", at)
	}
	for n := 1; n <= at && err == nil; n++ {
		node, blob := stepBlocks(n)
		var got kv.Node
		if got, err = s.ReadNode(bg, codec.Sum(node), kv.Hint{}); err == nil && !bytes.Equal(got.Block, node) {
			err = fmt.Errorf("node %d has other bytes (K6)", n)
		}
		if err == nil {
			_, err = s.ReadBlob(bg, codec.RawCID(blob))
		}
	}
	n := max(1, at/6*6)
	for r, e := range s.ReadLog(bg, "main", 0) {
		if err == nil {
			err = e
		}
		if err == nil && (r.Seq != stepSeq(n) || !bytes.Equal(r.Data, stepValue(n))) {
			err = fmt.Errorf("log record %d holds %q at step %d (D3)", r.Seq, r.Data, n)
		}
		n++
	}
	if err == nil && n != at+1 {
		err = fmt.Errorf("the log ends at step %d, the ref stands at %d (D1)", n-1, at)
	}
	return errors.Join(err, s.Close())
}

// goOn appends a record far above the others, so that remains of a batch that
// was cut short would come to count (D3).
func goOn(left *unordered) error {
	s, err := dskv.New(bg, left)
	if err != nil {
		return err
	}
	count := func() (n int) {
		for _, e := range s.ReadLog(bg, "main", 0) {
			err = errors.Join(err, e)
			n++
		}
		return n
	}
	before := count()
	b := s.NewBatch()
	err = errors.Join(err, b.AppendLog("main", 100, nil), b.Commit(bg))
	if after := count(); err == nil && after != before+1 {
		err = fmt.Errorf("one record appended to %d makes %d (D3)", before, after)
	}
	return errors.Join(err, s.Close())
}

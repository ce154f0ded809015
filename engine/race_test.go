package engine

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

var raceFor = flag.Duration("race.for", 0, "how long TestRace runs at least")

// TestRace has 16 goroutines read, 4 write, one commit, one compare snapshots
// and one collect garbage. A writer w writes, in rising order, the same number
// to three keys in one step: wherever they are read together they agree, and no
// reader sees a number fall.
func TestRace(t *testing.T) {
	over(t, func(t *testing.T, open opener) {
		e := startTest(t, open, &Options{StagingBytes: 64 << 10, CacheBytes: 256 << 10})
		r := &race{t: t, e: e, b: must(e.Branch(ctx, "main"))(t), until: time.Now().Add(*raceFor / 2)}
		r.commits, r.collections = make(chan struct{}, 1), make(chan struct{}, 1)
		if r.puts = 1000; testing.Short() {
			r.puts = 200
		}
		r.run()
		do(t, e.Check(ctx, func(p Problem) { t.Error(p) }))
		if n := e.pins.len(); n != 0 {
			t.Errorf("%d pins left", n)
		}
	})
}

type race struct {
	t     *testing.T
	e     *Engine
	b     *Branch
	until time.Time
	puts  int
	over  atomic.Bool

	commits, collections chan struct{} // what the writers have made due
}

const raceWriters = 4

func (r *race) run() {
	var writers, others sync.WaitGroup
	for w := range raceWriters {
		writers.Go(func() { r.write(w) })
	}
	for i := range 16 {
		others.Go(func() { r.whileRunning(uint64(i), r.read) })
	}
	others.Go(func() { r.whileRunning(100, r.commit) })
	others.Go(func() { r.whileRunning(101, r.diff) })
	others.Go(func() { r.whileRunning(102, r.collect) })
	writers.Wait()
	r.over.Store(true)
	close(r.commits)
	close(r.collections)
	others.Wait()
}

func (r *race) whileRunning(seed uint64, f func(*rand.Rand) error) {
	x := rand.New(rand.NewPCG(seed, 4))
	for !r.over.Load() {
		if err := f(x); err != nil {
			r.t.Error(err)
			r.over.Store(true)
		}
	}
}

// raceKey is one of the three keys of slot s of writer w, far from each other.
func raceKey(part, w, s int) []byte { return fmt.Appendf(nil, "%d/%d/%d", part, w, s) }

const raceSlots = 50

func (r *race) write(w int) {
	x := rand.New(rand.NewPCG(uint64(w), 5))
	for n := 1; (n <= r.puts || time.Now().Before(r.until)) && !r.over.Load(); n++ {
		s := x.IntN(raceSlots)
		value := fmt.Appendf(nil, "%012d", n)
		if n%100 == 0 { // out of line
			value = append(value, bytes.Repeat([]byte{'x'}, 3000)...)
		}
		var edits []prolly.Edit
		for part := range 3 {
			edits = append(edits, prolly.Edit{Key: raceKey(part, w, s), Value: prolly.Value{Bytes: value}})
		}
		d := NoSync
		if n%50 == 0 {
			d = Sync
		}
		if err := r.b.Apply(ctx, edits, d); err != nil {
			r.t.Error(err)
			return
		}
		makeDue(r.commits, n%20 == 0)
		makeDue(r.collections, n%200 == 0)
	}
}

func makeDue(c chan struct{}, due bool) {
	if due {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// read reads the three keys of a slot at one moment, in one of several ways.
func (r *race) read(x *rand.Rand) error {
	w, s := x.IntN(raceWriters), x.IntN(raceSlots)
	before, err := r.number(r.b.Get(ctx, raceKey(0, w, s)))
	if err != nil {
		return err
	}
	var got [3]string
	switch x.IntN(3) {
	case 0:
		tx, err := r.b.Begin(ctx)
		if err != nil {
			return err
		}
		defer tx.Discard()
		for part := range got {
			if got[part], err = r.number(tx.Get(ctx, raceKey(part, w, s))); err != nil {
				return err
			}
		}
	case 1:
		snap, err := r.b.Snapshot(ctx)
		if err != nil {
			return err
		}
		defer snap.Close()
		for part := range got {
			if got[part], err = r.number(snap.Tree().Get(ctx, raceKey(part, w, s))); err != nil {
				return err
			}
		}
	default:
		if got, err = r.scan(x.IntN(2) == 0, w, s); err != nil {
			return err
		}
	}
	if got[0] != got[1] || got[1] != got[2] || got[0] < before {
		return fmt.Errorf("writer %d, slot %d: %q after %q", w, s, got, before)
	}
	return nil
}

// number is the beginning of a value.
func (r *race) number(v []byte, err error) (string, error) {
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	return string(v[:min(len(v), 12)]), err
}

// scan iterates over everything. Out-of-line values are looked up afterwards,
// and must then not be older.
func (r *race) scan(reverse bool, w, s int) (got [3]string, err error) {
	var large bool
	for e, err := range r.b.Range(ctx, prolly.Range{Reverse: reverse}) {
		if err != nil {
			return got, err
		}
		for part := range got {
			if bytes.Equal(e.Key, raceKey(part, w, s)) {
				got[part], _ = r.number(e.Value.Bytes, nil)
				large = large || len(e.Value.Bytes) == 0
			}
		}
	}
	if large {
		v, err := r.number(r.b.Get(ctx, raceKey(0, w, s)))
		return [3]string{v, v, v}, err
	}
	return got, nil
}

func (r *race) commit(*rand.Rand) error {
	<-r.commits
	c, err := r.b.Commit(ctx, CommitOptions{Message: "race", Durability: NoSync})
	if err != nil {
		return err
	}
	if _, err := r.b.Fold(ctx); err != nil {
		return err
	}
	head, err := r.b.Head(ctx)
	if err == nil && head.Seq < c.Seq {
		err = fmt.Errorf("head is commit %d after %d", head.Seq, c.Seq)
	}
	return err
}

// diff compares two snapshots: what changed between them did not fall.
func (r *race) diff(*rand.Rand) error {
	a, err := r.b.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := r.b.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	for c, err := range prolly.Diff(ctx, a.Tree(), b.Tree(), prolly.Range{}) {
		if err != nil {
			return err
		}
		if c.To == nil {
			return fmt.Errorf("%q went", c.Key)
		}
		if c.From != nil && c.From.Size == 12 && c.To.Size == 12 && string(c.From.Bytes) >= string(c.To.Bytes) {
			return fmt.Errorf("%q fell from %s to %s", c.Key, c.From.Bytes, c.To.Bytes)
		}
	}
	return nil
}

func (r *race) collect(*rand.Rand) error {
	<-r.collections
	_, err := r.e.GC(ctx, GCOptions{})
	return err
}

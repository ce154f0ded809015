package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// action is one atomic action on a few keys: what it read, then what it wrote.
type action struct {
	reads  map[string]string // "" means not there
	ranges []ranged
	writes map[string]string // "" deletes
}

// ranged is an iteration over [from, to) and what it yielded.
type ranged struct {
	from, to string
	yielded  string
}

func (a action) String() string { return fmt.Sprintf("%v %v → %v", a.reads, a.ranges, a.writes) }

// actions is the sequential specification: actions one after the other.
var actions = porcupine.Model{
	Init: func() any { return "" },
	Step: func(state, input, _ any) (bool, any) {
		m, a := parseState(state.(string)), input.(action)
		for k, v := range a.reads {
			if m[k] != v {
				return false, state
			}
		}
		for _, r := range a.ranges {
			if m.yields(r.from, r.to) != r.yielded {
				return false, state
			}
		}
		for k, v := range a.writes {
			if v == "" {
				delete(m, k)
			} else {
				m[k] = v
			}
		}
		return true, m.yields("", "")
	},
}

// few is the content of a small branch.
type few map[string]string

func (m few) yields(from, to string) (s string) {
	for _, k := range historyKeys {
		if v, ok := m[k]; ok && k >= from && (to == "" || k < to) {
			s += k + "=" + v + " "
		}
	}
	return s
}

func parseState(s string) few {
	m := few{}
	for len(s) > 0 {
		var k, v string
		if n, err := fmt.Sscanf(s, "%1s=%s ", &k, &v); n != 2 || err != nil {
			panic(fmt.Sprint(s, err))
		}
		m[k] = v
		s = s[len(k)+len(v)+2:]
	}
	return m
}

var historyKeys = []string{"a", "b", "c", "d", "e"}

// recorder gathers a history.
type recorder struct {
	mu    sync.Mutex
	start time.Time
	ops   []porcupine.Operation
}

// run does f, and records what it returns when it tells that it took place.
func (h *recorder) run(client int, f func() (action, bool)) {
	call := time.Since(h.start)
	a, ok := f()
	end := time.Since(h.start)
	if ok {
		h.mu.Lock()
		h.ops = append(h.ops, porcupine.Operation{ClientId: client, Input: a, Call: int64(call), Return: int64(end)})
		h.mu.Unlock()
	}
}

// TestHistories lets clients put, get, range, run transactions and updates
// while the branch is folded, and has porcupine find an order in
// which all that took place explains itself (E1, E3, E7).
func TestHistories(t *testing.T) {
	rounds, conflicts := 30, &atomic.Int64{}
	if testing.Short() {
		rounds = 6
	}
	over(t, func(t *testing.T, open opener) {
		e := startTest(t, open, &Options{StagingBytes: 500})
		for seed := range uint64(rounds) {
			b := must(e.Branch(ctx, fmt.Sprintf("round %d", seed)))(t)
			h := runHistory(t, b, seed, conflicts)
			if r := porcupine.CheckOperationsTimeout(actions, h.ops, 20*time.Second); r != porcupine.Ok {
				for _, op := range h.ops {
					t.Logf("client %d, %d to %d: %v", op.ClientId, op.Call, op.Return, op.Input)
				}
				t.Fatalf("seed %d: %v", seed, r)
			}
		}
	})
	if conflicts.Load() == 0 {
		t.Error("no transaction met a conflict: the histories are too tame")
	}
}

func runHistory(t *testing.T, b *Branch, seed uint64, conflicts *atomic.Int64) *recorder {
	h := &recorder{start: time.Now()}
	var wg, background sync.WaitGroup
	done := make(chan struct{})
	background.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				if _, err := b.Fold(ctx); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for client := range 4 {
		wg.Go(func() {
			c := historyClient{t: t, b: b, r: rand.New(rand.NewPCG(seed, uint64(client))), conflicts: conflicts}
			for range 14 {
				h.run(client, c.next())
			}
		})
	}
	wg.Wait()
	close(done)
	background.Wait()
	return h
}

type historyClient struct {
	t         *testing.T
	b         *Branch
	r         *rand.Rand
	conflicts *atomic.Int64
}

func (c *historyClient) key() string   { return historyKeys[c.r.IntN(len(historyKeys))] }
func (c *historyClient) value() string { return fmt.Sprint(c.r.IntN(1000)) }

// next draws what the client does next.
func (c *historyClient) next() func() (action, bool) {
	switch c.r.IntN(8) {
	case 0:
		return c.put
	case 1:
		return c.get
	case 2:
		return c.scan
	case 3:
		return c.update
	case 4:
		return c.apply
	}
	return c.transact
}

func (c *historyClient) put() (action, bool) {
	a := action{writes: map[string]string{c.key(): c.value()}}
	for k, v := range a.writes {
		do(c.t, c.b.Put(ctx, []byte(k), []byte(v), NoSync))
	}
	return a, true
}

func (c *historyClient) get() (action, bool) {
	k := c.key()
	return action{reads: map[string]string{k: found(c.t, k, c.b.Get)}}, true
}

func (c *historyClient) scan() (action, bool) {
	return action{ranges: []ranged{scanned(c.t, c.b, "b", "e")}}, true
}

func (c *historyClient) update() (action, bool) {
	a := action{reads: map[string]string{}, writes: map[string]string{}}
	do(c.t, c.b.Update(ctx, func(u *Update) error {
		k := c.key()
		a.reads[k] = found(c.t, k, u.Tree().Get)
		a.writes[c.key()] = c.value()
		for k, v := range a.writes {
			do(c.t, u.Tree().Put(ctx, []byte(k), []byte(v)))
		}
		return nil
	}, NoSync))
	return a, true
}

// apply makes so many edits that they bypass staging.
func (c *historyClient) apply() (action, bool) {
	a := action{writes: map[string]string{}}
	var edits []prolly.Edit
	for range 10 {
		k, v := c.key(), c.value()
		a.writes[k] = v
		edits = append(edits, prolly.Edit{Key: []byte(k), Value: prolly.Value{Bytes: []byte(v)}})
	}
	do(c.t, c.b.Apply(ctx, edits, NoSync))
	return a, true
}

func (c *historyClient) transact() (action, bool) {
	a := action{reads: map[string]string{}, writes: map[string]string{}}
	tx := must(c.b.Begin(ctx))(c.t)
	defer tx.Discard()
	for range 1 + c.r.IntN(2) {
		k := c.key()
		a.reads[k] = found(c.t, k, tx.Get)
	}
	if c.r.IntN(2) == 0 {
		a.ranges = append(a.ranges, scanned(c.t, tx, "a", "c"))
	}
	for range c.r.IntN(3) {
		a.writes[c.key()] = []string{"", c.value()}[c.r.IntN(2)]
	}
	for k, v := range a.writes {
		if v == "" {
			do(c.t, tx.Delete(ctx, []byte(k)))
		} else {
			do(c.t, tx.Put(ctx, []byte(k), []byte(v)))
		}
	}
	err := tx.Commit(ctx, NoSync)
	if errors.Is(err, ErrConflict) {
		c.conflicts.Add(1)
		return a, false
	}
	do(c.t, err)
	return a, true
}

// getter is the Get of whatever has one.
type getter func(context.Context, []byte) ([]byte, error)

func found(t *testing.T, key string, get getter) string {
	v, err := get(ctx, []byte(key))
	if err != nil {
		want(t, err, ErrNotFound)
	}
	return string(v)
}

func scanned(t *testing.T, r ranger, from, to string) ranged {
	m := few{}
	for e, err := range r.Range(ctx, prolly.Range{From: []byte(from), To: []byte(to)}) {
		do(t, err)
		m[string(e.Key)] = string(e.Value.Bytes)
	}
	return ranged{from, to, m.yields("", "")}
}

package sync

import (
	"encoding/binary"
	"flag"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// What is measured: entries of 62-byte keys and 100-byte values, as in the
// project's other figures; bytes as they pass the server's socket, both ways,
// headers and all.

var tableSize = flag.Int("sync.table", 0, "print the table of bytes and round trips with so many entries")

const (
	keyBytes   = 62
	valueBytes = 100
	entryBytes = keyBytes + valueBytes
	perTrip    = 1 << 10 // what HTTP may take
)

// figureKey is the i-th key, in no order.
func figureKey(i int) []byte {
	const letters = "abcdefghijklmnopqrstuvwxyz234567"
	rng := rand.New(rand.NewPCG(uint64(i), 1))
	k := append(make([]byte, 0, keyBytes), "/blob/"...)
	for len(k) < keyBytes {
		k = append(k, letters[rng.IntN(32)])
	}
	return k
}

func figureValue(i, version int) []byte {
	rng := rand.New(rand.NewPCG(uint64(i), uint64(version)))
	v := make([]byte, 0, valueBytes+8)
	for len(v) < valueBytes {
		v = binary.LittleEndian.AppendUint64(v, rng.Uint64())
	}
	return v[:valueBytes]
}

// figureEntries are the first n entries, of version 2 for one in every so many,
// and of version 1 otherwise.
func figureEntries(n, every int) iter.Seq2[prolly.Entry, error] {
	return func(yield func(prolly.Entry, error) bool) {
		for i := range n {
			version := 1
			if every > 0 && i%every == 0 {
				version = 2
			}
			if !yield(prolly.Entry{Key: figureKey(i), Value: prolly.Value{Bytes: figureValue(i, version)}}, nil) {
				return
			}
		}
	}
}

// filled returns a branch with n entries and a commit.
func filled(t testing.TB, e *engine.Engine, n, every int) *engine.Branch {
	t.Helper()
	b := must(e.Branch(ctx, "main"))(t)
	must(b.Load(ctx, figureEntries(n, every)))(t)
	must(b.Commit(ctx, engine.CommitOptions{Message: "filled"}))(t)
	return b
}

// change gives one in every so many of n entries another value, and commits.
func change(t testing.TB, b *engine.Branch, n, d, version int) {
	t.Helper()
	var edits []prolly.Edit
	for i := range d {
		k := i * (n / d)
		edits = append(edits, prolly.Edit{Key: figureKey(k), Value: prolly.Value{Bytes: figureValue(k, version)}})
	}
	do(t, b.Apply(ctx, edits))
	must(b.Commit(ctx, engine.CommitOptions{Message: "changed"}))(t)
}

// measured is what a sync took at the socket.
type measured struct {
	bytes, trips int64
	took         time.Duration
}

func measure(t testing.TB, s *server, f func()) measured {
	t.Helper()
	s.CloseClientConnections() // each begins with a connection of its own
	bytes, trips, began := s.wire.total(), s.requests.Load(), time.Now()
	f()
	took := time.Since(began)
	return measured{s.wire.total() - bytes, s.requests.Load() - trips, took}
}

// ratio is the bytes over those of d entries, after what HTTP may take.
func (m measured) ratio(d int) float64 {
	return float64(m.bytes-m.trips*perTrip) / float64(d*entryBytes)
}

// TestBytesOnTheWire: with a base that both know at most 1.2 times the changed
// entries and one round trip; with nothing in common at most 2.7 times and three;
// a first clone at most 1.08 times all entries; each and 1 KiB a round trip.
func TestBytesOnTheWire(t *testing.T) {
	n, ds := 20_000, []int{1, 20, 400, 2000}
	if testing.Short() {
		n, ds = 5000, []int{1, 100}
	}
	if *tableSize > 0 {
		n, ds = *tableSize, []int{1, 100, 10_000, 100_000}
	}
	var table strings.Builder
	fmt.Fprintf(&table, "| %d entries | d | bytes | bytes / changed entries | after 1 KiB a trip | round trips | time |\n|---|---|---|---|---|---|---|\n", n)
	row := func(name string, d int, m measured, limit float64, trips int64) {
		fmt.Fprintf(&table, "| %s | %d | %d | %.2f | %.2f | %d | %v |\n", name, d, m.bytes,
			float64(m.bytes)/float64(d*entryBytes), m.ratio(d), m.trips, m.took.Round(time.Millisecond))
		if m.ratio(d) > limit || m.trips > trips {
			t.Errorf("%s, d = %d: %.3f times the entries in %d round trips; %.2f and %d allowed", name, d, m.ratio(d), m.trips, limit, trips)
		}
	}
	hub := replica(t, "memory")
	s := serve(t, NewHandler(hub, HandlerOptions{Authorize: writable}))
	c := client(t, s)
	main := filled(t, hub, n, 0)
	local := replica(t, "memory")
	m := measure(t, s, func() { must(c.Clone(ctx, local, CloneOptions{Branch: "main"}))(t) })
	row("first clone", n, m, 1.08, 1)
	ours := must(local.Lookup(ctx, "main"))(t)
	for i, d := range ds {
		change(t, main, n, d, 10+2*i)
		m := measure(t, s, func() { must(c.Pull(ctx, ours, PullOptions{}))(t) })
		row("pull, base known", d, m, 1.2, 1)
		change(t, ours, n, d, 11+2*i)
		m = measure(t, s, func() { must(c.Push(ctx, ours, PushOptions{}))(t) })
		row("push, base known", d, m, 1.2, 1)
	}
	root := must(main.Root(ctx))(t)
	for i, d := range ds {
		// Another replica with the same entries, made on its own.
		apart := replica(t, "memory")
		b := must(apart.Branch(ctx, "main"))(t)
		must(b.Load(ctx, main.Range(ctx, prolly.Range{})))(t)
		must(b.Commit(ctx, engine.CommitOptions{Message: "on its own"}))(t)
		change(t, b, n, d, 100+i)
		bytes, levels := descend(t, main, b)
		var r Result
		m := measure(t, s, func() { r = must(c.Pull(ctx, b, PullOptions{Replace: true}))(t) })
		if r.After.Root != root {
			t.Fatalf("reached %v", r.After.Root)
		}
		row("pull, nothing known", d, m, 2.7, 3)
		do(t, apart.Close())
		fmt.Fprintf(&table, "| – by descending node by node | %d | %d | %.2f | | %d | |\n", d, bytes, float64(bytes)/float64(d*entryBytes), levels)
	}
	t.Logf("\n%s", table.String())
}

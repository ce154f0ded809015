package pebblekv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// heldModel is a store with two logs, and what they must hold.
type heldModel struct {
	t      *testing.T
	seed   uint64
	r      *rand.Rand
	fs     *vfs.MemFS
	s      *Store
	refs   map[string][]byte
	logs   map[string][]kv.Record
	last   map[string]uint64
	order  []logPlace // records in the order of their commits
	synced int        // of them those that a sync has made durable
}

// logPlace is where a record is.
type logPlace struct {
	ref string
	seq uint64
}

// TestHeld: whatever is committed, held or not, is in the log for who reads it;
// after a crash what is there is what was committed up to some moment, at or
// after the last sync (P11, and K1 to K3).
func TestHeld(t *testing.T) {
	for round := range 12 {
		seed := rand.Uint64()
		m := &heldModel{t: t, seed: seed, r: rand.New(rand.NewPCG(seed, uint64(round))), fs: vfs.NewCrashableMem(),
			refs: map[string][]byte{}, logs: map[string][]kv.Record{}, last: map[string]uint64{}}
		m.open(m.fs)
		for i := range 600 {
			m.step()
			if i%150 == 149 {
				m.crash()
			}
			if n := m.s.held; n != nil && n.Len() >= heldBytes {
				t.Fatalf("seed %d: %d bytes are held", seed, n.Len())
			}
		}
		m.must(m.s.Close())
		if m.s.held != nil {
			t.Fatalf("seed %d: a closed store holds records", seed)
		}
		m.open(m.fs)
		m.compare()
		m.must(m.s.Close())
	}
}

func (m *heldModel) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatalf("seed %d: %v", m.seed, err)
	}
}

func (m *heldModel) open(fs vfs.FS) {
	s, err := Open("/store", &Options{FS: fs, MemTableBytes: 256 << 10})
	m.must(err)
	m.s = s
}

// step does something, mostly what leaves records held.
func (m *heldModel) step() {
	ref := fmt.Sprint("ref", m.r.IntN(2))
	ctx := context.Background()
	switch n := m.r.IntN(200); {
	case n == 0:
		m.compare()
	case n == 1:
		m.must(m.s.Sync(ctx))
		m.synced = len(m.order)
	case n < 4:
		b := m.s.NewBatch()
		value := fmt.Append(nil, m.r.Uint32())
		m.must(errors.Join(b.SwapRef(ref, m.refs[ref], value), m.append(b, ref, 10), b.Commit(ctx)))
		m.refs[ref] = value
	case n < 8 && m.last[ref] < 2:
	case n < 6: // what is left tells how far the log came
		b := m.s.NewBatch()
		seq := m.last[ref] - 1 - m.r.Uint64N(min(20, m.last[ref]-1))
		m.must(errors.Join(b.TrimLog(ref, seq), b.Commit(ctx)))
		for m.logs[ref][0].Seq <= seq {
			m.logs[ref] = m.logs[ref][1:]
		}
	case n < 8: // refused, and changes nothing
		b := m.s.NewBatch()
		m.must(b.AppendLog(ref, m.last[ref], []byte("again")))
		if err := b.Commit(ctx); !errors.Is(err, kv.ErrSequence) {
			m.t.Fatalf("seed %d: %v, want ErrSequence", m.seed, err)
		}
	case n < 12:
		m.one(ref, 1000+m.r.IntN(40_000))
	default:
		m.one(ref, m.r.IntN(300))
	}
}

func (m *heldModel) one(ref string, size int) {
	b := m.s.NewBatch()
	m.must(m.append(b, ref, size))
	if m.r.IntN(4) == 0 {
		m.must(m.append(b, ref, size/2))
	}
	m.must(b.Commit(context.Background()))
}

func (m *heldModel) append(b kv.Batch, ref string, size int) error {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(m.r.Uint32())
	}
	seq := m.last[ref] + 1
	m.last[ref] = seq
	m.logs[ref] = append(m.logs[ref], kv.Record{Seq: seq, Data: data})
	m.order = append(m.order, logPlace{ref, seq})
	return b.AppendLog(ref, seq, data)
}

func (m *heldModel) read(s *Store, ref string) []kv.Record {
	var found []kv.Record
	for rec, err := range s.ReadLog(context.Background(), ref, 0) {
		m.must(err)
		found = append(found, rec)
	}
	return found
}

func (m *heldModel) compare() {
	m.t.Helper()
	for ref, want := range m.logs {
		found := m.read(m.s, ref)
		if len(found) != len(want) {
			m.t.Fatalf("seed %d: %d records in the log of %s, want %d", m.seed, len(found), ref, len(want))
		}
		for i := range want {
			if found[i].Seq != want[i].Seq || !bytes.Equal(found[i].Data, want[i].Data) {
				m.t.Fatalf("seed %d: record %d of %s is %d", m.seed, want[i].Seq, ref, found[i].Seq)
			}
		}
	}
}

// crash opens what a crash now would leave.
func (m *heldModel) crash() {
	percent := m.r.IntN(3) * 50
	fs := m.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: m.r})
	s, err := Open("/store", &Options{FS: fs})
	m.must(err)
	last := map[string]uint64{}
	for _, ref := range []string{"ref0", "ref1"} {
		for _, rec := range m.read(s, ref) {
			last[ref] = rec.Seq
		}
	}
	survive := 0 // of the commits, without a gap
	for i, x := range m.order {
		if x.seq > last[x.ref] {
			continue
		}
		if survive++; survive != i+1 {
			m.t.Fatalf("seed %d: record %d of %s survived, and one before it did not", m.seed, x.seq, x.ref)
		}
	}
	if survive < m.synced {
		m.t.Fatalf("seed %d: %d records survived, %d were synced", m.seed, survive, m.synced)
	}
	m.must(s.Close())
}

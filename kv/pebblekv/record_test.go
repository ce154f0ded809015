package pebblekv

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// recordOfOne is a record as stores of format 1 have it.
func recordOfOne(block []byte, children []kv.Hint) []byte {
	b := binary.LittleEndian.AppendUint16(nil, uint16(len(children)))
	for _, c := range children {
		b = append(b, c[:idLen]...)
	}
	return append(b, block...)
}

// someChildren are children as they come: in a row, at random, of several
// generations, and not known.
func someChildren(r *rand.Rand) []kv.Hint {
	children := make([]kv.Hint, r.IntN(90))
	generation, sequence := r.Uint32N(4), r.Uint64N(1<<40)
	for i := range children {
		switch r.IntN(12) {
		case 0:
			generation, sequence = r.Uint32(), r.Uint64()
		case 1:
			generation, sequence = math.MaxUint32, math.MaxUint64
		case 2:
			continue
		case 3:
			sequence = r.Uint64N(1 << 24)
		default:
			sequence++
		}
		children[i] = makeID(generation, sequence).hint()
	}
	return children
}

func TestRecord(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	for range 20_000 {
		block, children := noise(r, r.IntN(100)), someChildren(r)
		record := append(appendHead(nil, children), block...)
		if most := headMost + len(children)*childMost + len(block); len(record) > most {
			t.Fatalf("seed %d: a record of %d bytes, above %d", seed, len(record), most)
		}
		for _, record := range [][]byte{record, recordOfOne(block, children)} {
			n, err := parseNode(record)
			if err != nil || !bytes.Equal(n.Block, block) || !slices.Equal(n.Children, children) {
				t.Fatalf("seed %d: %v of %x, want %x: %v", seed, n, record, block, err)
			}
			if only, err := blockOf(record); err != nil || !bytes.Equal(only, block) {
				t.Fatalf("seed %d: block %x, want %x: %v", seed, only, block, err)
			}
		}
		for n := range len(record) - len(block) { // without a part of the head
			if b, err := blockOf(record[:n]); !errors.Is(err, kv.ErrCorrupt) {
				t.Fatalf("seed %d: the first %d bytes of %x have the block %x: %v", seed, n, record, b, err)
			}
		}
	}
}

// TestRecordIsShort: what children take that were written one after the other, and
// what those take that lie anywhere in a store of 10,000,000 nodes.
func TestRecordIsShort(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 0))
	var near, far []kv.Hint
	for i := range uint64(40) {
		near = append(near, makeID(3, 1_000_000+i).hint())
		far = append(far, makeID(3, r.Uint64N(10_000_000)).hint())
	}
	if n := len(appendHead(nil, near)); n > 4+4+40 {
		t.Errorf("40 children in a row take %d bytes", n)
	}
	if n := len(appendHead(nil, far)); n > 4+4*40 {
		t.Errorf("40 children anywhere take %d bytes", n)
	}
	if n := len(appendHead(nil, nil)); n != 1 {
		t.Errorf("the head of a leaf takes %d bytes", n)
	}
}

func TestMalformedRecord(t *testing.T) {
	for name, record := range map[string][]byte{
		"nothing":                     {},
		"one byte":                    {0},
		"ids are missing":             recordOfOne(nil, make([]kv.Hint, 3))[:2+2*idLen],
		"no count":                    {innerForm},
		"a count without end":         {innerForm, 0x80},
		"an inner node without any":   {innerForm, 0, 1, 2, 3},
		"more children than bytes":    {innerForm, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 1, 1},
		"no generation":               {innerForm, 1},
		"a generation that is none":   {innerForm, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1, 1},
		"no number of a generation":   {innerForm, 1, 0},
		"none of a generation":        {innerForm, 1, 0, 0, 1, 1},
		"too many of a generation":    {innerForm, 2, 0, 3, 1, 1, 1, 1},
		"no difference":               {innerForm, 1, 0, 1},
		"a difference without end":    {innerForm, 1, 0, 1, 0x80},
		"a difference of too many":    append([]byte{innerForm, 1, 0, 1}, bytes.Repeat([]byte{0xff}, 11)...),
		"a second one is missing":     {innerForm, 2, 0, 2, 5},
		"a second generation missing": {innerForm, 2, 0, 1, 5},
	} {
		if n, err := parseNode(record); !errors.Is(err, kv.ErrCorrupt) {
			t.Errorf("%s: %v, %v", name, n, err)
		}
		if b, err := blockOf(record); !errors.Is(err, kv.ErrCorrupt) {
			t.Errorf("%s: the block %x, %v", name, b, err)
		}
	}
}

func FuzzRecord(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 0))
	for range 20 {
		block, children := noise(r, r.IntN(20)), someChildren(r)
		f.Add(append(appendHead(nil, children), block...))
		f.Add(recordOfOne(block, children))
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		n, err := parseNode(record)
		only, again := blockOf(record)
		if (err == nil) != (again == nil) || err != nil && !errors.Is(err, kv.ErrCorrupt) || !bytes.Equal(only, n.Block) {
			t.Fatalf("%v and %v", err, again)
		}
		if err != nil {
			return
		}
		same, err := parseNode(append(appendHead(nil, n.Children), n.Block...))
		if err != nil || !bytes.Equal(same.Block, n.Block) || !slices.Equal(same.Children, n.Children) {
			t.Fatalf("written again it is %v, was %v: %v", same, n, err)
		}
	})
}

func TestPlace(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	for range 100_000 {
		i := makeID(r.Uint32()>>r.IntN(32), max(1, r.Uint64()>>r.IntN(64)))
		for _, value := range [][]byte{appendPlace(nil, i), i[:]} {
			if got, ok := parsePlace(value); !ok || got != i || len(value) > idLen {
				t.Fatalf("seed %d: %x leads to %x, want %x", seed, value, got, i)
			}
		}
		for value := range slices.Chunk(noise(r, 1+r.IntN(16)), 16) {
			if got, ok := parsePlace(value); ok && len(appendPlace(nil, got)) > len(value) {
				t.Fatalf("seed %d: %x leads to %x, and would be longer", seed, value, got)
			}
		}
	}
	if n := len(appendPlace(nil, makeID(5, 10_000_000))); n != 4 {
		t.Errorf("a place among 10,000,000 takes %d bytes", n)
	}
	for _, value := range [][]byte{nil, {}, {5}, {0x80}, {5, 0, 1}, {0xff, 0xff, 0xff, 0xff, 0xff, 1, 1},
		{5, 1, 2, 3, 4, 5, 6, 7, 8, 9}, bytes.Repeat([]byte{1}, idLen+1)} {
		if i, ok := parsePlace(value); ok {
			t.Errorf("%x leads to %x", value, i)
		}
	}
}

// putOfOne puts a node as stores of format 1 have it.
func putOfOne(b *batch, h codec.Hash, block []byte, children []kv.Hint) (kv.Hint, error) {
	at := b.s.ids.take(len(children) > 0)
	var node [nodeKeyLen]byte
	putNodeKey(node[:], at)
	var index [hashKeyLen]byte
	putHashKey(index[:], &h)
	b.nodes++
	b.puts = true
	return at.hint(), errors.Join(b.pb.Set(node[:], recordOfOne(block, children), nil), b.pb.Set(index[:], at[:], nil))
}

// formatOf is what the state calls the store.
func formatOf(t *testing.T, db *pebble.DB) uint32 {
	t.Helper()
	value, closer, err := db.Get(stateKey)
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	return binary.BigEndian.Uint32(value)
}

// TestFormatOne: a store of format 1 is read as it is, and calls itself one of format 2
// before it has a node of it, through the log or in a run (P1).
func TestFormatOne(t *testing.T) {
	ctx := context.Background()
	leaf, root := []byte("a leaf"), []byte("an inner node")
	for _, behind := range []bool{false, true} {
		fs := vfs.NewCrashableMem()
		o := &Options{FS: fs, RunBytes: 1 << 20, MemTableBytes: 1 << 20}
		s, err := Open("/store", o)
		if err != nil {
			t.Fatal(err)
		}
		b := s.NewBatch().(*batch)
		at, err := putOfOne(b, codec.Sum(leaf), leaf, nil)
		_, e := putOfOne(b, codec.Sum(root), root, []kv.Hint{at, at})
		err = errors.Join(err, e, b.Commit(ctx))
		value := make([]byte, stateLen)
		s.st.put(value)
		binary.BigEndian.PutUint32(value, 1)
		if err := errors.Join(err, s.db.Set(stateKey, value, nil), s.Close()); err != nil {
			t.Fatal(err)
		}
		if s, err = Open("/store", o); err != nil {
			t.Fatal(err)
		}
		n, err := s.ReadNode(ctx, codec.Sum(root), kv.Hint{})
		if err != nil || !slices.Equal(n.Children, []kv.Hint{at, at}) || !bytes.Equal(n.Block, root) {
			t.Errorf("read %v, %v", n, err)
		}
		if f := formatOf(t, s.db); f != 1 {
			t.Errorf("format %d before anything was written", f)
		}
		var put kv.Batch = s.NewBatch()
		if behind {
			put = s.NewBehind()
		}
		for i := range 100 {
			block := bytes.Repeat([]byte{byte(i)}, 1000)
			if _, e := put.PutNode(codec.Sum(block), block, nil); e != nil {
				t.Fatal(e)
			}
		}
		err = errors.Join(put.Commit(ctx), s.WriteNodes(ctx))
		if !behind {
			err = errors.Join(err, s.Sync(ctx))
		}
		crashed := fs.CrashClone(vfs.CrashCloneCfg{})
		if err := errors.Join(err, s.Close()); err != nil {
			t.Fatal(err)
		}
		if s, err = Open("/store", &Options{FS: crashed}); err != nil {
			t.Fatal(err)
		}
		block := make([]byte, 1000)
		if _, err := s.ReadNode(ctx, codec.Sum(block), kv.Hint{}); err != nil {
			t.Error(err)
		}
		if f := formatOf(t, s.db); f < 2 {
			t.Errorf("behind %v: format %d beside nodes of a later one", behind, f)
		}
		err = s.CheckStore(ctx, func(err error) { t.Error(err) })
		if err := errors.Join(err, s.Close()); err != nil {
			t.Error(err)
		}
	}
}

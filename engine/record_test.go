package engine

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// encodeRecord is a record of ops.
func encodeRecord(seq uint64, ops []op) []byte {
	rec := appendRecordHead(nil, len(ops))
	for i := range ops {
		rec = appendOp(rec, &ops[i])
	}
	return sealRecord(rec, seq)
}

// decodeRecord is the other way round.
func decodeRecord(seq uint64, rec []byte) (ops []op, err error) {
	err = readRecord(seq, rec, func(o op) error {
		ops = append(ops, o)
		return nil
	})
	return ops, err
}

func sampleOps() []op {
	c := codec.RawCID([]byte("x"))
	return []op{
		{key: []byte("a"), kind: opInline, data: []byte("value")},
		{key: []byte("b"), kind: opInline},
		{key: bytes.Repeat([]byte("k"), codec.MaxKey), kind: opDelete, root: theSide},
		{key: []byte("c"), kind: opLink, data: c.Bytes(), root: theSide},
		{key: []byte("d"), kind: opBlob, data: joinBlob(nil, 1<<40, codec.ListCID([]byte("y")))},
	}
}

func TestRecord(t *testing.T) {
	ops := sampleOps()
	got, err := decodeRecord(7, encodeRecord(7, ops))
	do(t, err)
	if !slices.EqualFunc(got, ops, func(a, b op) bool {
		return a.root == b.root && a.kind == b.kind && bytes.Equal(a.key, b.key) && bytes.Equal(a.data, b.data)
	}) {
		t.Errorf("got %v, want %v", got, ops)
	}
}

// TestRecordDamage flips every bit, cuts at every byte, and moves the record:
// each is noticed, and no op is handed out.
func TestRecordDamage(t *testing.T) {
	rec := encodeRecord(7, sampleOps()[:2])
	for i := range len(rec) * 8 {
		bad := bytes.Clone(rec)
		bad[i/8] ^= 1 << (i % 8)
		refuse(t, fmt.Sprintf("bit %d", i), 7, bad)
	}
	for i := range rec {
		refuse(t, fmt.Sprintf("cut at %d", i), 7, rec[:i])
	}
	refuse(t, "moved", 8, rec)
	refuse(t, "longer", 7, append(bytes.Clone(rec), 0))
}

func refuse(t *testing.T, what string, seq uint64, rec []byte) {
	t.Helper()
	ops, err := decodeRecord(seq, rec)
	if !errors.Is(err, ErrCorrupt) || len(ops) > 0 {
		t.Errorf("%s: %d ops, %v; want ErrCorrupt", what, len(ops), err)
	}
}

// TestRecordMalformed has right checksums over what appendOp does not write.
func TestRecordMalformed(t *testing.T) {
	link := codec.RawCID([]byte("x")).Bytes()
	for what, body := range map[string][]byte{
		"no ops":              {recordV1, 0},
		"more ops than bytes": {recordV1, 200, 1},
		"unknown version":     {2, 1, 0, 1, 'a'},
		"unknown kind":        {recordV1, 1, 4, 1, 'a', 0},
		"unknown bit":         {recordV1, 1, 0x20, 1, 'a'},
		"empty key":           {recordV1, 1, 0, 0},
		"long number":         {recordV1, 0x81, 0, 0, 1, 'a'},
		"trailing bytes":      {recordV1, 1, 0, 1, 'a', 0},
		"key cut short":       {recordV1, 1, 0, 9, 'a'},
		"no data":             {recordV1, 1, 1, 1, 'a'},
		"no CID":              {recordV1, 1, 2, 1, 'a', 0},
		"bytes after CID":     append([]byte{recordV1, 1, 2, 1, 'a', byte(len(link) + 1)}, append(link, 0)...),
		"blob of size 0":      append([]byte{recordV1, 1, 3, 1, 'a', byte(len(link) + 1), 0}, link...),
		"blob without CID":    {recordV1, 1, 3, 1, 'a', 1, 9},
		"long key":            appendOp([]byte{recordV1, 1}, &op{key: make([]byte, codec.MaxKey+1)}),
		"long value":          appendOp([]byte{recordV1, 1}, &op{key: []byte("a"), kind: opInline, data: make([]byte, 1280)}),
	} {
		refuse(t, what, 1, sealRecord(body, 1))
	}
}

func FuzzRecord(f *testing.F) {
	f.Add(uint64(7), encodeRecord(7, sampleOps()), true)
	f.Add(uint64(1), []byte{recordV1, 1, 0, 1, 'a'}, true)
	f.Fuzz(func(t *testing.T, seq uint64, rec []byte, seal bool) {
		if seal {
			rec = sealRecord(bytes.Clone(rec), seq)
		}
		ops, err := decodeRecord(seq, rec)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) || len(ops) > 0 {
				t.Fatalf("%d ops, %v", len(ops), err)
			}
			return
		}
		if again := encodeRecord(seq, ops); !bytes.Equal(again, rec) {
			t.Fatalf("a second form of one record: %x, %x", rec, again)
		}
		for _, o := range ops {
			if o.kind == opDelete {
				continue
			}
			v, err := o.kind.value(o.data)
			do(t, err)
			do(t, prolly.CheckEdit(prolly.Edit{Key: o.key, Value: v}))
		}
	})
}

func TestBranchRef(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	for range 200 {
		ref := randomRef(r)
		raw := ref.encode()
		got, err := parseBranchRef(raw)
		do(t, err)
		if got != ref {
			t.Fatalf("got %+v, want %+v", got, ref)
		}
		i := r.IntN(len(raw) * 8)
		raw[i/8] ^= 1 << (i % 8)
		if _, err := parseBranchRef(raw); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("bit %d flipped: %v", i, err)
		}
	}
	newer := emptyRef().encode()
	newer = resealRef(append([]byte{refV1 + 1}, newer[1:]...))
	_, err := parseBranchRef(newer)
	want(t, err, kv.ErrFormat)
	longer := emptyRef().encode()
	_, err = parseBranchRef(resealRef(append(longer[:len(longer):len(longer)], 0)))
	want(t, err, ErrCorrupt)
}

// resealRef puts the right checksum at the end of a ref's record.
func resealRef(raw []byte) []byte {
	body := raw[:len(raw)-crcLen]
	return appendCRC(body[:len(body):len(body)])
}

func randomRef(r *rand.Rand) branchRef {
	ref := branchRef{folded: r.Uint64(), hasCommit: r.IntN(2) == 0}
	fill := func(b []byte) {
		for i := range b {
			b[i] = byte(r.Uint32())
		}
	}
	for _, a := range []*prolly.Addr{&ref.tree, &ref.side} {
		fill(a.Hash[:])
		fill(a.Hint[:])
	}
	if ref.hasCommit {
		fill(ref.commit[:])
	}
	return ref
}

func FuzzRef(f *testing.F) {
	f.Add(emptyRef().encode(), false)
	f.Add(encodeTag(codec.RawCID([]byte("x"))), false)
	f.Fuzz(func(t *testing.T, raw []byte, seal bool) {
		if seal && len(raw) >= crcLen {
			raw = resealRef(raw)
		}
		if ref, err := parseBranchRef(raw); err == nil && !bytes.Equal(ref.encode(), raw) {
			t.Fatalf("a second form of one ref: %x", raw)
		}
		if c, err := parseTag(raw); err == nil && !bytes.Equal(encodeTag(c), raw) {
			t.Fatalf("a second form of one tag: %x", raw)
		}
	})
}

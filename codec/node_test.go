package codec

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"testing"
)

func TestEmptyTree(t *testing.T) {
	const want = "bafyreiggt3tmb5s7rls7z2lmdtluypmwlbssolx52nejb2easdridoycgi"
	if got := EmptyRoot.String(); got != want {
		t.Errorf("EmptyRoot = %s, want %s", got, want)
	}
	n := mustNode(t, EmptyLeaf())
	checkLeaf(t, n, nil)
	if i, found := n.Find([]byte("x")); i != 0 || found {
		t.Errorf("Find = %d, %v", i, found)
	}
}

func TestLeaf(t *testing.T) {
	for name, entries := range leaves() {
		t.Run(name, func(t *testing.T) {
			block := AppendLeaf([]byte("before"), entries)
			if !bytes.HasPrefix(block, []byte("before")) {
				t.Fatal("what stood in dst was changed")
			}
			checkLeaf(t, mustNode(t, block[len("before"):]), entries)
		})
	}
}

func TestInner(t *testing.T) {
	for name, in := range inners() {
		t.Run(name, func(t *testing.T) {
			block := AppendInner([]byte("before"), in.level, in.entries)
			if !bytes.HasPrefix(block, []byte("before")) {
				t.Fatal("what stood in dst was changed")
			}
			checkInner(t, mustNode(t, block[len("before"):]), in.level, in.entries)
		})
	}
}

func TestFindBetweenKeys(t *testing.T) {
	entries := inlineLeaf(17)
	n := mustNode(t, AppendLeaf(nil, entries))
	for i := range entries {
		for _, key := range [][]byte{
			append(bytes.Clone(entries[i].Key), 0),
			entries[i].Key[:len(entries[i].Key)-1],
			entries[i].Key[:3], {}, nil, {255}, {0},
			[]byte("/blob/"), []byte("/blob/\xff"), []byte("/bloc"), []byte("/blo"),
		} {
			want := 0
			for want < len(entries) && bytes.Compare(entries[want].Key, key) < 0 {
				want++
			}
			if got, found := n.Find(key); got != want || found {
				t.Errorf("Find(%q) = %d, %v, want %d, false", key, got, found, want)
			}
		}
	}
}

// C6.
func TestParseAllocatesNothing(t *testing.T) {
	leaf := AppendLeaf(nil, mixedLeaf())
	inner := AppendInner(nil, 1, innerEntries(20))
	dst := make([]byte, 0, MaxNode)
	entries, children := mixedLeaf(), innerEntries(20)
	allocs := testing.AllocsPerRun(100, func() {
		l, err1 := ParseNode(leaf)
		n, err2 := ParseNode(inner)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		l.Find(entries[3].Key)
		n.Find(children[3].Key)
		l.Link(4)
	})
	if allocs != 0 {
		t.Errorf("parse and find: %v allocations", allocs)
	}
	if invariants {
		return // the checks allocate
	}
	allocs = testing.AllocsPerRun(100, func() {
		AppendLeaf(dst, entries)
		AppendInner(dst, 2, children)
	})
	if allocs != 0 {
		t.Errorf("encode: %v allocations", allocs)
	}
}

func TestDecodeErrorUnwraps(t *testing.T) {
	block := append(EmptyLeaf(), 0)
	_, err := ParseNode(block)
	var d *DecodeError
	if !errors.Is(err, ErrTrailing) || !errors.As(err, &d) || d.Offset != len(block)-1 {
		t.Fatalf("got %v", err)
	}
}

func TestNodeString(t *testing.T) {
	for name, block := range nodeBlocks() {
		s := mustNode(t, block).String()
		if got, want := strings.Count(s, "\n"), 1+mustNode(t, block).Len(); got != want {
			t.Errorf("%s: %d lines, want %d", name, got, want)
		}
		for _, r := range s {
			if r != '\n' && !strconv.IsPrint(r) {
				t.Errorf("%s: %q is printed", name, r)
			}
		}
	}
	if s := new(Node).String(); !strings.HasPrefix(s, "leaf: 0 items") {
		t.Errorf("zero Node: %q", s)
	}
}

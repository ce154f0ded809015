package codec

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

// fakeHash makes a hash of a number.
func fakeHash(i int) Hash { return Sum(fmt.Appendf(nil, "hash %d", i)) }

// mixedLeaf has values of every kind, and links of several lengths.
func mixedLeaf() []LeafEntry {
	return []LeafEntry{
		{Key: []byte("fruit"), Value: []byte("none")},
		{Key: []byte("fruit/apple"), Kind: Blob, Size: 5000, Link: RawCID([]byte("apple")).Bytes()},
		{Key: []byte("fruit/banana"), Kind: Link, Link: fakeHash(1).CID().Bytes()},
		{Key: []byte("fruit/cherry"), Kind: Link, Link: append([]byte{0x12, 0x20}, bytes.Repeat([]byte{7}, 32)...)},
		{Key: []byte("fruit/date"), Kind: Blob, Size: 5 << 30, Link: ListCID([]byte("date")).Bytes()},
		{Key: []byte("fruit/elder"), Kind: Link, Link: []byte{1, 0x55, 0, 2, 'h', 'i'}},
		{Key: []byte("fruit/fig"), Value: []byte{}},
	}
}

func inlineLeaf(n int) []LeafEntry {
	entries := make([]LeafEntry, n)
	for i := range entries {
		entries[i] = LeafEntry{
			Key:   fmt.Appendf(nil, "/blob/%x", fakeHash(i))[:62],
			Value: bytes.Repeat([]byte{byte(i)}, i%90),
		}
	}
	sortEntries(entries)
	return entries
}

func innerEntries(n int) []InnerEntry {
	entries := make([]InnerEntry, n)
	for i := range entries {
		entries[i] = InnerEntry{
			Key:   fmt.Appendf(nil, "key/%05d", i*i),
			Child: fakeHash(i),
			Count: uint64(i + 1),
			Bytes: uint64(100*i + 7),
		}
	}
	return entries
}

func mustNode(t testing.TB, block []byte) *Node {
	t.Helper()
	n, err := ParseNode(block)
	if err != nil {
		t.Fatalf("ParseNode: %v\n%x", err, block)
	}
	return &n
}

// checkLeaf compares what the methods of n say with the entries it was made of.
func checkLeaf(t testing.TB, n *Node, entries []LeafEntry) {
	t.Helper()
	if n.Level() != 0 || n.Len() != len(entries) {
		t.Fatalf("level %d with %d items, want 0 with %d", n.Level(), n.Len(), len(entries))
	}
	var total uint64
	weight, outOfLine := 0, false
	for i := range entries {
		e := &entries[i]
		checkKey(t, n, i, e.Key)
		size, w := checkValue(t, n, i, e)
		total += uint64(len(e.Key)) + size
		weight += w
		outOfLine = outOfLine || e.Kind != Inline
	}
	if entries, bytes := n.Sums(); entries != uint64(n.Len()) || bytes != total {
		t.Fatalf("Sums() = %d, %d, want %d, %d", entries, bytes, n.Len(), total)
	}
	if n.Weight() != weight || n.HasOutOfLine() != outOfLine {
		t.Fatalf("Weight() = %d, HasOutOfLine() = %v, want %d, %v", n.Weight(), n.HasOutOfLine(), weight, outOfLine)
	}
}

func checkKey(t testing.TB, n *Node, i int, key []byte) {
	t.Helper()
	if got := n.AppendKey(nil, i); !bytes.Equal(got, key) {
		t.Fatalf("key %d = %q, want %q", i, got, key)
	}
	if n.KeyLen(i) != len(key) {
		t.Fatalf("KeyLen(%d) = %d, want %d", i, n.KeyLen(i), len(key))
	}
	if at, found := n.Find(key); at != i || !found {
		t.Fatalf("Find(%q) = %d, %v, want %d, true", key, at, found, i)
	}
	if !bytes.Equal(append(bytes.Clone(n.Prefix()), n.Suffix(i)...), key) {
		t.Fatalf("prefix %q and suffix %q do not make %q", n.Prefix(), n.Suffix(i), key)
	}
}

func checkValue(t testing.TB, n *Node, i int, e *LeafEntry) (size uint64, weight int) {
	t.Helper()
	if n.Kind(i) != e.Kind {
		t.Fatalf("Kind(%d) = %d, want %d", i, n.Kind(i), e.Kind)
	}
	switch e.Kind {
	case Inline:
		size, weight = uint64(len(e.Value)), LeafWeight(len(e.Key), Inline, len(e.Value))
		if !bytes.Equal(n.Inline(i), e.Value) {
			t.Fatalf("Inline(%d) = %x, want %x", i, n.Inline(i), e.Value)
		}
	case Blob:
		size, weight = e.Size, LeafWeight(len(e.Key), Blob, len(e.Link))
	case Link:
		size, weight = uint64(len(e.Link)), LeafWeight(len(e.Key), Link, len(e.Link))
	}
	if e.Kind != Inline && !bytes.Equal(n.Link(i), e.Link) {
		t.Fatalf("Link(%d) = %x, want %x", i, n.Link(i), e.Link)
	}
	if n.Size(i) != size || n.ItemWeight(i) != weight {
		t.Fatalf("%d: size %d, weight %d, want %d, %d", i, n.Size(i), n.ItemWeight(i), size, weight)
	}
	return size, weight
}

func checkInner(t testing.TB, n *Node, level int, entries []InnerEntry) {
	t.Helper()
	if n.Level() != level || n.Len() != len(entries) || n.HasOutOfLine() {
		t.Fatalf("level %d with %d items, want %d with %d", n.Level(), n.Len(), level, len(entries))
	}
	var count, total uint64
	weight := 0
	for i := range entries {
		e := &entries[i]
		checkKey(t, n, i, e.Key)
		if n.Child(i) != e.Child || n.Count(i) != e.Count || n.Bytes(i) != e.Bytes {
			t.Fatalf("child %d: %v, %d, %d, want %v, %d, %d", i, n.Child(i), n.Count(i), n.Bytes(i), e.Child, e.Count, e.Bytes)
		}
		if n.ItemWeight(i) != InnerWeight(len(e.Key)) {
			t.Fatalf("weight %d = %d, want %d", i, n.ItemWeight(i), InnerWeight(len(e.Key)))
		}
		count, total, weight = count+e.Count, total+e.Bytes, weight+n.ItemWeight(i)
	}
	if c, b := n.Sums(); c != count || b != total || n.Weight() != weight {
		t.Fatalf("sums %d, %d, weight %d, want %d, %d, %d", c, b, n.Weight(), count, total, weight)
	}
}

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
	for name, entries := range map[string][]LeafEntry{
		"mixed":    mixedLeaf(),
		"one":      mixedLeaf()[:1],
		"one blob": mixedLeaf()[1:2],
		"two":      mixedLeaf()[:2],
		"inline":   inlineLeaf(25),
		"no value": {{Key: []byte{0}}, {Key: []byte{0, 0}}, {Key: []byte{255}}},
	} {
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
	for _, n := range []int{2, 3, 23, 24, 60} {
		for _, level := range []int{1, 23, 24, MaxLevel} {
			entries := innerEntries(n)
			block := AppendInner([]byte("before"), level, entries)
			checkInner(t, mustNode(t, block[len("before"):]), level, entries)
		}
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

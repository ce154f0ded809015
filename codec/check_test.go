package codec

import "bytes"

// tester is what a check asks of *testing.T, *testing.B or *rapid.T.
type tester interface {
	Helper()
	Fatalf(format string, args ...any)
}

func mustNode(t tester, block []byte) *Node {
	t.Helper()
	n, err := ParseNode(block)
	if err != nil {
		t.Fatalf("ParseNode: %v\n%x", err, block)
	}
	return &n
}

// checkLeaf compares what the methods of n say with the entries it was made of.
func checkLeaf(t tester, n *Node, entries []LeafEntry) {
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

func checkKey(t tester, n *Node, i int, key []byte) {
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

func checkValue(t tester, n *Node, i int, e *LeafEntry) (size uint64, weight int) {
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

func checkInner(t tester, n *Node, level int, entries []InnerEntry) {
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

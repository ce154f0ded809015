package codec

import (
	"bytes"
	"fmt"
	"slices"
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

func sortEntries(entries []LeafEntry) {
	slices.SortFunc(entries, func(a, b LeafEntry) int { return bytes.Compare(a.Key, b.Key) })
}

// largestLeaf weighs MaxWeight, with the longest keys.
func largestLeaf() []LeafEntry {
	key := func(c byte) []byte { return append(bytes.Repeat([]byte("k"), MaxKey-1), c) }
	room := MaxItem - 4 - MaxKey
	return []LeafEntry{
		{Key: key('a'), Value: make([]byte, room)},
		{Key: key('b'), Value: make([]byte, room)},
		{Key: key('c'), Value: make([]byte, room)},
	}
}

// smallEntries has nearly as many entries as a leaf can have.
func smallEntries() []LeafEntry {
	entries := make([]LeafEntry, MaxWeight/6)
	for i := range entries {
		entries[i].Key = []byte{byte(i >> 8), byte(i)}
	}
	return entries
}

// widestInner has as many children as an inner node can have.
func widestInner() []InnerEntry {
	entries := make([]InnerEntry, MaxWeight/InnerWeight(1))
	for i := range entries {
		entries[i] = InnerEntry{Key: []byte{byte(i)}, Child: fakeHash(i), Count: 1, Bytes: 1}
	}
	return entries
}

// edgeLeaf has values at the limits of their kinds.
func edgeLeaf() []LeafEntry {
	const fits = MaxItem - 4 - 1
	raw, list := RawCID([]byte("raw")).Bytes(), ListCID([]byte("list")).Bytes()
	identity := func(n int) []byte { return append([]byte{1, 0x55, 0, byte(n)}, make([]byte, n)...) }
	return []LeafEntry{
		{Key: []byte("a"), Value: make([]byte, fits)},
		{Key: []byte("b"), Kind: Blob, Size: fits + 1, Link: raw},
		{Key: []byte("c"), Kind: Blob, Size: MaxBlob, Link: raw},
		{Key: []byte("d"), Kind: Blob, Size: MaxBlob + 1, Link: list},
		{Key: []byte("e"), Kind: Blob, Size: MaxSum - 100_000_000, Link: list},
		{Key: []byte("f"), Kind: Link, Link: identity(0)},
		{Key: []byte("g"), Kind: Link, Link: identity(18)}, // 22 bytes: the longest under a head of one byte
		{Key: []byte("h"), Kind: Link, Link: identity(19)},
		{Key: []byte("i"), Kind: Link, Link: longCID()},
	}
}

// longCID is as long as a CID may be here.
func longCID() []byte {
	return append([]byte{1, 0x80, 0x80, 0x01, 0, MaxLink - 6}, make([]byte, MaxLink-6)...)
}

// leaves has one of every shape.
func leaves() map[string][]LeafEntry {
	return map[string][]LeafEntry{
		"empty":       nil,
		"mixed":       mixedLeaf(),
		"one":         mixedLeaf()[:1],
		"one blob":    mixedLeaf()[1:2],
		"one link":    mixedLeaf()[5:6],
		"two":         mixedLeaf()[:2],
		"inline 25":   inlineLeaf(25),
		"no values":   {{Key: []byte{0}}, {Key: []byte{0, 0}}, {Key: []byte{255}}},
		"largest":     largestLeaf(),
		"small":       smallEntries(),
		"at limits":   edgeLeaf(),
		"odd and one": mixedLeaf()[3:5],
	}
}

// inner is what AppendInner takes.
type inner struct {
	level   int
	entries []InnerEntry
}

// inners has one of every shape.
func inners() map[string]inner {
	return map[string]inner{
		"two":       {1, innerEntries(2)},
		"level 23":  {23, innerEntries(3)},
		"level 24":  {24, innerEntries(23)},
		"level 31":  {MaxLevel, innerEntries(24)},
		"many":      {2, innerEntries(60)},
		"widest":    {1, widestInner()},
		"long keys": {3, longKeyed()},
		"large sums": {9, []InnerEntry{
			{Key: []byte("a"), Child: fakeHash(1), Count: MaxSum - 1, Bytes: 1},
			{Key: []byte("b"), Child: fakeHash(2), Count: 1, Bytes: MaxSum - 1},
		}},
	}
}

func longKeyed() []InnerEntry {
	entries := innerEntries(3)
	for i := range entries {
		entries[i].Key = bytes.Repeat([]byte{byte(i)}, MaxKey)
	}
	return entries
}

// nodeBlocks has the blocks of all leaves and inners.
func nodeBlocks() map[string][]byte {
	blocks := map[string][]byte{}
	for name, entries := range leaves() {
		blocks["leaf: "+name] = AppendLeaf(nil, entries)
	}
	for name, in := range inners() {
		blocks["inner: "+name] = AppendInner(nil, in.level, in.entries)
	}
	return blocks
}

func listBlocks() map[string][]byte {
	blocks := map[string][]byte{}
	for name, l := range chunkLists() {
		blocks["list: "+name] = l.Append(nil)
	}
	return blocks
}

func commitBlocks() map[string][]byte {
	blocks := map[string][]byte{}
	for name, c := range commits() {
		b, err := c.Encode()
		if err != nil {
			panic(name + ": " + err.Error())
		}
		blocks["commit: "+name] = b
	}
	return blocks
}

// moreNodes has blocks with keys of many shapes, for the vectors. They are
// made of numbers and hashes alone, so that they stay what they are.
func moreNodes() map[string][]byte {
	blocks := map[string][]byte{}
	shapes := map[string]func(int) []byte{
		"counted": func(i int) []byte { return fmt.Appendf(nil, "%08d", i) },
		"paths":   func(i int) []byte { return fmt.Appendf(nil, "/usr/%c/share/%d/doc", 'a'+i%3, i*i) },
		"hashes":  func(i int) []byte { h := fakeHash(i); return h[:] },
		"bytes":   func(i int) []byte { return bytes.Repeat([]byte{byte(i * 37)}, 1+i%7) },
		"chain":   func(i int) []byte { return make([]byte, i+1) },
		"long":    func(i int) []byte { return append(make([]byte, 300), byte(i)) },
	}
	for shape, key := range shapes {
		for _, n := range []int{1, 2, 7, 11} {
			leaf, in := shapedNode(n, key)
			blocks[fmt.Sprintf("leaf: %s %d", shape, n)] = AppendLeaf(nil, leaf)
			if n > 1 {
				blocks[fmt.Sprintf("inner: %s %d", shape, n)] = AppendInner(nil, n, in)
			}
		}
	}
	return blocks
}

func shapedNode(n int, key func(int) []byte) (leaf []LeafEntry, in []InnerEntry) {
	for i := range n {
		e := LeafEntry{Key: key(i)}
		switch {
		case i%4 == 1 && n != 7:
			e.Kind, e.Size, e.Link = Blob, uint64(2000*i), RawCID(e.Key).Bytes()
		case i%4 == 3 && n != 7:
			e.Kind, e.Link = Link, fakeHash(i).CID().Bytes()
		default:
			e.Value = fmt.Appendf(nil, "value %d", i)
		}
		leaf = append(leaf, e)
	}
	sortEntries(leaf)
	for i := range leaf {
		in = append(in, InnerEntry{Key: leaf[i].Key, Child: fakeHash(i), Count: uint64(1 + i), Bytes: uint64(1000*i + 1)})
	}
	return leaf, in
}

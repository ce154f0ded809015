package bench

import (
	"bytes"
	"errors"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// codecNodes is how many nodes codec's workloads go through.
const codecNodes = 1_000

// nodesOf returns the leaves of a tree with the entries of a setup, and the keys
// that they begin with.
func nodesOf(b *testing.B, c setup) (blocks [][]byte, first [][]byte) {
	ns := &keptBlocks{NodeStore: prolly.NewMemStore()}
	_, err := prolly.Build(ctx, ns, pairs(c.Sorted(c.n)))
	must(b, err)
	for _, block := range ns.blocks[:min(codecNodes, len(ns.blocks))] {
		n, err := codec.ParseNode(block)
		must(b, err)
		if n.Level() == 0 && n.Len() > 0 {
			blocks, first = append(blocks, block), append(first, n.AppendKey(nil, 0))
		}
	}
	if len(blocks) == 0 {
		b.Fatal("N1 violated: no leaves")
	}
	return blocks, first
}

// leafEntries are the entries of a leaf as AppendLeaf wants them.
func leafEntries(n *codec.Node) []codec.LeafEntry {
	entries := make([]codec.LeafEntry, n.Len())
	for i := range entries {
		e := codec.LeafEntry{Key: n.AppendKey(nil, i), Kind: n.Kind(i)}
		if e.Kind == codec.Inline {
			e.Value = n.Inline(i)
		} else {
			e.Link, e.Size = n.Link(i), n.Size(i)
		}
		entries[i] = e
	}
	return entries
}

// BenchmarkCodec goes through leaves: to check and open them, to find a key, to
// encode them again, to hash them.
func BenchmarkCodec(b *testing.B) {
	all, err := setups(subject{})
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range all {
		blocks, first := [][]byte(nil), [][]byte(nil)
		for _, w := range codecWorkloads {
			b.Run(w.name+"/"+c.String(), func(b *testing.B) {
				if blocks == nil {
					blocks, first = nodesOf(b, c)
				}
				b.ReportAllocs()
				bytesOf := 0
				for _, block := range blocks {
					bytesOf += len(block)
				}
				b.SetBytes(int64(bytesOf / len(blocks)))
				w.run(b, blocks, first)
			})
		}
	}
}

var codecWorkloads = []struct {
	name string
	run  func(b *testing.B, blocks, first [][]byte)
}{
	{"Parse", codecParse}, {"Find", codecFind}, {"Append", codecAppend}, {"Sum", codecSum},
}

func codecParse(b *testing.B, blocks, _ [][]byte) {
	i := 0
	for b.Loop() {
		if _, err := codec.ParseNode(blocks[i%len(blocks)]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

func codecFind(b *testing.B, blocks, first [][]byte) {
	nodes := make([]codec.Node, len(blocks))
	for i := range blocks {
		var err error
		nodes[i], err = codec.ParseNode(blocks[i])
		must(b, err)
	}
	b.ResetTimer()
	i := 0
	for b.Loop() {
		if at, found := nodes[i%len(nodes)].Find(first[i%len(nodes)]); !found || at != 0 {
			b.Fatal("N1 violated: the first key is not the first")
		}
		i++
	}
}

func codecAppend(b *testing.B, blocks, _ [][]byte) {
	lists := make([][]codec.LeafEntry, len(blocks))
	for i, block := range blocks {
		n, err := codec.ParseNode(block)
		must(b, err)
		lists[i] = leafEntries(&n)
		if !bytes.Equal(codec.AppendLeaf(nil, lists[i]), block) {
			must(b, errors.New("N1 violated: a leaf encoded again is another"))
		}
	}
	dst := make([]byte, 0, codec.MaxNode)
	b.ResetTimer()
	i := 0
	for b.Loop() {
		codec.AppendLeaf(dst, lists[i%len(lists)])
		i++
	}
}

func codecSum(b *testing.B, blocks, _ [][]byte) {
	i := 0
	for b.Loop() {
		codec.Sum(blocks[i%len(blocks)])
		i++
	}
}

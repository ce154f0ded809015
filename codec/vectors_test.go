package codec

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	cid "github.com/ipfs/go-cid"
)

// The files in testdata are for implementations in any language: byte strings
// are in hexadecimal, CIDs are text, every number is below 2^53. They are
// written by
//
//	go test ./codec -run TestVectors -update
//
// and a change in them is a change of the format.
var update = flag.Bool("update", false, "write the vectors in testdata")

// hexBytes is a byte string, in hexadecimal in JSON.
type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.AppendDecode([]byte{}, text)
	return err
}

// nodeVector is a block of nodes.json and what is in it.
type nodeVector struct {
	Name    string        `json:"name"`
	CID     string        `json:"cid"`
	Level   int           `json:"level"`
	Prefix  hexBytes      `json:"prefix"`
	Weight  int           `json:"weight"`
	Entries uint64        `json:"entries"` // in the tree below
	Bytes   uint64        `json:"bytes"`   // their keys and values
	Leaf    []entryVector `json:"leaf,omitempty"`
	Inner   []childVector `json:"inner,omitempty"`
	Block   hexBytes      `json:"block"`
}

type entryVector struct {
	Key   hexBytes  `json:"key"`
	Kind  Kind      `json:"kind"`
	Value *hexBytes `json:"value,omitempty"` // of kind 0
	Size  uint64    `json:"size,omitempty"`  // of kind 1
	Link  string    `json:"link,omitempty"`  // of kinds 1 and 2
}

type childVector struct {
	Key   hexBytes `json:"key"`
	Child string   `json:"child"`
	Count uint64   `json:"count"`
	Bytes uint64   `json:"bytes"`
}

type listVector struct {
	Name    string   `json:"name"`
	CID     string   `json:"cid"`
	Total   uint64   `json:"total"`
	Lengths []uint64 `json:"lengths"`
	Links   []string `json:"links"`
	Block   hexBytes `json:"block"`
}

type commitVector struct {
	Name    string       `json:"name"`
	CID     string       `json:"cid"`
	Seq     uint64       `json:"seq"`
	Root    string       `json:"root"`
	Time    int64        `json:"time"`
	Parents []string     `json:"parents"`
	Meta    []metaVector `json:"meta"`
	Block   hexBytes     `json:"block"`
}

type metaVector struct {
	Key   string   `json:"key"`
	Value hexBytes `json:"value"`
}

type malformedVector struct {
	Kind   string   `json:"kind"` // node, list or commit
	Rule   string   `json:"rule"`
	Error  string   `json:"error"`
	Field  string   `json:"field"`
	Offset int      `json:"offset"`
	Block  hexBytes `json:"block"`
}

// TestVectors compares the files with what this package makes today.
func TestVectors(t *testing.T) {
	checkFile(t, "nodes.json", makeNodeVectors(t))
	checkFile(t, "chunklists.json", makeListVectors())
	checkFile(t, "commits.json", makeCommitVectors(t))
	checkFile(t, "malformed.json", makeMalformedVectors(t))
	checkFile(t, "buzhash.json", makeBuzhashVectors())
}

// checkFile compares a file in testdata with the items it should have, one a
// line.
func checkFile[T any](t *testing.T, name string, items []T) {
	t.Helper()
	var want bytes.Buffer
	for i, item := range items {
		line, err := json.Marshal(item)
		if err != nil {
			t.Fatal(err)
		}
		want.WriteString(separator(i))
		want.Write(line)
	}
	want.WriteString("\n]\n")
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%s is not what it would be written as today", name)
	}
}

func makeNodeVectors(t *testing.T) (vectors []nodeVector) {
	blocks := nodeBlocks()
	maps.Copy(blocks, moreNodes())
	for _, name := range slices.Sorted(maps.Keys(blocks)) {
		n := mustNode(t, blocks[name])
		v := nodeVector{Name: name, Block: n.Block(), CID: Sum(n.Block()).String(), Level: n.Level(),
			Prefix: n.Prefix(), Weight: n.Weight()}
		v.Entries, v.Bytes = n.Sums()
		for i := range n.Len() {
			if n.Level() > 0 {
				v.Inner = append(v.Inner, childVector{n.AppendKey(nil, i), n.Child(i).String(), n.Count(i), n.Bytes(i)})
				continue
			}
			e := entryVector{Key: n.AppendKey(nil, i), Kind: n.Kind(i)}
			switch e.Kind {
			case Inline:
				value := hexBytes(n.Inline(i))
				e.Value = &value
			case Blob:
				e.Size, e.Link = n.Size(i), cidText(n.Link(i))
			case Link:
				e.Link = cidText(n.Link(i))
			}
			v.Leaf = append(v.Leaf, e)
		}
		vectors = append(vectors, v)
	}
	return vectors
}

func makeListVectors() (vectors []listVector) {
	lists := chunkLists()
	for _, name := range slices.Sorted(maps.Keys(lists)) {
		l := lists[name]
		block := l.Append(nil)
		if len(block) > 2*MaxNode {
			continue
		}
		vectors = append(vectors, listVector{name, ListCID(block).String(), l.Total, l.Lengths, cidTexts(l.Links), block})
	}
	return vectors
}

func makeCommitVectors(t *testing.T) (vectors []commitVector) {
	all := commits()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		c := all[name]
		block, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		const largest = 1<<53 - 1
		if len(block) > MaxNode || c.Seq > largest || c.Time > largest || c.Time < -largest {
			continue
		}
		v := commitVector{Name: name, CID: Sum(block).String(), Seq: c.Seq, Root: c.Root.String(), Time: c.Time,
			Parents: cidTexts(c.Parents), Meta: []metaVector{}, Block: block}
		for _, k := range slices.SortedFunc(maps.Keys(c.Meta), compareMapKeys) {
			v.Meta = append(v.Meta, metaVector{k, c.Meta[k]})
		}
		vectors = append(vectors, v)
	}
	return vectors
}

func makeMalformedVectors(t *testing.T) (vectors []malformedVector) {
	for _, m := range malformedBlocks() {
		_, err := decode(m.kind, m.block)
		var d *DecodeError
		if !errors.As(err, &d) {
			t.Fatalf("%s: %v", m.rule, err)
		}
		v := malformedVector{Kind: m.kind, Rule: m.rule, Field: d.Field, Offset: d.Offset, Block: m.block}
		for name, s := range sentinels {
			if errors.Is(err, s) {
				v.Error = name
			}
		}
		vectors = append(vectors, v)
	}
	return vectors
}

func cidTexts(cids []cid.Cid) []string {
	texts := []string{}
	for _, c := range cids {
		texts = append(texts, c.String())
	}
	return texts
}

// separator stands before the i-th item of a file.
func separator(i int) string {
	if i == 0 {
		return "[\n"
	}
	return ",\n"
}

package prolly

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ipfs/boxo/chunker"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	testdata   = "../codec/testdata"
	goldenFile = "roots.json"
)

// golden is the file of root vectors.
type golden struct {
	Format     string           `json:"format"`
	Lists      lists            `json:"lists"`
	Priorities []goldenPriority `json:"priorities"`
	Blobs      []goldenBlob     `json:"blobs"`
	Vectors    []vector         `json:"vectors"`
}

// goldenPriority is what the hash and the mixer give for a key.
type goldenPriority struct {
	Level int    `json:"level"`
	Key   string `json:"key"` // label of recipeBytes
	Size  int    `json:"size"`
	P1    string `json:"p1"`
	P2    string `json:"p2"`
}

// goldenBlob is where the chunks of a long value end.
type goldenBlob struct {
	Kind  string   `json:"kind"` // bytes or zeros
	Label string   `json:"label,omitempty"`
	Size  int      `json:"size"`
	Ends  []uint64 `json:"ends,omitempty"`
	Link  string   `json:"link"`
}

// vector is a tree, or a tree and what edits make of it.
type vector struct {
	Name   string   `json:"name"`
	Hits   []string `json:"hits,omitempty"` // what the edits must bring about
	Base   content  `json:"base"`
	Tree   outcome  `json:"tree"`
	Edits  []change `json:"edits,omitempty"`
	Edited *outcome `json:"edited,omitempty"`
}

// outcome is what can be said of a tree. Nodes counts them by level, leaves
// first.
type outcome struct {
	Root    string `json:"root"`
	Entries uint64 `json:"entries"`
	Bytes   uint64 `json:"bytes"`
	Height  int    `json:"height"`
	Nodes   []int  `json:"nodes"`
}

func outcomeOf(t testing.TB, tree Tree) outcome {
	o := outcome{tree.Root().String(), tree.Len(), tree.Bytes(), tree.Height(), make([]int, tree.Height())}
	err := tree.Walk(ctx, func(_ Addr, n *Node) error {
		o.Nodes[n.Level()]++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (o outcome) equal(p outcome) bool {
	return o.Root == p.Root && o.Entries == p.Entries && o.Bytes == p.Bytes && o.Height == p.Height && slices.Equal(o.Nodes, p.Nodes)
}

// TestGoldenRoots holds the tree to the published vectors (P1). With -update it
// makes them.
func TestGoldenRoots(t *testing.T) {
	if *update {
		writeGolden(t, makeGolden(t))
	}
	g := readGolden(t)
	if len(g.Vectors) < 200 {
		t.Errorf("%d vectors, the format asks for 200", len(g.Vectors))
	}
	names := map[string]bool{}
	for _, v := range g.Vectors {
		if names[v.Name] {
			t.Errorf("two vectors are called %s", v.Name)
		}
		names[v.Name] = true
		g.check(t, v)
	}
	for _, p := range g.Priorities {
		if got := priorityVector(p.Level, p.Key, p.Size); got != p {
			t.Errorf("priority: %+v, want %+v", got, p)
		}
	}
	for _, b := range g.Blobs {
		got := blobVector(t, b.Kind, b.Label, b.Size)
		if got.Link != b.Link || !slices.Equal(got.Ends, b.Ends) {
			t.Errorf("blob: %+v, want %+v", got, b)
		}
	}
}

// check makes the trees of a vector in every way there is: by Build, by Apply
// on nothing, by Apply of the edits, and, where it is small, by the definition.
func (g golden) check(t *testing.T, v vector) {
	if testing.Short() && v.Tree.Entries > 20_000 {
		return
	}
	ns := NewMemStore()
	m, err := v.Base.model(g.Lists)
	if err != nil {
		t.Fatalf("%s: %v", v.Name, err)
	}
	base := mustBuild(t, ns, m)
	g.compare(t, v.Name, base, m, v.Tree)
	if v.Edited == nil {
		return
	}
	edits, err := v.Base.edits(g.Lists, v.Edits)
	if err != nil {
		t.Fatalf("%s: %v", v.Name, err)
	}
	after, err := base.Apply(ctx, edits)
	if err != nil {
		t.Fatalf("%s: %v", v.Name, err)
	}
	m.apply(edits)
	g.compare(t, v.Name+", edited", after, m, *v.Edited)
	if built := mustBuild(t, ns, m); built.Root() != after.Root() {
		t.Errorf("%s: edits lead to %v, building to %v", v.Name, after.Root(), built.Root())
	}
	for _, hit := range v.Hits {
		if !hits(t, hit, base, after) {
			t.Errorf("%s: the edits do not hit %s", v.Name, hit)
		}
	}
}

// oracleLimit is up to how many entries the definition, which is quadratic, is
// asked.
func oracleLimit() int {
	if testing.Short() {
		return 1500
	}
	return 5000
}

func (g golden) compare(t *testing.T, name string, tree Tree, m model, want outcome) {
	t.Helper()
	if got := outcomeOf(t, tree); !got.equal(want) {
		t.Errorf("%s:\n got %+v\nwant %+v", name, got, want)
	}
	if len(m) > oracleLimit() {
		return
	}
	if by := oracleRoot(m.leaves(t, tree.ns)).CID().String(); by != want.Root {
		t.Errorf("%s: by definition %v, in the file %v", name, by, want.Root)
	}
}

func priorityVector(level int, label string, size int) goldenPriority {
	p1 := priority1(level, recipeBytes(label, size))
	return goldenPriority{level, label, size, fmt.Sprintf("%016x", p1), fmt.Sprintf("%016x", priority2(p1))}
}

// blobVector cuts a value with the chunker alone and stores it with the tree's
// code, and holds the two against each other.
func blobVector(t testing.TB, kind, label string, size int) goldenBlob {
	value := make([]byte, size)
	if kind == "bytes" {
		value = recipeBytes(label, size)
	}
	b := goldenBlob{Kind: kind, Label: label, Size: size}
	want := codec.RawCID(value)
	if size > codec.MaxBlob {
		l := codec.ChunkList{Total: uint64(size)}
		chunks := chunk.NewBuzhash(bytes.NewReader(value))
		for at := uint64(0); ; {
			c, err := chunks.NextBytes()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			at += uint64(len(c))
			b.Ends = append(b.Ends, at)
			l.Lengths, l.Links = append(l.Lengths, uint64(len(c))), append(l.Links, codec.RawCID(c))
		}
		want = codec.ListCID(l.Append(nil))
	}
	v, err := StoreValue(ctx, NewMemStore(), []byte("k"), value)
	if err != nil {
		t.Fatal(err)
	}
	if !v.Blob().Equals(want) {
		t.Errorf("value of %d bytes is stored under %v, by definition %v", size, v.Blob(), want)
	}
	b.Link = hex.EncodeToString(want.Bytes())
	return b
}

func readGolden(t testing.TB) (g golden) {
	b, err := os.ReadFile(filepath.Join(testdata, goldenFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// writeGolden writes one vector a line, so that differences can be read.
func writeGolden(t testing.TB, g golden) {
	var b bytes.Buffer
	line := func(before string, v any) {
		j, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(before)
		b.Write(j)
	}
	line("{\"format\": ", g.Format)
	line(",\n\"lists\": ", g.Lists)
	sep := ",\n\"priorities\": [\n  "
	for _, p := range g.Priorities {
		line(sep, p)
		sep = ",\n  "
	}
	sep = "\n],\n\"blobs\": [\n  "
	for _, p := range g.Blobs {
		line(sep, p)
		sep = ",\n  "
	}
	sep = "\n],\n\"vectors\": [\n  "
	for _, v := range g.Vectors {
		line(sep, v)
		sep = ",\n  "
	}
	b.WriteString("\n]}\n")
	if err := os.WriteFile(filepath.Join(testdata, goldenFile), b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

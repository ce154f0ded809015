package prolly

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// goldenProofs is the file of proof vectors.
type goldenProofs struct {
	Format  string          `json:"format"`
	Proofs  []goldenProof   `json:"proofs"`
	Refuted []goldenRefuted `json:"refuted"`
}

// goldenProof is a proof from a golden tree, and what it proves. The tree has
// its blocks.
type goldenProof struct {
	Name     string        `json:"name"`
	Car      string        `json:"car"`
	Root     string        `json:"root"`
	Question string        `json:"question"` // its block
	Blocks   []string      `json:"blocks"`   // that follow the question, in order
	Bytes    int           `json:"bytes"`    // of the proof
	SHA256   string        `json:"sha256"`   // of the proof
	Keys     []goldenFact  `json:"keys,omitempty"`
	Entries  []goldenEntry `json:"entries,omitempty"`
	Count    *uint64       `json:"count,omitempty"`
}

type goldenFact struct {
	Key     string `json:"key"`
	Present bool   `json:"present"`
	Rank    uint64 `json:"rank"`
}

type goldenEntry struct {
	Key   string `json:"key"`
	Value string `json:"value,omitempty"`
	Link  string `json:"link,omitempty"` // a caller's, or that of the value's block
	Size  uint64 `json:"size"`
}

// goldenRefuted is no proof.
type goldenRefuted struct {
	Rule  string `json:"rule"`
	Root  string `json:"root"`
	Proof string `json:"proof"`
}

// TestGoldenProofs holds proofs to the published vectors (P7). With -update it
// makes them.
func TestGoldenProofs(t *testing.T) {
	g := goldenProofs{Format: "proofs of prolly trees, version 1"}
	goldenAnswers(t, &g)
	goldenRefusals(t, &g)
	path := filepath.Join(testdata, "proofs.json")
	if *update {
		if err := os.WriteFile(path, g.encode(t), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var want goldenProofs
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if len(g.Proofs) != len(want.Proofs) || len(g.Refuted) != len(want.Refuted) {
		t.Fatalf("%d and %d vectors, in the file %d and %d", len(g.Proofs), len(g.Refuted), len(want.Proofs), len(want.Refuted))
	}
	for i, p := range g.Proofs {
		if !reflect.DeepEqual(p, want.Proofs[i]) {
			t.Errorf("%s: %+v, in the file %+v", p.Name, p, want.Proofs[i])
		}
	}
	for i, r := range g.Refuted {
		if r != want.Refuted[i] {
			t.Errorf("%s: another proof than in the file", r.Rule)
		}
	}
}

// encode writes one vector a line.
func (g *goldenProofs) encode(t *testing.T) []byte {
	var b bytes.Buffer
	list := func(n int, at func(int) any) {
		for i := range n {
			line, err := json.Marshal(at(i))
			if err != nil {
				t.Fatal(err)
			}
			b.Write(line)
			if i < n-1 {
				b.WriteByte(',')
			}
			b.WriteByte('\n')
		}
	}
	fmt.Fprintf(&b, "{\"format\":%q,\n\"proofs\":[\n", g.Format)
	list(len(g.Proofs), func(i int) any { return g.Proofs[i] })
	b.WriteString("],\n\"refuted\":[\n")
	list(len(g.Refuted), func(i int) any { return g.Refuted[i] })
	b.WriteString("]}\n")
	return b.Bytes()
}

func goldenAnswers(t *testing.T, g *goldenProofs) {
	roots := readGolden(t)
	for _, file := range []string{"empty", "kinds", "hash", "mixed", "chunked", "tall"} {
		m, err := roots.vector(t, goldenCars[file]).Base.model(roots.Lists)
		if err != nil {
			t.Fatal(err)
		}
		tree := mustBuild(t, NewMemStore(), m)
		keys := m.keys()
		for name, q := range goldenQuestions(file, keys) {
			g.Proofs = append(g.Proofs, goldenAnswer(t, file, name, tree, m, q))
		}
	}
	slices.SortFunc(g.Proofs, func(a, b goldenProof) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
}

// goldenQuestions are what is asked of a tree with these keys.
func goldenQuestions(file string, keys []string) map[string]codec.Question {
	qs := map[string]codec.Question{
		"no keys": {Ask: codec.AskKeys},
		"absent":  {Ask: codec.AskKeys, Keys: [][]byte{{0}, {0xff, 0xff}}},
		"rank":    {Ask: codec.AskRank, Keys: [][]byte{{'/'}, {'z'}}},
		"Len":     {Ask: codec.AskCount},
		"beyond":  {Ask: codec.AskAt, Index: uint64(len(keys))},
	}
	if len(keys) == 0 {
		return qs
	}
	key := func(i, of int) []byte { return []byte(keys[(len(keys)-1)*i/of]) }
	after := func(k []byte) []byte { return append(bytes.Clone(k), 0) }
	qs["present"] = codec.Question{Ask: codec.AskKeys, Keys: [][]byte{key(1, 2)}}
	qs["first and last"] = codec.Question{Ask: codec.AskKeys, Keys: [][]byte{key(0, 1), after(key(0, 1)), key(1, 1), after(key(1, 1))}}
	qs["some entries"] = codec.Question{Ask: codec.AskRange, From: key(1, 2), Limit: 7}
	qs["the last"] = codec.Question{Ask: codec.AskRange, To: key(3, 4), Limit: 7, Reverse: true}
	qs["empty"] = codec.Question{Ask: codec.AskRange, From: key(1, 2), To: key(1, 2)}
	qs["count"] = codec.Question{Ask: codec.AskCount, From: after(key(1, 10)), To: after(key(9, 10))}
	qs["at"] = codec.Question{Ask: codec.AskAt, Index: uint64(len(keys) / 3)}
	if file == "chunked" || file == "kinds" {
		qs["everything"] = codec.Question{Ask: codec.AskRange, Blobs: true}
	}
	return qs
}

func goldenAnswer(t *testing.T, file, name string, tree Tree, m model, q codec.Question) goldenProof {
	p, err := tree.ProveQuestion(ctx, q)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Verify(tree.Root(), p)
	if err == nil && file != "chunked" { // whose values lie knows no way to name
		err = m.lie(m.keys(), &f)
	}
	if err != nil {
		t.Fatalf("%s of %s: %v", name, file, err)
	}
	sections := takeApart(t, p)
	sum := codec.Sum(p)
	v := goldenProof{
		Name: file + "/" + name, Car: file + ".car", Root: tree.Root().String(),
		Question: hex.EncodeToString(sections[0].Block), Bytes: len(p), SHA256: hex.EncodeToString(sum[:]),
	}
	for _, s := range sections[1:] {
		v.Blocks = append(v.Blocks, s.CID().String())
	}
	for k := range f.Keys() {
		v.Keys = append(v.Keys, goldenFact{hex.EncodeToString(k.Key), k.Present, k.Rank})
	}
	for e := range f.Entries() {
		v.Entries = append(v.Entries, newGoldenEntry(e))
	}
	if n := f.Count(); q.Ask == codec.AskCount {
		v.Count = &n
	}
	return v
}

func newGoldenEntry(e Entry) goldenEntry {
	g := goldenEntry{Key: hex.EncodeToString(e.Key), Value: hex.EncodeToString(e.Value.Bytes), Size: e.Value.Size}
	switch {
	case e.Value.Link.Defined():
		g.Link = e.Value.Link.String()
	case e.Value.Blob().Defined():
		g.Link = e.Value.Blob().String()
	}
	return g
}

func goldenRefusals(t *testing.T, g *goldenProofs) {
	add := func(rule string, root codec.Hash, p Proof) {
		if _, err := Verify(root.CID(), p); !errors.Is(err, ErrRefuted) {
			t.Errorf("%s: %v", rule, err)
		}
		g.Refuted = append(g.Refuted, goldenRefuted{rule, root.String(), base64.StdEncoding.EncodeToString(p)})
	}
	c := newCrookedTree(t)
	keys := codec.Question{Ask: codec.AskKeys, Keys: [][]byte{c.key}}
	for _, l := range c.lies() {
		if l.want != "" {
			root, p := c.proof(t, l, keys)
			add("a node that is not what its parent says: "+l.name, root, p)
		}
	}
	m := model{"a": {Bytes: []byte("1")}, "b": {Bytes: []byte("2")}}
	tree := mustBuild(t, NewMemStore(), m)
	root := tree.root.Hash
	p, err := tree.Prove(ctx, []byte("a"))
	if err != nil {
		t.Fatal(err)
	}
	parts := takeApart(t, p)
	question := func(b string) []codec.Section {
		return []codec.Section{{Hash: codec.Sum([]byte(b)), Block: []byte(b)}, parts[1]}
	}
	other := codec.Section{Raw: true, Hash: codec.Sum([]byte("x")), Block: []byte("x")}
	renamed, raw := parts[1], parts[1]
	renamed.Hash, raw.Raw = other.Hash, true
	for _, r := range []struct {
		rule  string
		proof Proof
	}{
		{"nothing", nil},
		{"another root in the header", assemble(codec.EmptyRoot, parts)},
		{"a CAR with two roots", append(append([]byte("\x63\xa2\x65roots\x82"), bytes.Repeat(p[9:50], 2)...), p[50:]...)},
		{"a header with a longer head", append([]byte("\xbb\x00"), p[1:]...)},
		{"no question", assemble(root, nil)},
		{"a question without its hash", assemble(root, []codec.Section{{Block: parts[0].Block}, parts[1]})},
		{"a raw question", assemble(root, []codec.Section{{Raw: true, Hash: parts[0].Hash, Block: parts[0].Block}, parts[1]})},
		{"no nodes", assemble(root, parts[:1])},
		{"a node too many", assemble(root, append(slices.Clone(parts), parts[1]))},
		{"a block of no use", assemble(root, append(slices.Clone(parts), other))},
		{"the question behind", assemble(root, []codec.Section{parts[1], parts[0]})},
		{"a node under another name", assemble(root, []codec.Section{parts[0], renamed})},
		{"a node under a name of another codec", assemble(root, []codec.Section{parts[0], raw})},
		{"a byte that follows", append(bytes.Clone(p), 0)},
		{"a byte that is missing", p[:len(p)-1]},
		{"a section's length that is not in its shortest form", append(append(bytes.Clone(p[:59]), p[59]|0x80, 0), p[60:]...)},
		{"a question of version 2", assemble(root, question("\xa4\x61v\x02\x63ask\x64keys\x64keys\x80\x65blobs\x00"))},
		{"keys twice", assemble(root, question("\xa4\x61v\x01\x63ask\x64keys\x64keys\x82\x41a\x41a\x65blobs\x00"))},
		{"keys not in order", assemble(root, question("\xa4\x61v\x01\x63ask\x64keys\x64keys\x82\x41b\x41a\x65blobs\x00"))},
		{"an empty key", assemble(root, question("\xa4\x61v\x01\x63ask\x64keys\x64keys\x81\x40\x65blobs\x00"))},
		{"a field of a question missing", assemble(root, question("\xa3\x61v\x01\x63ask\x64keys\x64keys\x80"))},
		{"fields of a question in another order", assemble(root, question("\xa4\x63ask\x64keys\x61v\x01\x64keys\x80\x65blobs\x00"))},
		{"an unknown question", assemble(root, question("\xa2\x61v\x01\x63ask\x63why"))},
	} {
		add(r.rule, root, r.proof)
	}
}

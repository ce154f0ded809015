package prolly

import (
	"bytes"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// Any bytes are refused or are the one proof of a truth (P7). Bytes found by
// chance hash to nothing, so half of each input is a recipe: it puts together
// blocks of real proofs, each with its true hash.
func FuzzVerify(f *testing.F) {
	s := source{newRand(1)}
	m := randomModel(s, "path", 300)
	ns := NewMemStore()
	tree, err := Build(ctx, ns, m.sorted())
	if err != nil {
		f.Fatal(err)
	}
	l := &liar{source: s, shape: "path", space: 1201, m: m, keys: m.keys(), tree: tree}
	var pool []codec.Section
	for range 40 {
		sections := sectionsOf(f, tree, s.question("path", 1201))
		pool = append(pool, sections...)
		f.Add([]byte(assemble(tree.root.Hash, sections)), []byte{})
		f.Add(sections[0].Block, []byte{byte(len(pool) - 1), byte(len(pool) - 2)})
	}
	f.Fuzz(func(t *testing.T, b, recipe []byte) {
		if _, err := l.believed(b); err != nil {
			t.Fatal(err)
		}
		sections := []codec.Section{{Hash: codec.Sum(b), Block: b}}
		for _, i := range recipe[:min(len(recipe), 40)] {
			sections = append(sections, pool[int(i)%len(pool)])
		}
		if _, err := l.believed(assemble(tree.root.Hash, sections)); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadProof(bytes.NewReader(b), 100); (err == nil) != (len(b) <= 100) {
			t.Fatal(err)
		}
	})
}

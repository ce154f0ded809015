package prolly

import (
	"bytes"
	"io"
	"testing"

	cid "github.com/ipfs/go-cid"
	carv2 "github.com/ipld/go-car/v2"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/node/basicnode"
)

// A proof is a CARv1 to tools that know nothing of proofs: they list it, verify
// its blocks, and read the question and the nodes as DAG-CBOR.
func TestProofIsCAR(t *testing.T) {
	s := newSource(t, 1)
	tree := mustBuild(t, NewMemStore(), randomModel(s, "path", 900))
	for range 40 {
		q := s.question("path", 3601)
		p, err := tree.ProveQuestion(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		r, err := carv2.NewBlockReader(bytes.NewReader(p)) // which checks hashes
		if err != nil {
			t.Fatal(err)
		}
		if r.Version != 1 || len(r.Roots) != 1 || r.Roots[0] != tree.Root() {
			t.Fatalf("version %d, roots %v", r.Version, r.Roots)
		}
		for i := 0; ; i++ {
			b, err := r.Next()
			if err == io.EOF {
				if i < 2 {
					t.Fatalf("%d blocks", i)
				}
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if i == 1 && b.Cid() != tree.Root() {
				t.Fatalf("the second block is %v", b.Cid())
			}
			if b.Cid().Type() == cid.Raw {
				continue
			}
			n := basicnode.Prototype.Any.NewBuilder()
			if err := dagcbor.Decode(n, bytes.NewReader(b.RawData())); err != nil {
				t.Fatal(err)
			}
			if i > 0 {
				continue
			}
			ask, err := n.Build().LookupByString("ask")
			if err != nil {
				t.Fatal(err)
			}
			if word, err := ask.AsString(); err != nil || word != q.Ask.String() {
				t.Fatalf("asks %q, %v, want %v", word, err, q.Ask)
			}
		}
	}
}

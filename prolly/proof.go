package prolly

import (
	"fmt"
	"io"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// Proof shows the answer to a question about a tree to those who know nothing
// but the tree's root. It is a CARv1 file: its root is the tree's, its first
// block is the question, and the others are the nodes that a reader of the tree
// would pass by to find the answer, in the order of reading (docs/proofs.md).
//
//	header: root │ question │ root node │ inner node │ … │ leaf │ …
//
// There is no answer in it: Verify reads it off the nodes. A tree has one proof
// for each question, so proofs can be compared by their bytes.
type Proof []byte

// MaxProof is the length, in bytes, of the longest proof that is made, and that
// ReadProof reads unless told otherwise.
const MaxProof = 64 << 20

// Root returns the root that p claims to speak of, unverified.
func (p Proof) Root() (cid.Cid, error) {
	h, _, err := codec.OpenSections(p)
	if err != nil {
		return cid.Undef, refuted(err)
	}
	return h.CID(), nil
}

// ReadProof reads a proof of at most max bytes, 0 meaning MaxProof, and checks
// nothing else: ErrTooLarge beyond. It takes memory as the bytes arrive.
func ReadProof(r io.Reader, max int64) (Proof, error) {
	if max <= 0 {
		max = MaxProof
	}
	b, err := io.ReadAll(io.LimitReader(r, max+1))
	if err == nil && int64(len(b)) > max {
		err = fmt.Errorf("%w: a proof of more than %d bytes", ErrTooLarge, max)
	}
	if err != nil {
		return nil, fmt.Errorf("prolly: read proof: %w", err)
	}
	return b, nil
}

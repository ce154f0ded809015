package prolly

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// Prove proves of each key that it is there, with its value, or that it is not.
// Values out of line are proven by the CID and the length of what they are;
// Question.Blobs includes their bytes.
func (t Tree) Prove(ctx context.Context, keys ...[]byte) (Proof, error) {
	return t.proveKeys(ctx, codec.AskKeys, keys)
}

// ProveRank proves how many entries have a smaller key than each of the keys,
// and whether it is there itself.
func (t Tree) ProveRank(ctx context.Context, keys ...[]byte) (Proof, error) {
	return t.proveKeys(ctx, codec.AskRank, keys)
}

func (t Tree) proveKeys(ctx context.Context, ask codec.Ask, keys [][]byte) (Proof, error) {
	keys = slices.Clone(keys)
	for _, k := range keys {
		if err := checkKey(k); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(keys, bytes.Compare)
	return t.ProveQuestion(ctx, codec.Question{Ask: ask, Keys: slices.CompactFunc(keys, bytes.Equal)})
}

// ProveRange proves the entries that r selects, and that there are no others.
func (t Tree) ProveRange(ctx context.Context, r Range) (Proof, error) {
	return t.ProveQuestion(ctx, r.Question())
}

// Question asks for the entries that r selects. A prefix becomes a part of the
// bounds.
func (r Range) Question() codec.Question {
	lo, hi, _ := r.bounds()
	return codec.Question{Ask: codec.AskRange, From: lo, To: hi, Limit: uint64(max(r.Limit, 0)), Reverse: r.Reverse}
}

// ProveCount proves how many entries r selects; of an empty r, Len. Limit and
// Reverse play no part. It is much shorter than a proof of the entries.
func (t Tree) ProveCount(ctx context.Context, r Range) (Proof, error) {
	lo, hi, _ := r.bounds()
	return t.ProveQuestion(ctx, codec.Question{Ask: codec.AskCount, From: lo, To: hi})
}

// ProveAt proves which entry is the i-th in key order, counted from 0, or that
// there is none.
func (t Tree) ProveAt(ctx context.Context, i uint64) (Proof, error) {
	return t.ProveQuestion(ctx, codec.Question{Ask: codec.AskAt, Index: i})
}

// ProveQuestion proves the answer to a question. It reads what a reader would
// who wants to know it, and holds no more than the proof and the nodes of a
// path. ErrTooLarge when the proof passes MaxProof; ErrMissing and ErrCorrupt
// as when reading; a question that breaks a rule is an error of package codec.
func (t Tree) ProveQuestion(ctx context.Context, q codec.Question) (Proof, error) {
	block, err := q.Encode()
	if err != nil {
		return nil, fmt.Errorf("prolly: prove: %w", err)
	}
	// Room for one path: nodes weigh less than 3 KiB, nearly always.
	room := make([]byte, 0, len(block)+(t.level+1)*3<<10)
	r := recorder{ctx: ctx, ns: t.ns, proof: codec.AppendSectionsHead(room, t.root.Hash)}
	if err := r.add(codec.Section{Hash: codec.Sum(block), Block: block}); err != nil {
		return nil, err
	}
	w := proofWalk{src: &r, q: &q, facts: &Facts{}}
	if err := w.run(t.root); err != nil {
		return nil, fmt.Errorf("prolly: prove: %w", err)
	}
	return r.proof, nil
}

// recorder reads from a store and writes down what it has read.
type recorder struct {
	ctx   context.Context
	ns    NodeStore
	proof Proof
}

func (r *recorder) add(s codec.Section) error {
	r.proof = codec.AppendSection(r.proof, s)
	if len(r.proof) > MaxProof {
		return fmt.Errorf("%w: the proof has more than %d bytes", ErrTooLarge, MaxProof)
	}
	return nil
}

func (r *recorder) node(a Addr) (*Node, error) {
	if err := r.ctx.Err(); err != nil {
		return nil, err
	}
	n, err := loadNode(r.ctx, r.ns, a)
	if err != nil {
		return nil, err
	}
	return n, r.add(codec.Section{Hash: a.Hash, Block: n.Block()})
}

func (r *recorder) blob(link []byte, size uint64) ([]byte, error) {
	if err := r.ctx.Err(); err != nil {
		return nil, err
	}
	_, c, err := cid.CidFromBytes(link)
	if err != nil {
		return nil, fmt.Errorf("%w: link of a blob: %w", ErrCorrupt, err)
	}
	var b []byte
	if isRaw(link) {
		b, err = readBlock(r.ctx, r.ns, c, size)
	} else {
		b, err = readList(r.ctx, r.ns, c)
	}
	if err != nil {
		return nil, err
	}
	return b, r.add(codec.Section{Raw: isRaw(link), Hash: linkHash(link), Block: b})
}

// isRaw tells whether the CID of a blob or chunk list, in binary, is a blob's.
func isRaw(link []byte) bool { return link[1] == cid.Raw }

// linkHash is the hash in such a CID.
func linkHash(link []byte) codec.Hash { return codec.Hash(link[len(link)-codec.HashSize:]) }

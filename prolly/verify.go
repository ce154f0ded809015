package prolly

import (
	"errors"
	"fmt"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// ErrRefuted: the bytes are no proof of anything about the root.
var ErrRefuted = errors.New("prolly: refuted")

func refuted(err error) error { return fmt.Errorf("%w: %w", ErrRefuted, err) }

// Verify returns what p proves about the tree under root, or an error that
// wraps ErrRefuted. It needs nothing but its arguments and SHA-256, and trusts
// neither p nor who made it: whatever p is, the facts are what a reader of the
// tree under root would find.
//
// What the question was is the prover's choice. Look at Facts.Question, or read
// from Facts.Tree, which answers only what was proven.
//
// All of it is relative to the root, which stands for what its maker put there.
// Presence, absence and the wholeness of ranges hold for whatever root: every
// search by the keys in the nodes ends as the proof's does, and an entry that
// the maker hid where no search leads is none. Counts, ranks and places add up
// numbers that stand in the nodes passed by, and each is checked against the
// child where that is in the proof too; about subtrees left aside they are as good
// as the word of the root's maker. Who has checked the tree (Tree.Check) needs
// to take no such word.
//
// The facts share the bytes of p, which must not change as long as they are
// used. Memory is a small multiple of len(p) at most.
func Verify(root cid.Cid, p Proof) (Facts, error) {
	h, err := codec.HashOf(root)
	if err != nil {
		return Facts{}, err
	}
	claimed, sections, err := codec.OpenSections(p)
	if err != nil {
		return Facts{}, refuted(err)
	}
	if claimed != h {
		return Facts{}, fmt.Errorf("%w: it speaks of the root %v", ErrRefuted, claimed)
	}
	f := Facts{root: h}
	if err := f.verify(&reread{sections, &f}); err != nil {
		return Facts{}, refuted(err)
	}
	return f, nil
}

func (f *Facts) verify(r *reread) error {
	block, err := r.question()
	if err != nil {
		return err
	}
	if f.q, err = codec.ParseQuestion(block); err != nil {
		return err
	}
	w := proofWalk{src: r, q: &f.q, facts: f}
	if err := w.run(Addr{Hash: f.root}); err != nil {
		return err
	}
	if r.More() {
		return fmt.Errorf("something follows at byte %d", r.Offset())
	}
	return nil
}

// reread takes the blocks of a walk from a proof: each must be the next one
// there. They become a part of the facts.
type reread struct {
	codec.Sections
	facts *Facts
}

// question returns the first block.
func (r *reread) question() ([]byte, error) {
	s, err := r.Next()
	if err != nil {
		return nil, err
	}
	if s.Raw || codec.Sum(s.Block) != s.Hash {
		return nil, errors.New("the question has another hash")
	}
	return s.Block, nil
}

// next returns the block that is named so.
func (r *reread) next(raw bool, h codec.Hash) ([]byte, error) {
	if !r.More() {
		return nil, fmt.Errorf("block %v is left out", codec.Section{Raw: raw, Hash: h}.CID())
	}
	at := r.Offset()
	s, err := r.Next()
	if err != nil {
		return nil, err
	}
	if s.Raw != raw || s.Hash != h {
		return nil, fmt.Errorf("block %v at byte %d where %v belongs", s.CID(), at, codec.Section{Raw: raw, Hash: h}.CID())
	}
	if codec.Sum(s.Block) != h {
		return nil, fmt.Errorf("block %v at byte %d has another hash", s.CID(), at)
	}
	return s.Block, nil
}

func (r *reread) node(a Addr) (*Node, error) {
	block, err := r.next(false, a.Hash)
	if err != nil {
		return nil, err
	}
	n, err := NewNode(block, nil)
	if err != nil {
		return nil, fmt.Errorf("node %v: %w", a.Hash, err)
	}
	r.facts.nodes = append(r.facts.nodes, provenNode{a.Hash, n})
	return n, nil
}

func (r *reread) blob(link []byte, _ uint64) ([]byte, error) {
	b, err := r.next(isRaw(link), linkHash(link))
	if err != nil {
		return nil, err
	}
	if r.facts.blobs == nil {
		r.facts.blobs = map[string][]byte{}
	}
	r.facts.blobs[string(link)] = b
	return b, nil
}

package sync

import (
	"context"
	"errors"
	"fmt"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// blockReader reads blocks, verified.
type blockReader func(ctx context.Context, c cid.Cid) ([]byte, error)

// maxSent is how many blocks a sender remembers to have sent; beyond, a block
// that several entries name may travel twice.
const maxSent = 1 << 18

// blockSender sends the blocks that entries name and the other side lacks.
type blockSender struct {
	e    *engine.Engine
	w    *frameWriter
	sent map[string]struct{} // by multihash
	n    int64
}

// first tells whether a block was not sent before, and remembers it.
func (s *blockSender) first(c cid.Cid) bool {
	k := string(c.Hash())
	if _, ok := s.sent[k]; ok {
		return false
	}
	if len(s.sent) < maxSent {
		s.sent[k] = struct{}{}
	}
	return true
}

// send sends what to needs beyond what was needed before.
func (s *blockSender) send(ctx context.Context, from, to *prolly.Value) error {
	switch to.Kind() {
	case codec.Link:
		return s.link(ctx, to.Link)
	case codec.Blob:
		return s.value(ctx, from, to)
	}
	return nil
}

// link sends the block that a link names, if it is here and may travel.
func (s *blockSender) link(ctx context.Context, c cid.Cid) error {
	if _, ok := s.sent[string(c.Hash())]; ok {
		return nil
	}
	b, err := s.e.ReadBlock(ctx, c)
	if errors.Is(err, engine.ErrMissing) || errors.Is(err, engine.ErrHash) || err == nil && len(b) > MaxBlock {
		return nil
	}
	if err != nil {
		return err
	}
	return s.block(c, b)
}

func (s *blockSender) block(c cid.Cid, b []byte) error {
	if !s.first(c) || isIdentity(c) {
		return nil
	}
	s.n++
	return s.w.write(frameBlock, c.Bytes(), b)
}

// value sends the blocks of an out-of-line value, without the chunks of the one
// that it replaces.
func (s *blockSender) value(ctx context.Context, from, to *prolly.Value) error {
	depth := DefaultBudget.Depth
	known := map[string]struct{}{}
	if from != nil && from.Kind() == codec.Blob && from.Blob().Type() == cid.DagCBOR {
		err := valueLinks(ctx, from.Blob(), depth, s.e.ReadBlock, known, func(cid.Cid) error { return nil })
		if err != nil {
			return err
		}
	}
	return s.valueBelow(ctx, to.Blob(), depth, known)
}

// errNotBelow, returned by the function given to valueLinks, leaves out what a
// list names.
var errNotBelow = errors.New("sync: not below this list")

// valueLinks adds the names of a value's blocks to seen, by multihash, and calls f
// with each that was not there. It reads lists only, each once, so that a list
// which names another many times costs no more than its bytes.
func valueLinks(ctx context.Context, c cid.Cid, depth int64, read blockReader, seen map[string]struct{}, f func(cid.Cid) error) error {
	if _, ok := seen[string(c.Hash())]; ok {
		return nil
	}
	seen[string(c.Hash())] = struct{}{}
	if err := f(c); err == errNotBelow {
		return nil
	} else if err != nil || c.Type() != cid.DagCBOR {
		return err
	}
	if depth <= 0 {
		return &BudgetError{What: "levels of chunk lists"}
	}
	b, err := read(ctx, c)
	if err != nil {
		return err
	}
	list, err := codec.ParseChunkList(b)
	if err != nil {
		return malformed("chunk list %v: %v", c, err)
	}
	for _, x := range list.Links {
		if err := valueLinks(ctx, x, depth-1, read, seen, f); err != nil {
			return err
		}
	}
	return nil
}

func (s *blockSender) valueBelow(ctx context.Context, c cid.Cid, depth int64, known map[string]struct{}) error {
	if _, ok := known[string(c.Hash())]; ok {
		return nil
	}
	if _, ok := s.sent[string(c.Hash())]; ok {
		return nil
	}
	b, err := s.e.ReadBlock(ctx, c)
	if err != nil {
		return err
	}
	if err := s.block(c, b); err != nil || c.Type() != cid.DagCBOR {
		return err
	}
	list, err := codec.ParseChunkList(b)
	if err != nil {
		return fmt.Errorf("%w: chunk list %v: %w", engine.ErrCorrupt, c, err)
	}
	for _, x := range list.Links {
		if err := s.valueBelow(ctx, x, depth-1, known); err != nil {
			return err
		}
	}
	return nil
}

// isIdentity tells whether a CID contains its block.
func isIdentity(c cid.Cid) bool { return c.Prefix().MhType == 0 }

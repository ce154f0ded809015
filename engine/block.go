package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"

	cid "github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// verify tells whether block is what c names. ErrCorrupt when it is not,
// ErrHash when nobody here can tell.
func verify(c cid.Cid, block []byte) error {
	d, err := mh.Decode(c.Hash())
	if err != nil {
		return fmt.Errorf("%w: %v: %w", ErrHash, c, err)
	}
	if d.Code == mh.SHA2_256 && d.Length == codec.HashSize {
		if sum := codec.Sum(block); !bytes.Equal(sum[:], d.Digest) {
			return fmt.Errorf("%w: block %v has another hash", ErrCorrupt, c)
		}
		return nil
	}
	if own, ok := inIdentity(c); ok {
		if !bytes.Equal(own, block) {
			return fmt.Errorf("%w: block %v is another", ErrCorrupt, c)
		}
		return nil
	}
	sum, err := mh.Sum(block, d.Code, d.Length)
	if err != nil {
		return fmt.Errorf("%w: %v: %w", ErrHash, c, err)
	}
	if !bytes.Equal(sum, c.Hash()) {
		return fmt.Errorf("%w: block %v has another hash", ErrCorrupt, c)
	}
	return nil
}

// inIdentity returns the block that c itself contains, if it is of that kind.
func inIdentity(c cid.Cid) ([]byte, bool) {
	if c.Prefix().MhType != mh.IDENTITY {
		return nil, false
	}
	d, err := mh.Decode(c.Hash())
	if err != nil {
		return nil, false
	}
	return d.Digest, true
}

// Nodes reads any stored node and blob. Its writes answer ErrReadOnly. Blobs
// are handed out as they are stored, to be verified by the caller.
func (e *Engine) Nodes() prolly.NodeStore { return e.nodes }

// ReadBlock returns any stored block, node or not, verified against c. The
// caller owns it. ErrMissing when it is not here, ErrHash when the hash
// function is unknown.
func (e *Engine) ReadBlock(ctx context.Context, c cid.Cid) ([]byte, error) {
	if err := e.ready(ctx); err != nil {
		return nil, err
	}
	if !c.Defined() {
		return nil, fmt.Errorf("engine: read block: undefined CID: %w", ErrMissing)
	}
	if b, ok := inIdentity(c); ok {
		return bytes.Clone(b), nil
	}
	b, err := e.nodes.readBlob(ctx, c)
	if h, isHash := hashOfBlock(c); isHash && errors.Is(err, ErrMissing) {
		n, err := e.nodes.LoadNode(ctx, prolly.Addr{Hash: h})
		if err != nil {
			return nil, err
		}
		return bytes.Clone(n.Block()), nil
	}
	if err != nil {
		return nil, err
	}
	return b, verify(c, b)
}

// hashOfBlock returns the SHA-256 in c, whatever its codec.
func hashOfBlock(c cid.Cid) (h codec.Hash, ok bool) {
	p := c.Prefix()
	if p.MhType != mh.SHA2_256 || p.MhLength != codec.HashSize {
		return h, false
	}
	copy(h[:], c.Hash()[len(c.Hash())-codec.HashSize:])
	return h, true
}

// PutBlock stores a caller's linked block, verified against c. It is kept while
// a tree links to it, and before that until the next garbage collection but one
// of this engine.
func (e *Engine) PutBlock(ctx context.Context, c cid.Cid, block []byte) error {
	inside, err := e.enter(ctx)
	if err != nil {
		return err
	}
	defer inside.leave()
	if !c.Defined() {
		return fmt.Errorf("engine: put block: undefined CID: %w", ErrHash)
	}
	if _, ok := inIdentity(c); ok {
		return verify(c, block)
	}
	if err := verify(c, block); err != nil {
		return err
	}
	w := e.newWriter()
	if err := w.WriteBlob(ctx, c, block); err != nil {
		return errors.Join(err, w.drop())
	}
	e.young.add(c.Hash())
	return w.finish(ctx)
}

// young remembers the blocks that were put and perhaps not linked yet: those
// since the last garbage collection and those before it, and those that someone
// holds. It knows them by a hash of 8 bytes; one that is taken for another
// stays longer.
type young struct {
	mu        sync.Mutex
	seed      maphash.Seed
	now, past map[uint64]struct{}
	held      map[*held]struct{}
	late      []*held // released while garbage was collected
	collected bool    // now
}

// held are the blocks of one who is still writing, however long that takes.
type held struct {
	y *young
	m map[uint64]struct{}
}

// hold begins to hold blocks.
func (y *young) hold() *held {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.held == nil {
		y.held = map[*held]struct{}{}
	}
	h := &held{y, map[uint64]struct{}{}}
	y.held[h] = struct{}{}
	return h
}

// add is to be called before the block is written, or found to be there.
func (h *held) add(multihash []byte) {
	h.y.mu.Lock()
	h.m[h.y.sum(multihash)] = struct{}{}
	h.y.mu.Unlock()
}

// release lets go of all that was held.
func (h *held) release() {
	h.y.mu.Lock()
	delete(h.y.held, h)
	if h.y.collected {
		h.y.late = append(h.y.late, h)
	}
	h.y.mu.Unlock()
}

// busy says that garbage is being collected, or no longer. What is released
// meanwhile was perhaps named where the collection has been already.
func (y *young) busy(yes bool) {
	y.mu.Lock()
	y.collected, y.late = yes, nil
	y.mu.Unlock()
}

// sum is what a block is known by. The mutex is held.
func (y *young) sum(multihash []byte) uint64 {
	if y.seed == (maphash.Seed{}) {
		y.seed = maphash.MakeSeed()
	}
	return maphash.Bytes(y.seed, multihash)
}

func (y *young) add(multihash []byte) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.now == nil {
		y.now = map[uint64]struct{}{}
	}
	y.now[y.sum(multihash)] = struct{}{}
}

// has tells whether a block is young.
func (y *young) has(multihash []byte) bool {
	y.mu.Lock()
	defer y.mu.Unlock()
	if len(y.now)+len(y.past)+len(y.held)+len(y.late) == 0 {
		return false
	}
	sum := y.sum(multihash)
	for h := range y.held {
		if _, ok := h.m[sum]; ok {
			return true
		}
	}
	for _, h := range y.late {
		if _, ok := h.m[sum]; ok {
			return true
		}
	}
	_, now := y.now[sum]
	_, past := y.past[sum]
	return now || past
}

// age makes what is young old at the next call.
func (y *young) age() {
	y.mu.Lock()
	y.now, y.past = nil, y.now
	y.mu.Unlock()
}

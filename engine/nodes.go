package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// nodeStore reads nodes and blobs of the store for trees, and keeps decoded
// nodes in a cache that all branches share. It writes nothing. All methods may
// be called by several goroutines at once.
type nodeStore struct {
	store  kv.Store
	cache  *nodeCache
	closed *atomic.Bool
	n      *counters
	blobs  knownBlobs
	again  sync.Map // by hash: *prolly.Node, of a store that may not be written to
}

func newNodeStore(s kv.Store, cacheBytes int64, closed *atomic.Bool, n *counters) *nodeStore {
	return &nodeStore{store: s, cache: newNodeCache(cacheBytes), closed: closed, n: n}
}

// emptyNode is the root of the empty tree, which no store needs to hold.
var emptyNode = func() *prolly.Node {
	n, err := prolly.DecodeNode(codec.EmptyRoot, codec.EmptyLeaf(), nil)
	if err != nil {
		panic("engine: the empty tree must decode: " + err.Error())
	}
	return n
}()

// LoadNode implements prolly.NodeLoader.
func (s *nodeStore) LoadNode(ctx context.Context, a prolly.Addr) (*prolly.Node, error) {
	if n, err := s.cached(&a.Hash); n != nil || err != nil {
		return n, err
	}
	n, err := s.fetch(ctx, a)
	if err != nil {
		return nil, err
	}
	s.cache.set(a.Hash, n)
	return n, nil
}

// cached returns a node that needs no reading, nil when there is none.
func (s *nodeStore) cached(h *codec.Hash) (*prolly.Node, error) {
	if s.closed.Load() {
		return nil, ErrClosed
	}
	if n, ok := s.cache.get(*h); ok {
		s.n.cacheHits.add(int(h[0]))
		return n, nil
	}
	if *h == codec.EmptyRoot {
		return emptyNode, nil
	}
	return nil, nil
}

// LoadChild implements prolly.ChildLoader.
func (s *nodeStore) LoadChild(ctx context.Context, parent *prolly.Node, i int) (*prolly.Node, error) {
	if n := parent.Recall(i); n != nil && !s.closed.Load() {
		s.n.cacheHits.add(parent.Weight() + i)
		n.Cell().Ask()
		return n, nil
	}
	n, err := s.LoadNode(ctx, parent.Addr(i))
	if err == nil {
		parent.Remember(i, n)
	}
	return n, err
}

// peek is LoadNode for those who go over everything once, and would only push
// other nodes out of the cache.
func (s *nodeStore) peek(ctx context.Context, a prolly.Addr) (*prolly.Node, error) {
	if n, ok := s.cache.get(a.Hash); ok {
		return n, nil
	}
	return s.fetch(ctx, a)
}

// fetch reads a node from the store and verifies it. What a hint leads to is
// not trusted: when it is another node, the right one is looked up by its hash.
func (s *nodeStore) fetch(ctx context.Context, a prolly.Addr) (*prolly.Node, error) {
	n, err := s.fetchAt(ctx, a.Hash, a.Hint)
	if errors.Is(err, prolly.ErrCorrupt) && a.Hint != (prolly.Hint{}) {
		s.n.staleHints.Add(1)
		return s.fetchAt(ctx, a.Hash, kv.Hint{})
	}
	return n, err
}

func (s *nodeStore) fetchAt(ctx context.Context, h codec.Hash, at kv.Hint) (*prolly.Node, error) {
	n, err := s.fetchStored(ctx, h, at)
	if err != nil && !errors.Is(err, ErrClosed) {
		if made, ok := s.again.Load(h); ok {
			return made.(*prolly.Node), nil
		}
	}
	return n, err
}

func (s *nodeStore) fetchStored(ctx context.Context, h codec.Hash, at kv.Hint) (*prolly.Node, error) {
	stored, err := s.store.ReadNode(ctx, h, at)
	if err != nil {
		return nil, storeError("read node "+h.String(), err)
	}
	s.n.nodeReads.Add(1)
	s.n.nodeReadBytes.Add(uint64(len(stored.Block)))
	n, err := prolly.DecodeNode(h, stored.Block, stored.Children)
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	return n, nil
}

// remember keeps nodes that the store lacks, or cannot read, and must not be given.
func (s *nodeStore) remember(nodes map[codec.Hash]*prolly.Node) {
	for h, n := range nodes {
		s.again.Store(h, n)
	}
}

// ReadNode implements prolly.NodeStore.
func (s *nodeStore) ReadNode(ctx context.Context, a prolly.Addr) ([]byte, []prolly.Hint, error) {
	n, err := s.LoadNode(ctx, a)
	if err != nil {
		return nil, nil, err
	}
	return n.Block(), n.Hints(), nil
}

// ReadBlob implements prolly.NodeStore. The block is not verified yet.
func (s *nodeStore) ReadBlob(ctx context.Context, c cid.Cid) (io.ReadCloser, error) {
	b, err := s.readBlob(ctx, c)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

// LoadBlob implements prolly.BlobLoader.
func (s *nodeStore) LoadBlob(ctx context.Context, c cid.Cid) ([]byte, error) {
	b, err := s.readBlob(ctx, c)
	if err != nil {
		return nil, err
	}
	if h, ok := hashOfBlock(c); ok && s.blobs.verify(h, b) {
		return b, nil
	}
	if err := verify(c, b); err != nil {
		return nil, err
	}
	return b, nil
}

func (s *nodeStore) readBlob(ctx context.Context, c cid.Cid) ([]byte, error) {
	if s.closed.Load() {
		return nil, ErrClosed
	}
	b, err := s.store.ReadBlob(ctx, c)
	if err != nil {
		return nil, storeError("read blob "+c.String(), err)
	}
	s.n.blobReads.Add(1)
	return b, nil
}

// WriteNode implements prolly.NodeStore by refusing.
func (s *nodeStore) WriteNode(context.Context, codec.Hash, []byte, []prolly.Hint) (prolly.Hint, error) {
	return prolly.Hint{}, ErrReadOnly
}

// WriteBlob implements prolly.NodeStore by refusing.
func (s *nodeStore) WriteBlob(context.Context, cid.Cid, []byte) error { return ErrReadOnly }

// storeError brings an error of the store into the engine's terms: a block that
// is not there is missing, never not found, which speaks of keys.
func storeError(op string, err error) error {
	switch {
	case errors.Is(err, kv.ErrClosed):
		return ErrClosed
	case errors.Is(err, kv.ErrReadOnly):
		return ErrReadOnly
	case errors.Is(err, kv.ErrNotFound):
		return fmt.Errorf("engine: %s: %w", op, prolly.ErrMissing)
	case errors.Is(err, kv.ErrCorrupt):
		return fmt.Errorf("engine: %s: %w: %w", op, prolly.ErrCorrupt, err)
	}
	return fmt.Errorf("engine: %s: %w", op, err)
}

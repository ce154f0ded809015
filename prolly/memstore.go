package prolly

import (
	"bytes"
	"context"
	"io"
	"sync"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// memStore keeps decoded nodes in a map, for ever.
type memStore struct {
	mu    sync.RWMutex
	nodes map[codec.Hash]*Node
	blobs map[string][]byte // by multihash
}

// NewMemStore returns a NodeStore in memory. It never forgets a block.
func NewMemStore() NodeStore {
	return &memStore{nodes: map[codec.Hash]*Node{}, blobs: map[string][]byte{}}
}

func (s *memStore) LoadNode(_ context.Context, a Addr) (*Node, error) {
	if a.Hash == codec.EmptyRoot {
		return emptyNode, nil
	}
	s.mu.RLock()
	n := s.nodes[a.Hash]
	s.mu.RUnlock()
	if n == nil {
		return nil, ErrMissing
	}
	return n, nil
}

func (s *memStore) ReadNode(ctx context.Context, a Addr) ([]byte, []Hint, error) {
	n, err := s.LoadNode(ctx, a)
	if err != nil {
		return nil, nil, err
	}
	return n.Block(), nil, nil
}

func (s *memStore) WriteNode(_ context.Context, h codec.Hash, block []byte, _ []Hint) (Hint, error) {
	n, err := NewNode(bytes.Clone(block), nil)
	if err != nil {
		return Hint{}, err
	}
	s.mu.Lock()
	s.nodes[h] = n
	s.mu.Unlock()
	return Hint{}, nil
}

func (s *memStore) ReadBlob(_ context.Context, c cid.Cid) (io.ReadCloser, error) {
	s.mu.RLock()
	b, ok := s.blobs[string(c.Hash())]
	s.mu.RUnlock()
	if !ok {
		return nil, ErrMissing
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

func (s *memStore) WriteBlob(_ context.Context, c cid.Cid, block []byte) error {
	s.mu.Lock()
	s.blobs[string(c.Hash())] = bytes.Clone(block)
	s.mu.Unlock()
	return nil
}

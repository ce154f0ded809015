package pebblekv

import (
	"context"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// get returns a copy of a value that is never nil; pebble.ErrNotFound, bare,
// when there is none.
func (s *Store) get(key []byte) ([]byte, error) {
	value, closer, err := s.db.Get(key)
	if err != nil {
		return nil, err
	}
	b := make([]byte, len(value))
	copy(b, value) // right after the make, which then clears nothing
	return b, closer.Close()
}

// ReadNode implements kv.Blocks.
func (s *Store) ReadNode(ctx context.Context, h codec.Hash, at kv.Hint) (n kv.Node, err error) {
	if err := s.enter(ctx); err != nil {
		return n, s.describe("read node", err)
	}
	defer s.leave("read node", &err)
	if n, ok := s.behind.find(h); ok {
		return n, nil
	}
	if i := idOf(at); i != (id{}) {
		n, err = s.readAt(i)
		if err != pebble.ErrNotFound {
			return n, err
		}
	}
	i, err := s.find(h)
	if err == nil {
		n, err = s.readAt(i)
	}
	if err != pebble.ErrNotFound {
		return n, err
	}
	if n, ok := s.behind.find(h); ok { // put since
		return n, nil
	}
	// A sweep may have moved on between the two reads, but not both.
	if again, err := s.find(h); err == nil && again == i {
		return n, fmt.Errorf("%w: node %v is indexed and not there", kv.ErrCorrupt, h)
	}
	return n, fmt.Errorf("%w: node %v", kv.ErrNotFound, h)
}

// find looks a node up by hash; pebble.ErrNotFound, bare, when there is none.
func (s *Store) find(h codec.Hash) (i id, err error) {
	var key [hashKeyLen]byte
	putHashKey(key[:], &h)
	value, closer, err := s.db.Get(key[:])
	if err != nil {
		return i, err
	}
	i, ok := parsePlace(value)
	if !ok {
		err = fmt.Errorf("%w: id of node %v: %x", kv.ErrCorrupt, h, value)
	}
	if e := closer.Close(); err == nil {
		err = e
	}
	return i, err
}

// readAt reads the node at i; pebble.ErrNotFound, bare, when there is none.
func (s *Store) readAt(i id) (n kv.Node, err error) {
	var key [nodeKeyLen]byte
	putNodeKey(key[:], i)
	value, closer, err := s.db.Get(key[:])
	if err != nil {
		return n, err
	}
	n, err = parseNode(value)
	if e := closer.Close(); err == nil {
		err = e
	}
	if len(n.Children) > 0 {
		s.readAhead(i)
	}
	return n, err
}

// ReadBlob implements kv.Blocks.
func (s *Store) ReadBlob(ctx context.Context, c cid.Cid) (block []byte, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, s.describe("read blob", err)
	}
	defer s.leave("read blob", &err)
	if multihash, ok := kv.BlobKey(c); ok {
		block, err = s.get(blobKey(multihash))
		if err != pebble.ErrNotFound {
			return block, err
		}
	}
	return nil, fmt.Errorf("%w: blob %v", kv.ErrNotFound, c)
}

// HasBlob implements kv.Blocks. A point read would not ask the filter of the
// last level and read a data block for each absent blob.
func (s *Store) HasBlob(ctx context.Context, c cid.Cid) (has bool, err error) {
	if err := s.enter(ctx); err != nil {
		return false, s.describe("has blob", err)
	}
	defer s.leave("has blob", &err)
	multihash, ok := kv.BlobKey(c)
	if !ok {
		return false, nil
	}
	return s.hasKey(blobKey(multihash))
}

// hasKey tells whether a key is stored, by way of the filters and without its
// value.
func (s *Store) hasKey(key []byte) (has bool, err error) {
	it, err := s.db.NewIter(&pebble.IterOptions{UseL6Filters: true})
	if err != nil {
		return false, err
	}
	has = it.SeekPrefixGE(key)
	err = it.Error()
	if e := it.Close(); err == nil {
		err = e
	}
	return has && err == nil, err
}

// ReadRef implements kv.Refs.
func (s *Store) ReadRef(ctx context.Context, name string) (value []byte, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, s.describe("read ref", err)
	}
	defer s.leave("read ref", &err)
	value, err = s.get(refKey(name))
	if err == pebble.ErrNotFound {
		return nil, fmt.Errorf("%w: ref %q", kv.ErrNotFound, name)
	}
	return value, err
}

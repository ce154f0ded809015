package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"iter"
	"sync/atomic"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Entries of 76 bytes, as the format weighs them: 4, a key of 32, a value of 40.
const (
	keyLen   = 32
	valueLen = 40
)

// numbered is entry i of ascending ones: its key begins with i, spread over
// what 8 bytes can tell so that others find a place between, and goes on at
// random. version chooses the value.
func numbered(i, version uint64) prolly.Entry {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, keyLen+valueLen), i<<20)
	for x := i*2 + 1; len(b) < keyLen; x = mix(x) {
		b = binary.LittleEndian.AppendUint64(b, mix(x))
	}
	for x := i*2 + version<<40; len(b) < cap(b); x = mix(x) {
		b = binary.LittleEndian.AppendUint64(b, mix(x+1))
	}
	return prolly.Entry{Key: b[:keyLen:keyLen], Value: prolly.Value{Bytes: b[keyLen:]}}
}

// mix is the finalizer of SplitMix64.
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// ascending yields n entries.
func ascending(n int) iter.Seq2[prolly.Entry, error] {
	return func(yield func(prolly.Entry, error) bool) {
		for i := range uint64(n) {
			if !yield(numbered(i, 0), nil) {
				return
			}
		}
	}
}

// counted counts the leaves that are written and keeps none of what is.
type counted struct {
	prolly.NodeStore
	leaves atomic.Int64
}

func (s *counted) LoadNode(ctx context.Context, a prolly.Addr) (*prolly.Node, error) {
	return s.NodeStore.(prolly.NodeLoader).LoadNode(ctx, a)
}

func (s *counted) WriteNode(_ context.Context, _ codec.Hash, block []byte, _ []prolly.Hint) (prolly.Hint, error) {
	if isLeaf(block) {
		s.leaves.Add(1)
	}
	return prolly.Hint{}, nil
}

// isLeaf tells by the beginning of a node: an array of nine.
func isLeaf(block []byte) bool { return bytes.HasPrefix(block, []byte{0x89}) }

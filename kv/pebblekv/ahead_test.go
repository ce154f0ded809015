package pebblekv

import (
	"errors"
	"runtime"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// innerNodes writes a store of n inner nodes, and opens it again.
func innerNodes(t *testing.T, n int) (s *Store, hashes []codec.Hash, hints []kv.Hint) {
	t.Helper()
	o := &Options{FS: vfs.NewMem()}
	s, err := Open("/store", o)
	if err != nil {
		t.Fatal(err)
	}
	nodes := newBenchNodes()
	b := s.NewBatch()
	for range n {
		h, block := nodes.next()
		at, e := b.PutNode(h, block, make([]kv.Hint, 1))
		err = errors.Join(err, e)
		hashes, hints = append(hashes, h), append(hints, at)
	}
	if err := errors.Join(err, b.Commit(t.Context()), s.Close()); err != nil {
		t.Fatal(err)
	}
	if s, err = Open("/store", o); err != nil {
		t.Fatal(err)
	}
	return s, hashes, hints
}

// TestReadAhead: after some inner nodes were read, those beside them are read
// without waiting for the disk, and those of another piece are not.
func TestReadAhead(t *testing.T) {
	s, hashes, hints := innerNodes(t, 3*aheadIDs)
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	misses := func(i int) int64 {
		before := s.Metrics().CacheMisses
		n, err := s.ReadNode(t.Context(), hashes[i], hints[i])
		if err != nil || len(n.Children) != 1 {
			t.Fatalf("node %d: %d children, %v", i, len(n.Children), err)
		}
		for s.ahead.busy.Load() {
			runtime.Gosched()
		}
		return s.Metrics().CacheMisses - before
	}
	for i := range aheadAfter - 1 {
		misses(i)
	}
	if misses(aheadIDs/3) == 0 {
		t.Error("nodes were read ahead for the sake of too few")
	}
	if n := misses(aheadIDs / 2); n != 0 {
		t.Errorf("a node beside those that were read: %d blocks are missing", n)
	}
	s.ahead.left.Store(0)
	misses(2 * aheadIDs)
	if misses(2*aheadIDs+aheadIDs/2) == 0 {
		t.Error("more was read ahead than allowed")
	}
}

// TestReadAheadClose: Close waits for what is read ahead, and ends it.
func TestReadAheadClose(t *testing.T) {
	s, hashes, hints := innerNodes(t, aheadIDs)
	for i := range aheadAfter {
		if _, err := s.ReadNode(t.Context(), hashes[i], hints[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s.ahead.busy.Load() {
		t.Error("still reading")
	}
}

package pebblekv

import (
	"crypto/rand"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// TestMetricsCountOnce: tables that were built beside and taken in are not
// counted as flushed too.
func TestMetricsCountOnce(t *testing.T) {
	s, err := Open("store", &Options{FS: vfs.NewMem(), RunBytes: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	b := s.NewBehind()
	bytes := uint64(0)
	for range 200 {
		block := make([]byte, 2000)
		_, _ = rand.Read(block) // it never fails
		if _, err := b.PutNode(codec.Sum(block), block, nil); err != nil {
			t.Fatal(err)
		}
		bytes += uint64(len(block))
	}
	if err := b.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.WriteNodes(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := s.Metrics()
	if m.IngestedBytes < bytes || m.IngestedBytes > bytes+bytes/4 || m.TableBytes > bytes/4 || m.LogBytes > bytes/4 {
		t.Errorf("%d bytes of nodes: %+v", bytes, m)
	}
}

package pebblekv

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestFlushOfNothing is no failure, however often; and a store that is closed
// leaves no logs.
func TestFlushOfNothing(t *testing.T) {
	fs := vfs.NewMem()
	s, err := Open("store", &Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 * maxFlushes {
		if done, err := s.flush(); !done || err != nil {
			t.Fatalf("flush %d: %v, %v", i, done, err)
		}
	}
	if err := errors.Join(s.failure.err(), s.Close()); err != nil {
		t.Fatal(err)
	}
	names, err := fs.List("/store/data")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if isLog(name) {
			t.Errorf("%s is left", name)
		}
	}
}

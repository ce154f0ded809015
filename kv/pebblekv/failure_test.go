package pebblekv_test

import (
	"context"
	"errors"
	"path"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/kv/pebblekv"
)

// TestHeadFails: when the head record cannot be written, once, the store does
// nothing more (P7); opened again it has what was committed.
func TestHeadFails(t *testing.T) {
	mem := vfs.NewMem()
	var fail atomic.Bool
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileSyncData && path.Base(op.Path) == "HEAD" && fail.CompareAndSwap(true, false) {
			return syscall.EIO
		}
		return nil
	}))
	s, err := pebblekv.Open("/store", &pebblekv.Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	if err := swap(s, "main", nil, "one"); err != nil {
		t.Fatal(err)
	}
	fail.Store(true)
	if err := s.Sync(bg); !errors.Is(err, kv.ErrFailed) || !errors.Is(err, syscall.EIO) {
		t.Errorf("Sync gave %v, want ErrFailed and its cause", err)
	}
	if err := s.Sync(bg); !errors.Is(err, kv.ErrFailed) {
		t.Errorf("a second Sync gave %v (P7)", err)
	}
	if err := swap(s, "main", []byte("one"), "two"); !errors.Is(err, kv.ErrFailed) {
		t.Errorf("a commit gave %v (P7)", err)
	}
	if _, err := s.ReadRef(bg, "main"); !errors.Is(err, kv.ErrFailed) {
		t.Errorf("a read gave %v (P7)", err)
	}
	if err := s.Close(); !errors.Is(err, kv.ErrFailed) {
		t.Errorf("Close gave %v", err)
	}
	if s, err = pebblekv.Open("/store", &pebblekv.Options{FS: mem}); err != nil {
		t.Fatal(err)
	}
	if v, err := s.ReadRef(bg, "main"); err != nil || string(v) != "one" {
		t.Errorf("ReadRef = %q, %v", v, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestSyncOfAnother: who waits for a sync that another does is not bound to it
// when its own context ends, and not hurt when the other's does.
func TestSyncOfAnother(t *testing.T) {
	mem := vfs.NewMem()
	entered, leave := make(chan struct{}, 8), make(chan struct{})
	var hold atomic.Bool
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileSyncData && path.Base(op.Path) == "HEAD" && hold.Load() {
			entered <- struct{}{}
			<-leave
		}
		return nil
	}))
	s, err := pebblekv.Open("/store", &pebblekv.Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	if err := swap(s, "main", nil, "one"); err != nil {
		t.Fatal(err)
	}
	hold.Store(true)
	leader, cancelLeader := context.WithCancel(bg)
	follower, cancelFollower := context.WithCancel(bg)
	results := make(chan error, 3)
	go func() { results <- s.Sync(leader) }()
	<-entered
	go func() { results <- s.Sync(follower) }()
	cancelFollower()
	if err := <-results; !errors.Is(err, context.Canceled) {
		t.Errorf("the follower gave %v, want its context's error", err)
	}
	go func() { results <- s.Sync(bg) }()
	cancelLeader()
	hold.Store(false)
	close(leave)
	for range 2 {
		if err := <-results; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("Sync gave %v", err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

package prollyds

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/kv/memkv"
)

// errFault is what a watchedStore fails with.
var errFault = errors.New("the disk is on fire")

// watchedStore counts what is read and synced, and can fail one read, or all
// from one on.
type watchedStore struct {
	*memkv.Store
	nodes, blobs, syncs atomic.Int64
	failAt              atomic.Int64 // the read that fails, from 1; 0: none
	sticky              atomic.Bool  // and all after it
	failed              atomic.Int64
}

func (s *watchedStore) fail() bool {
	at, n := s.failAt.Load(), s.nodes.Load()+s.blobs.Load()
	if at == 0 || n < at || n > at && !s.sticky.Load() {
		return false
	}
	s.failed.Add(1)
	return true
}

func (s *watchedStore) ReadNode(ctx context.Context, h codec.Hash, at kv.Hint) (kv.Node, error) {
	s.nodes.Add(1)
	if s.fail() {
		return kv.Node{}, errFault
	}
	return s.Store.ReadNode(ctx, h, at)
}

func (s *watchedStore) ReadBlob(ctx context.Context, c cid.Cid) ([]byte, error) {
	s.blobs.Add(1)
	if s.fail() {
		return nil, errFault
	}
	return s.Store.ReadBlob(ctx, c)
}

func (s *watchedStore) Sync(ctx context.Context) error {
	s.syncs.Add(1)
	return s.Store.Sync(ctx)
}

// failFrom makes the n-th read from now fail.
func (s *watchedStore) failFrom(n int64, sticky bool) {
	s.nodes.Store(0)
	s.blobs.Store(0)
	s.failed.Store(0)
	s.sticky.Store(sticky)
	s.failAt.Store(n)
}

// watched returns a datastore over a watchedStore of its own.
func watched(t *testing.T, opts ...Option) (*Datastore, *watchedStore) {
	t.Helper()
	return reopened(t, memkv.NewDisk(memkv.Options{}), opts...)
}

// reopened returns a datastore over what disk holds. Its engine has nothing in
// its cache but the roots.
func reopened(t *testing.T, disk *memkv.Disk, opts ...Option) (*Datastore, *watchedStore) {
	t.Helper()
	m, err := disk.Open()
	if err != nil {
		t.Fatal(err)
	}
	s := &watchedStore{Store: m}
	e, err := engine.New(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	return ownedBranch(t, e, opts...), s
}

// clock is a time that moves when it is told to.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2031, 5, 4, 3, 2, 1, 987654321, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	c.t = c.t.Add(d)
	c.mu.Unlock()
}

// Package peertest holds peers to what package peer says of them.
//
// It measures nothing and knows no peer: whoever brings some calls Test.
//
//	peer's tests, all/store's tests ── Test(peers) ──► every peer, every rule
//
// The invariants are B1 and B2 of package peer.
package peertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/bench/dataset"
	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/peer"
)

const n = 1000

var (
	set  = dataset.Set{Seed: 9}
	opts = peer.Options{CacheBytes: 64 << 20}
)

// Test runs every rule on the peers.
func Test(t *testing.T, peers []peer.Peer) {
	t.Run("B2WhatWasPut", func(t *testing.T) { whatWasPut(t, peers) })
	t.Run("B1OneRootWhateverTheWay", func(t *testing.T) { oneRoot(t, peers) })
	t.Run("Diff", func(t *testing.T) { differences(t, peers) })
	t.Run("Query", func(t *testing.T) { queries(t, peers) })
	t.Run("Collect", func(t *testing.T) { collected(t, peers) })
}

// forEach runs a test on an empty store of every peer.
func forEach(t *testing.T, peers []peer.Peer, f func(t *testing.T, p peer.Peer, s peer.Store, reopen func() peer.Store)) {
	for _, p := range peers {
		t.Run(p.Name, func(t *testing.T) {
			dir := t.TempDir()
			open := func() peer.Store {
				s, err := p.Open(t.Context(), dir, opts)
				if err != nil {
					t.Fatal(err)
				}
				return s
			}
			s := open()
			f(t, p, s, func() peer.Store {
				check(t, s.Close())
				s = open()
				return s
			})
			check(t, s.Close())
		})
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func contentOf(t *testing.T, s peer.Store) string {
	t.Helper()
	var d dataset.Digest
	check(t, s.Scan(t.Context(), func(k, v []byte) error {
		d.Add(k, v)
		return nil
	}))
	return d.String()
}

func digestOf(entries []dataset.Entry) string {
	var d dataset.Digest
	for _, e := range entries {
		d.Add(e.Key, e.Value)
	}
	return d.String()
}

func whatWasPut(t *testing.T, peers []peer.Peer) {
	sorted := set.Sorted(n)
	forEach(t, peers, func(t *testing.T, p peer.Peer, s peer.Store, reopen func() peer.Store) {
		root, err := s.Batch(t.Context(), set.Entries(0, n))
		check(t, err)
		if (root != nil) != (p.Format != "") {
			t.Errorf("root %x, format %q", root, p.Format)
		}
		for range 2 {
			if got, want := contentOf(t, s), digestOf(sorted); got != want {
				t.Fatalf("B2 violated: a scan yields %s, not %s", got, want)
			}
			v, err := s.Get(t.Context(), set.Key(5))
			check(t, err)
			if !bytes.Equal(v, set.Value(5, 0)) {
				t.Errorf("B2 violated: Get answers %x", v)
			}
			if _, err := s.Get(t.Context(), set.Key(n)); !errors.Is(err, peer.ErrNotFound) {
				t.Errorf("a key that is not there: %v", err)
			}
			check(t, s.Sync(t.Context()))
			if p.Forgets {
				return
			}
			s = reopen()
		}
	})
}

func oneRoot(t *testing.T, peers []peer.Peer) {
	roots := map[string][]byte{} // by format
	same := func(t *testing.T, p peer.Peer, way string, root []byte, err error) {
		t.Helper()
		check(t, err)
		if want, seen := roots[p.Format]; seen && !bytes.Equal(root, want) {
			t.Errorf("B1 violated: %s makes root %x, not %x", way, root, want)
		}
		roots[p.Format] = root
	}
	ways := map[string]func(context.Context, peer.Store) ([]byte, error){
		"Batch": func(ctx context.Context, s peer.Store) ([]byte, error) { return s.Batch(ctx, set.Entries(0, n)) },
		"LoadSorted": func(ctx context.Context, s peer.Store) ([]byte, error) {
			if l, ok := s.(peer.SortedLoader); ok {
				return l.LoadSorted(ctx, set.Sorted(n))
			}
			return s.Batch(ctx, set.Sorted(n))
		},
		"Stage, Put": func(ctx context.Context, s peer.Store) ([]byte, error) {
			st, ok := s.(peer.Stager)
			if !ok {
				return s.Batch(ctx, set.Entries(0, n))
			}
			if err := st.Stage(ctx, set.Entries(1, n)); err != nil {
				return nil, err
			}
			if err := s.(peer.Putter).Put(ctx, set.Key(0), set.Value(0, 0)); err != nil {
				return nil, err
			}
			return st.Root(ctx)
		},
		"Commit": func(ctx context.Context, s peer.Store) ([]byte, error) {
			if h, ok := s.(peer.Historian); ok {
				return h.Commit(ctx, set.Entries(0, n))
			}
			return s.Batch(ctx, set.Entries(0, n))
		},
	}
	want := digestOf(set.Sorted(n))
	for way, f := range ways {
		forEach(t, peers, func(t *testing.T, p peer.Peer, s peer.Store, _ func() peer.Store) {
			root, err := f(t.Context(), s)
			same(t, p, way, root, err)
			if contentOf(t, s) != want {
				t.Errorf("B2 violated: %s leaves something else", way)
			}
		})
	}
}

func differences(t *testing.T, peers []peer.Peer) {
	forEach(t, peers, func(t *testing.T, _ peer.Peer, s peer.Store, _ func() peer.Store) {
		d, ok := s.(peer.Differ)
		if !ok {
			return
		}
		ctx := t.Context()
		_, err := s.Batch(ctx, set.Entries(0, n))
		check(t, err)
		from, err := d.Version(ctx)
		check(t, err)
		changed := append(set.Updates([]int{3, 500, 77}, 1), set.Entries(n, n+2)...)
		_, err = s.Batch(ctx, changed)
		check(t, err)
		to, err := d.Version(ctx)
		check(t, err)

		_, oneSided := s.(peer.OneSided)
		var want []string
		for i, e := range changed {
			var old []byte
			if i < 3 && !oneSided {
				old = set.Value([]int{3, 500, 77}[i], 0)
			}
			want = append(want, change(e.Key, old, e.Value))
		}
		slices.Sort(want)
		var got []string
		check(t, d.Diff(ctx, from, to, func(k, a, b []byte) error {
			got = append(got, change(k, a, b))
			return nil
		}))
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		check(t, from.Close())
		check(t, to.Close())
	})
}

func change(key, from, to []byte) string { return fmt.Sprintf("%s %x %x", key, from, to) }

func queries(t *testing.T, peers []peer.Peer) {
	forEach(t, peers, func(t *testing.T, _ peer.Peer, s peer.Store, _ func() peer.Store) {
		q, ok := s.(peer.Querier)
		if !ok {
			return
		}
		_, err := s.Batch(t.Context(), set.Entries(0, n))
		check(t, err)
		var got []dataset.Entry
		check(t, q.Query(t.Context(), func(key string, value []byte) error {
			got = append(got, dataset.Entry{Key: []byte(key), Value: bytes.Clone(value)})
			return nil
		}))
		dataset.Sort(got)
		if digestOf(got) != digestOf(set.Sorted(n)) {
			t.Errorf("B2 violated: a query yields %d entries, or others", len(got))
		}
	})
}

// collected checks that what is there stays when what was there goes.
func collected(t *testing.T, peers []peer.Peer) {
	forEach(t, peers, func(t *testing.T, _ peer.Peer, s peer.Store, reopen func() peer.Store) {
		c, ok := s.(peer.Collector)
		if !ok {
			return
		}
		for version := range 3 {
			_, err := s.Batch(t.Context(), set.Updates(set.Pick(n, n, 1), version))
			check(t, err)
		}
		err := c.Collect(t.Context())
		if errors.Is(err, peer.ErrNoCollector) {
			return
		}
		check(t, err)
		want := set.Updates(set.Pick(n, n, 1), 2)
		dataset.Sort(want)
		for range 2 {
			if contentOf(t, s) != digestOf(want) {
				t.Fatal("B2 violated: something is missing after a collection")
			}
			s = reopen()
		}
	})
}

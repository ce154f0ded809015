package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/bench/dataset"
)

const n = 1000

var (
	set  = dataset.Set{Seed: 9}
	opts = Options{CacheBytes: 64 << 20}
)

// forEach runs a test on an empty store of every peer.
func forEach(t *testing.T, f func(t *testing.T, p Peer, s Store, reopen func() Store)) {
	for _, p := range All() {
		t.Run(p.Name, func(t *testing.T) {
			dir := t.TempDir()
			open := func() Store {
				s, err := p.Open(t.Context(), dir, opts)
				if err != nil {
					t.Fatal(err)
				}
				return s
			}
			s := open()
			f(t, p, s, func() Store {
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

func contentOf(t *testing.T, s Store) string {
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

func TestB2WhatWasPut(t *testing.T) {
	sorted := set.Sorted(n)
	forEach(t, func(t *testing.T, p Peer, s Store, reopen func() Store) {
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
			if _, err := s.Get(t.Context(), set.Key(n)); !errors.Is(err, ErrNotFound) {
				t.Errorf("a key that is not there: %v", err)
			}
			check(t, s.Sync(t.Context()))
			s = reopen()
		}
	})
}

func TestB1OneRootWhateverTheWay(t *testing.T) {
	roots := map[string][]byte{} // by format
	same := func(t *testing.T, p Peer, way string, root []byte, err error) {
		t.Helper()
		check(t, err)
		if want, seen := roots[p.Format]; seen && !bytes.Equal(root, want) {
			t.Errorf("B1 violated: %s makes root %x, not %x", way, root, want)
		}
		roots[p.Format] = root
	}
	ways := map[string]func(context.Context, Store) ([]byte, error){
		"Batch": func(ctx context.Context, s Store) ([]byte, error) { return s.Batch(ctx, set.Entries(0, n)) },
		"LoadSorted": func(ctx context.Context, s Store) ([]byte, error) {
			if l, ok := s.(SortedLoader); ok {
				return l.LoadSorted(ctx, set.Sorted(n))
			}
			return s.Batch(ctx, set.Sorted(n))
		},
		"Stage, Put": func(ctx context.Context, s Store) ([]byte, error) {
			st, ok := s.(Stager)
			if !ok {
				return s.Batch(ctx, set.Entries(0, n))
			}
			if err := st.Stage(ctx, set.Entries(1, n)); err != nil {
				return nil, err
			}
			if err := s.(Putter).Put(ctx, set.Key(0), set.Value(0, 0)); err != nil {
				return nil, err
			}
			return st.Root(ctx)
		},
		"Commit": func(ctx context.Context, s Store) ([]byte, error) {
			if h, ok := s.(Historian); ok {
				return h.Commit(ctx, set.Entries(0, n))
			}
			return s.Batch(ctx, set.Entries(0, n))
		},
	}
	want := digestOf(set.Sorted(n))
	for way, f := range ways {
		forEach(t, func(t *testing.T, p Peer, s Store, _ func() Store) {
			root, err := f(t.Context(), s)
			same(t, p, way, root, err)
			if contentOf(t, s) != want {
				t.Errorf("B2 violated: %s leaves something else", way)
			}
		})
	}
}

func TestDiff(t *testing.T) {
	forEach(t, func(t *testing.T, _ Peer, s Store, _ func() Store) {
		d, ok := s.(Differ)
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

		var want []string
		for i, e := range changed {
			var old []byte
			if i < 3 {
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

func TestQuery(t *testing.T) {
	forEach(t, func(t *testing.T, _ Peer, s Store, _ func() Store) {
		q, ok := s.(Querier)
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

func TestEachIsNamedOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range All() {
		if seen[p.Name] || p.About == "" || p.Module == "" {
			t.Errorf("peer %q", p.Name)
		}
		seen[p.Name] = true
	}
	if _, err := Find("nobody"); err == nil {
		t.Error("Find finds nobody")
	}
}

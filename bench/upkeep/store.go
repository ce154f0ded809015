package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-ds-prolly/go-ds-prolly/bench/dataset"
	"github.com/go-ds-prolly/go-ds-prolly/bench/stall"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/kv/pebblekv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// What the store may hold: decoded nodes, and what kv/pebblekv does by default:
// blocks of 32 MiB, and three memtables of 64.
const (
	cacheBytes  = 64 << 20
	pebbleBytes = 32<<20 + 3*64<<20
)

// store is what is kept up.
type store struct {
	e      *engine.Engine
	b      *engine.Branch
	events stall.Events
}

// opened calls f with the store in dir.
func opened(ctx context.Context, dir string, f func(*store) error) (err error) {
	s := new(store)
	kv, err := pebblekv.Open(dir, &pebblekv.Options{OnEvent: s.events.Add})
	if err != nil {
		return err
	}
	if s.e, err = engine.New(kv, &engine.Options{CacheBytes: cacheBytes}); err != nil {
		return errors.Join(err, kv.Close())
	}
	defer func() { err = errors.Join(err, s.e.Close()) }()
	if s.b, err = s.e.Branch(ctx, "main"); err != nil {
		return err
	}
	return f(s)
}

// history loads the entries and commits updates of them.
func (o *options) history(ctx context.Context, s *store) error {
	data := dataset.Set{Seed: o.seed}
	_, err := s.b.Load(ctx, func(yield func(prolly.Entry, error) bool) {
		for e := range data.Ordered(o.entries) {
			if !yield(prolly.Entry{Key: e.Key, Value: prolly.Value{Bytes: e.Value}}, nil) {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	for n := range o.commits {
		var edits []prolly.Edit
		for _, e := range data.Updates(data.Pick(o.edits, o.entries, n), n+1) {
			edits = append(edits, prolly.Edit{Key: e.Key, Value: prolly.Value{Bytes: e.Value}})
		}
		if err := s.b.Apply(ctx, edits, engine.NoSync); err != nil {
			return err
		}
		if _, err := s.b.Commit(ctx, engine.CommitOptions{Durability: engine.NoSync}); err != nil {
			return err
		}
		if (n+1)%100 == 0 {
			o.tell("%d commits", n+1)
		}
	}
	return s.e.Sync(ctx)
}

// diskBytes is what all files in dir hold.
func diskBytes(dir string) (n uint64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			n += uint64(info.Size())
		}
		return err
	})
	return n, err
}

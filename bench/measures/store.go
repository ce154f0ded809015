package main

import (
	"context"
	"errors"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// What the stores may hold: decoded nodes, and what kv/pebblekv does by default.
const (
	cacheBytes = 64 << 20
	blockBytes = 32 << 20
	memTables  = 2 * 64 << 20
)

// load makes a store of n entries in dir.
func load(ctx context.Context, dir string, n int) error {
	return opened(ctx, dir, func(b *engine.Branch) error {
		if _, err := b.Load(ctx, ascending(n)); err != nil {
			return err
		}
		_, err := b.Commit(ctx, engine.CommitOptions{})
		return err
	})
}

// opened calls f with the branch of the store in dir.
func opened(ctx context.Context, dir string, f func(*engine.Branch) error) (err error) {
	e, err := engine.Open(dir, &engine.Options{CacheBytes: cacheBytes})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	b, err := e.Branch(ctx, "main")
	if err != nil {
		return err
	}
	return f(b)
}

// pinned calls f with the tree of a branch.
func pinned(ctx context.Context, b *engine.Branch, f func(prolly.Tree) error) (err error) {
	s, err := b.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return f(s.Tree())
}

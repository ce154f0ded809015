package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/djson"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// session is a command at work on the open store.
type session struct {
	*app
	e *engine.Engine
}

// cacheBytes is the size of the node cache: a command passes by most nodes once.
const cacheBytes = 16 << 20

// reading opens the store without being able to change it (C2), calls f and
// closes it.
func (a *app) reading(ctx context.Context, f func(*session) error) error {
	return a.open(ctx, &engine.Options{ReadOnly: true, MustExist: true, CacheBytes: cacheBytes}, f)
}

// writing opens the store, which must be there, calls f and closes it.
func (a *app) writing(ctx context.Context, f func(*session) error) error {
	return a.open(ctx, &engine.Options{MustExist: true, CacheBytes: cacheBytes}, f)
}

func (a *app) open(ctx context.Context, o *engine.Options, f func(*session) error) error {
	e, err := a.engine(ctx, o)
	if err != nil {
		return err
	}
	err = f(&session{a, e})
	return also(err, e.Close())
}

// While another process holds the store, opening it is tried again for a
// while: commands that follow each other closely, or stand in one pipe, need no
// care.
const (
	lockedFor   = 2 * time.Second
	lockedRetry = 20 * time.Millisecond
)

func (a *app) engine(ctx context.Context, o *engine.Options) (*engine.Engine, error) {
	for until := time.Now().Add(lockedFor); ; {
		e, err := engine.Open(a.store, o)
		switch {
		case err == nil:
			return e, nil
		case errors.Is(err, engine.ErrNoStore):
			return nil, storeError{fmt.Sprintf("there is no store in %s", a.store), err}
		case !errors.Is(err, engine.ErrLocked):
			return nil, fmt.Errorf("store %s: %w", a.store, err)
		case time.Now().After(until):
			return nil, storeError{fmt.Sprintf("the store in %s is in use by another process", a.store), err}
		}
		select {
		case <-time.After(lockedRetry):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// storeError says in a few words why a store cannot be opened.
type storeError struct {
	what string
	err  error
}

func (e storeError) Error() string { return e.what }
func (e storeError) Unwrap() error { return e.err }

// also adds the error of what had to be done besides; without one, err stays the
// very same.
func also(err, other error) error {
	if other == nil {
		return err
	}
	return errors.Join(err, other)
}

// view is what the commands on entries read from: a branch with what is staged
// on it, or the tree of a REF.
type view interface {
	Lookup(ctx context.Context, key []byte) (prolly.Entry, error)
	Open(ctx context.Context, key []byte) (io.ReadSeekCloser, error)
	Range(ctx context.Context, r prolly.Range) iter.Seq2[prolly.Entry, error]
}

// view calls f with what ref names, and with the branch when ref is empty.
func (s *session) view(ctx context.Context, ref string, f func(view) error) error {
	if ref == "" {
		b, err := s.e.Lookup(ctx, s.branch)
		if err != nil {
			return err
		}
		return f(b)
	}
	return s.tree(ctx, ref, func(t prolly.Tree) error { return f(t) })
}

// tree calls f with the tree that ref names, and with that of the branch as it
// is now when ref is empty.
func (s *session) tree(ctx context.Context, ref string, f func(prolly.Tree) error) error {
	snap, err := s.snapshot(ctx, ref)
	if err != nil {
		return err
	}
	err = f(snap.Tree())
	return also(err, snap.Close())
}

func (s *session) snapshot(ctx context.Context, ref string) (*engine.Snapshot, error) {
	if ref == "" {
		b, err := s.e.Lookup(ctx, s.branch)
		if err != nil {
			return nil, err
		}
		return b.Snapshot(ctx)
	}
	r, err := s.resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	return s.e.Tree(ctx, r.Root)
}

// resolve finds out what ref means; a link in its JSON form is understood too.
func (s *session) resolve(ctx context.Context, ref string) (engine.Resolved, error) {
	return s.e.Resolve(ctx, unlink(ref))
}

// unlink returns the CID in a link's JSON form, and anything else as it is.
func unlink(ref string) string {
	p := djson.NewParser([]byte(ref))
	if v, err := p.Value(); err == nil && v.Link.Defined() {
		return v.Link.String()
	}
	return ref
}

// committed resolves ref, or the branch's last commit when ref is empty.
func (s *session) committed(ctx context.Context, ref string) (engine.Resolved, error) {
	if ref != "" {
		return s.resolve(ctx, ref)
	}
	if _, err := s.e.Lookup(ctx, s.branch); err != nil { // no tag, whatever its name
		return engine.Resolved{}, err
	}
	return s.resolve(ctx, s.branch)
}

// onto calls f with the branch to write to. A branch that is not there is
// made, and unmade when f fails.
func (s *session) onto(ctx context.Context, f func(*engine.Branch) error) error {
	_, err := s.e.Lookup(ctx, s.branch)
	made := errors.Is(err, engine.ErrNoBranch)
	if err != nil && !made {
		return err
	}
	b, err := s.e.Branch(ctx, s.branch)
	if err != nil {
		return err
	}
	if err = f(b); err == nil && made {
		fmt.Fprintf(s.stderr, "made branch %s\n", s.branch)
	}
	if err != nil && made {
		err = also(err, s.e.DeleteBranch(context.WithoutCancel(ctx), s.branch))
	}
	return err
}

// opener reads values that stand out of line.
func (s *session) opener(ctx context.Context) func(prolly.Value) (io.ReadSeekCloser, error) {
	return func(v prolly.Value) (io.ReadSeekCloser, error) {
		return prolly.OpenBlob(ctx, s.e.Nodes(), v.Blob().Bytes(), v.Size)
	}
}

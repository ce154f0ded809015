package engine

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Resolved is what a REF stands for.
type Resolved struct {
	Root   cid.Cid
	Commit *Commit // nil when the REF stands for no commit
	Branch string  // set when the REF is a branch
}

// Resolve finds out what a REF means: a branch (its last commit; before the
// first one, its folded tree), branch~n (the n-th first parent of its last
// commit), a tag, a commit's CID or a root's, in this order. ErrUnknownRef when
// it is none of them.
func (e *Engine) Resolve(ctx context.Context, ref string) (Resolved, error) {
	if err := e.ready(ctx); err != nil {
		return Resolved{}, err
	}
	for _, try := range []func(context.Context, string) (Resolved, error){
		e.resolveBranch, e.resolveAncestor, e.resolveTag, e.resolveCID,
	} {
		r, err := try(ctx, ref)
		if !errors.Is(err, errNotIt) {
			return r, err
		}
	}
	return Resolved{}, fmt.Errorf("%w: %q", ErrUnknownRef, ref)
}

// errNotIt: the REF is not of the kind that was tried.
var errNotIt = errors.New("engine: not a ref of this kind")

func (e *Engine) resolveBranch(ctx context.Context, ref string) (Resolved, error) {
	b, err := e.lookup(ctx, ref)
	if errors.Is(err, ErrNoBranch) || errors.Is(err, ErrBadName) {
		return Resolved{}, errNotIt
	}
	if err != nil {
		return Resolved{}, err
	}
	c, err := b.Head(ctx)
	if err == nil {
		return Resolved{Root: c.Root, Commit: &c, Branch: ref}, nil
	}
	if !errors.Is(err, ErrNoCommit) {
		return Resolved{}, err
	}
	root, err := b.Root(ctx)
	return Resolved{Root: root, Branch: ref}, err
}

func (e *Engine) resolveAncestor(ctx context.Context, ref string) (Resolved, error) {
	i := strings.LastIndexByte(ref, '~')
	if i < 0 {
		return Resolved{}, errNotIt
	}
	n, err := strconv.ParseUint(ref[i+1:], 10, 64)
	if err != nil {
		return Resolved{}, errNotIt
	}
	r, err := e.resolveBranch(ctx, ref[:i])
	if err != nil {
		return Resolved{}, err
	}
	if r.Commit == nil {
		return Resolved{}, fmt.Errorf("%w: %q: the branch has no commit", ErrUnknownRef, ref)
	}
	c := *r.Commit
	for range n {
		if len(c.Parents) == 0 {
			return Resolved{}, fmt.Errorf("%w: %q: the history is shorter", ErrUnknownRef, ref)
		}
		parents, err := e.ancestors(ctx, &c)
		if err != nil {
			return Resolved{}, err
		}
		if len(parents) == 0 || parents[0].CID != c.Parents[0] {
			return Resolved{}, fmt.Errorf("%w: %q: %w", ErrUnknownRef, ref, ErrHistoryCut)
		}
		c = parents[0]
	}
	return Resolved{Root: c.Root, Commit: &c}, nil
}

func (e *Engine) resolveTag(ctx context.Context, ref string) (Resolved, error) {
	if checkName(ref) != nil {
		return Resolved{}, errNotIt
	}
	c, err := e.readTag(ctx, ref)
	if errors.Is(err, ErrNoTag) {
		return Resolved{}, errNotIt
	}
	if err != nil {
		return Resolved{}, err
	}
	return e.resolved(ctx, c)
}

func (e *Engine) resolveCID(ctx context.Context, ref string) (Resolved, error) {
	c, err := cid.Decode(ref)
	if err != nil {
		return Resolved{}, errNotIt
	}
	r, err := e.resolved(ctx, c)
	if errors.Is(err, ErrMissing) {
		return r, fmt.Errorf("%w: %w", ErrUnknownRef, err)
	}
	return r, err
}

func (e *Engine) resolved(ctx context.Context, c cid.Cid) (Resolved, error) {
	t, err := e.target(ctx, c)
	if err != nil {
		return Resolved{}, err
	}
	return Resolved{Root: t.tree.Root(), Commit: t.commit}, nil
}

// target is what a CID names: a commit and its tree, or a tree.
type target struct {
	hash   codec.Hash
	commit *Commit // nil for a tree
	tree   prolly.Tree
}

// target reads what c names, from the store: the cache may still have what
// was collected. ErrMissing when it is not here, ErrUnknownRef when
// it can be neither a commit nor a tree.
func (e *Engine) target(ctx context.Context, c cid.Cid) (target, error) {
	h, err := codec.HashOf(c)
	if err != nil {
		return target{}, fmt.Errorf("%w: %w", ErrUnknownRef, err)
	}
	t := target{hash: h}
	if t.tree, err = e.storedTree(ctx, h); err == nil || !errors.Is(err, ErrMissing) {
		return t, err
	}
	commit, err := e.ReadCommit(ctx, c)
	if errors.Is(err, ErrNoCommit) {
		return target{}, fmt.Errorf("%w: %w", ErrUnknownRef, err)
	}
	if err != nil {
		return target{}, err
	}
	t.commit = &commit
	if h, err = codec.HashOf(commit.Root); err != nil {
		return t, fmt.Errorf("%w: root of commit %v: %w", ErrCorrupt, c, err)
	}
	t.tree, err = e.storedTree(ctx, h)
	return t, err
}

// storedTree opens the tree under h, whose root must be in the store.
func (e *Engine) storedTree(ctx context.Context, h codec.Hash) (prolly.Tree, error) {
	if h == codec.EmptyRoot {
		return prolly.Empty(e.nodes), nil
	}
	if _, err := e.nodes.fetch(ctx, prolly.Addr{Hash: h}); err != nil {
		return prolly.Tree{}, err
	}
	return prolly.LoadAt(ctx, e.nodes, prolly.Addr{Hash: h})
}

package space

import (
	"context"
	"errors"
	"fmt"
	"iter"

	cid "github.com/ipfs/go-cid"
	"github.com/storacha/go-ucanto/core/delegation"
	"github.com/storacha/go-ucanto/core/ipld"
	"github.com/storacha/go-ucanto/did"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Space is a client's replica of a space. Nothing but Sync and what takes a
// Client needs a service. All methods may be called by several goroutines at
// once.
type Space struct {
	id did.DID
	e  *engine.Engine
	b  *engine.Branch
}

// Open returns the replica of a space in an engine's store, made empty if it is
// not there.
func Open(ctx context.Context, e *engine.Engine, id did.DID) (*Space, error) {
	b, err := e.Branch(ctx, BranchName(id))
	if err != nil {
		return nil, fmt.Errorf("space: open %v: %w", id, err)
	}
	return &Space{id: id, e: e, b: b}, nil
}

// Lookup is Open of a replica that is there; otherwise engine.ErrNoBranch.
func Lookup(ctx context.Context, e *engine.Engine, id did.DID) (*Space, error) {
	b, err := e.Lookup(ctx, BranchName(id))
	if err != nil {
		return nil, fmt.Errorf("space: open %v: %w", id, err)
	}
	return &Space{id: id, e: e, b: b}, nil
}

// List names the spaces in a store.
func List(ctx context.Context, e *engine.Engine) ([]did.DID, error) {
	names, err := e.BranchNames(ctx)
	var out []did.DID
	for _, name := range names {
		if id, ok := ParseBranchName(name); ok {
			out = append(out, id)
		}
	}
	return out, err
}

// DID names the space.
func (s *Space) DID() did.DID { return s.id }

// Branch is what holds the space: ranges, diffs, history and proofs come from it.
func (s *Space) Branch() *engine.Branch { return s.b }

// Get returns the value of a key. engine.ErrNotFound; prolly.ErrIsLink for
// what is a link.
func (s *Space) Get(ctx context.Context, key []byte) ([]byte, error) { return s.b.Get(ctx, key) }

// Put sets a key.
func (s *Space) Put(ctx context.Context, key, value []byte, d ...engine.Durability) error {
	return s.b.Put(ctx, key, value, d...)
}

// Delete removes a key.
func (s *Space) Delete(ctx context.Context, key []byte) error { return s.b.Delete(ctx, key) }

// Range yields entries; their bytes are valid until the next step.
func (s *Space) Range(ctx context.Context, r prolly.Range) iter.Seq2[prolly.Entry, error] {
	return s.b.Range(ctx, r)
}

// Commit records the space as it is in its history.
func (s *Space) Commit(ctx context.Context, message string) (engine.Commit, error) {
	return s.b.Commit(ctx, engine.CommitOptions{Message: message})
}

// History yields the commits of the space, newest first.
func (s *Space) History(ctx context.Context) iter.Seq2[engine.Commit, error] {
	return s.b.Log(ctx, engine.LogOptions{})
}

// Diff yields what changed since a commit or a root of the space.
func (s *Space) Diff(ctx context.Context, since cid.Cid, r prolly.Range) iter.Seq2[prolly.Change, error] {
	return func(yield func(prolly.Change, error) bool) {
		if err := s.diff(ctx, since, r, yield); err != nil {
			yield(prolly.Change{}, err)
		}
	}
}

func (s *Space) diff(ctx context.Context, since cid.Cid, r prolly.Range, yield func(prolly.Change, error) bool) error {
	from, err := s.e.Tree(ctx, since)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := s.b.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer to.Close()
	for c, err := range prolly.Diff(ctx, from.Tree(), to.Tree(), r) {
		if err != nil {
			return err
		}
		if !yield(c, nil) {
			return nil
		}
	}
	return nil
}

// link reads the link at a key; false when there is none.
func (s *Space) link(ctx context.Context, key []byte) (cid.Cid, bool, error) {
	e, err := s.b.Lookup(ctx, key)
	if errors.Is(err, engine.ErrNotFound) {
		return cid.Undef, false, nil
	}
	return e.Value.Link, e.Value.Link.Defined(), err
}

// Queue adds signed invocations to those that the service is to run at the next
// sync. Their proofs go under PrefixDelegation and other blocks that they came
// with under PrefixAttached, so that all of it travels.
func (s *Space) Queue(ctx context.Context, invocations ...delegation.Delegation) error {
	var edits []prolly.Edit
	for _, inv := range invocations {
		e, err := s.stageBlocks(ctx, PrefixQueue, inv)
		if err != nil {
			return fmt.Errorf("space: queue %v: %w", inv.Link(), err)
		}
		edits = append(edits, e...)
	}
	return s.b.Apply(ctx, edits)
}

// Keep adds delegations to the space.
func (s *Space) Keep(ctx context.Context, delegations ...delegation.Delegation) error {
	var edits []prolly.Edit
	for _, d := range delegations {
		e, err := s.stageBlocks(ctx, PrefixDelegation, d)
		if err != nil {
			return fmt.Errorf("space: keep %v: %w", d.Link(), err)
		}
		edits = append(edits, e...)
	}
	return s.b.Apply(ctx, edits)
}

// stageBlocks stores the blocks of a UCAN and returns the entries that name
// them, the UCAN itself under prefix.
func (s *Space) stageBlocks(ctx context.Context, prefix string, d delegation.Delegation) ([]prolly.Edit, error) {
	root, err := cidOf(d.Link())
	if err != nil {
		return nil, err
	}
	blocks, err := bundle(ctx, sourceOf(d), root)
	if err != nil {
		return nil, err
	}
	return nameBlocks(blocks, d.Link(), prefix, func(c cid.Cid, b []byte) error { return s.e.PutBlock(ctx, c, b) })
}

// nameBlocks calls put for each block and returns the entries that name them:
// the root under prefix, UCANs under PrefixDelegation, others under
// PrefixAttached.
func nameBlocks(blocks []ipld.Block, root ipld.Link, prefix string, put func(cid.Cid, []byte) error) ([]prolly.Edit, error) {
	var edits []prolly.Edit
	for _, b := range blocks {
		c, err := cidOf(b.Link())
		if err == nil {
			err = put(c, b.Bytes())
		}
		if err != nil {
			return nil, err
		}
		under := PrefixAttached
		if b.Link() == root {
			under = prefix
		} else if isUCAN(b.Bytes()) {
			under = PrefixDelegation
		}
		edits = append(edits, prolly.Edit{Key: cidKey(under, c), Value: prolly.Value{Link: c}})
	}
	return edits, nil
}

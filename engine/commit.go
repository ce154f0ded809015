package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Commit is a commit and its name.
type Commit struct {
	CID cid.Cid
	codec.Commit

	// Cut says, of a commit that Log or Blame answers, that the history goes
	// no further here although it was longer: parents were cut off (Retain,
	// MarkShallow).
	Cut bool
}

// CommitOptions describe a commit.
type CommitOptions struct {
	Message    string            // kept as Meta["message"]
	Meta       map[string][]byte // copied
	Durability Durability
	Parents    []cid.Cid // commits beside the branch's own last one
}

// metaMessage is where a commit keeps its message.
const metaMessage = "message"

// ReadCommit reads a commit. ErrMissing when the block is not here, ErrNoCommit
// when it is something else.
func (e *Engine) ReadCommit(ctx context.Context, c cid.Cid) (Commit, error) {
	if err := e.ready(ctx); err != nil {
		return Commit{}, err
	}
	h, err := codec.HashOf(c)
	if err != nil {
		return Commit{}, fmt.Errorf("%w: %w", ErrNoCommit, err)
	}
	b, err := e.nodes.readBlob(ctx, c)
	if errors.Is(err, ErrMissing) && e.isNode(ctx, h) {
		return Commit{}, fmt.Errorf("%w: %v is a node", ErrNoCommit, c)
	}
	if err != nil {
		return Commit{}, err
	}
	if err := verify(c, b); err != nil {
		return Commit{}, err
	}
	d, err := codec.ParseCommit(b)
	if err != nil {
		return Commit{}, fmt.Errorf("%w: %v: %w", ErrNoCommit, c, err)
	}
	return Commit{CID: c, Commit: d}, nil
}

func (e *Engine) isNode(ctx context.Context, h codec.Hash) bool {
	_, err := e.nodes.fetch(ctx, prolly.Addr{Hash: h})
	return err == nil
}

// Commit folds what is staged and records the tree in the branch's history.
// What others stage meanwhile may or may not be in it.
func (b *Branch) Commit(ctx context.Context, o CommitOptions) (Commit, error) {
	var c Commit
	err := b.advance(ctx, func(f *fold) (err error) {
		c, err = f.addCommit(ctx, o)
		return err
	})
	if err != nil {
		return Commit{}, err
	}
	b.e.n.commits.Add(1)
	if o.Durability == Sync {
		err = b.e.sync(ctx)
	}
	return c, err
}

// addCommit makes the fold end with a commit of its tree.
func (f *fold) addCommit(ctx context.Context, o CommitOptions) (Commit, error) {
	c := codec.Commit{
		Seq:  1,
		Root: f.trees[theTree].Root(),
		Time: f.b.e.o.Now().UnixMilli(),
		Meta: maps.Clone(o.Meta),
	}
	if o.Message != "" {
		if c.Meta == nil {
			c.Meta = map[string][]byte{}
		}
		c.Meta[metaMessage] = []byte(o.Message)
	}
	if f.ref.hasCommit {
		c.Parents = append(c.Parents, f.ref.commit.CID())
	}
	for _, p := range o.Parents {
		if !slices.Contains(c.Parents, p) {
			c.Parents = append(c.Parents, p)
		}
	}
	for i, p := range c.Parents {
		parent, err := f.b.e.ReadCommit(ctx, p)
		if err == nil && (i > 0 || !f.ref.hasCommit) {
			err = f.b.e.bringBackCommit(ctx, parent)
		}
		if err != nil {
			return Commit{}, fmt.Errorf("engine: parent of a commit: %w", err)
		}
		c.Seq = max(c.Seq, parent.Seq+1)
	}
	block, err := c.Encode()
	if err != nil {
		return Commit{}, fmt.Errorf("engine: commit: %w", err)
	}
	f.ref.hasCommit, f.ref.commit = true, codec.Sum(block)
	name := f.ref.commit.CID()
	return Commit{CID: name, Commit: c}, f.w.WriteBlob(ctx, name, block)
}

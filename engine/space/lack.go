package space

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	cid "github.com/ipfs/go-cid"
	"github.com/storacha/go-ucanto/core/ipld"
	"github.com/storacha/go-ucanto/core/ipld/block"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// What a client lacks goes to it in answers of bounded size: the first entries of
// the difference, which lead from its tree to one on the way. That one it has,
// then, and goes on from in its next sync. The service holds it meanwhile, in a branch
// of the agent's for that space, which begins at the base of the sync.

// lackPrefix begins the names of those branches.
const lackPrefix = "lack/"

func (y *syncing) lackName() string {
	return lackPrefix + y.id.String() + "/" + codec.Sum([]byte(y.agent.String())).String()
}

// answer tells the client what its tree lacks, with the blocks that it links to.
func (y *syncing) answer(ctx context.Context, theirs prolly.Tree, m *merged) (*answer, []ipld.Block, error) {
	now, err := y.snapshot(ctx)
	if err != nil {
		return nil, nil, err
	}
	y.ans.Root, y.ans.Entries = now.Root(), now.Len()
	y.ans.Refused, y.ans.Conflicts = m.refused, m.conflicts
	blocks, err := y.lacking(ctx, theirs, now)
	if err == nil && y.ans.More {
		y.ans.Root, err = y.hold(ctx)
	} else if err == nil {
		err = y.letGo(ctx)
	}
	if err != nil {
		return nil, nil, err
	}
	y.s.n.syncs.Add(1)
	return &y.ans, blocks, nil
}

// lacking gathers the difference from the client's tree, as far as an answer
// goes, and the blocks that it links to, but those that the client sent.
func (y *syncing) lacking(ctx context.Context, theirs, now prolly.Tree) (blocks []ipld.Block, err error) {
	left := y.s.o.Limits.AnswerBytes
	seen := map[cid.Cid]bool{}
	for c, err := range wireDiff(ctx, y.s.e.Nodes(), theirs, now) {
		if err != nil {
			return nil, err
		}
		n := c.size()
		b, err := y.linked(ctx, c, seen)
		if err != nil {
			return nil, err
		}
		if b != nil {
			n += len(b.Bytes())
		}
		if left -= int64(n); len(y.ans.Changes) > 0 && (left < 0 || len(y.ans.Changes) == maxChanges) {
			y.ans.More = true
			break
		}
		if y.ans.Changes = append(y.ans.Changes, c); b != nil {
			blocks = append(blocks, b)
		}
	}
	return blocks, nil
}

// linked is the block that a change links to; nil when there is none here, or it
// was sent, or seen.
func (y *syncing) linked(ctx context.Context, c wireChange, seen map[cid.Cid]bool) (ipld.Block, error) {
	if c.To.Link == nil || seen[*c.To.Link] || y.car.byName[*c.To.Link] != nil {
		return nil, nil
	}
	seen[*c.To.Link] = true
	b, err := y.s.e.ReadBlock(ctx, *c.To.Link)
	if errors.Is(err, engine.ErrMissing) || errors.Is(err, engine.ErrHash) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return block.NewBlock(linkOf(*c.To.Link), b), nil
}

// hold keeps what the client will have after this answer, and returns its root.
func (y *syncing) hold(ctx context.Context) (cid.Cid, error) {
	base := prolly.Empty(y.s.e.Nodes()).Root()
	if y.req.Base != nil {
		base = *y.req.Base
	}
	b, err := y.held(ctx, base)
	if err != nil {
		return cid.Undef, err
	}
	y.s.lacks.Store(b.Name(), y.s.o.Now())
	edits := append(editsOf(y.req.Changes), editsOf(y.ans.Changes)...)
	if err := b.Apply(ctx, edits, engine.NoSync); err != nil {
		return cid.Undef, err
	}
	return b.Fold(ctx)
}

// held is the branch with what the client had before, which is that of its last
// answer, or else made at the base.
func (y *syncing) held(ctx context.Context, base cid.Cid) (*engine.Branch, error) {
	b, err := y.s.e.Lookup(ctx, y.lackName())
	if err == nil {
		var root cid.Cid
		if root, err = b.Root(ctx); err == nil && root.Equals(base) && b.Staged() == 0 {
			return b, nil
		}
		if err == nil {
			err = y.s.e.DeleteBranch(ctx, b.Name())
		}
	}
	if err != nil && !errors.Is(err, engine.ErrNoBranch) {
		return nil, err
	}
	if y.req.Base == nil {
		base = cid.Undef
	}
	return y.s.e.CreateBranch(ctx, y.lackName(), base)
}

// letGo forgets what was held for the client: it has all.
func (y *syncing) letGo(ctx context.Context) error {
	if _, held := y.s.lacks.LoadAndDelete(y.lackName()); !held {
		return nil
	}
	if err := y.s.e.DeleteBranch(ctx, y.lackName()); err != nil && !errors.Is(err, engine.ErrNoBranch) {
		return fmt.Errorf("space: answer: %w", err)
	}
	return nil
}

// lackTime is how long the service waits for a client to ask for the rest.
const lackTime = 24 * time.Hour

// recallLacks finds what was held when the service ended.
func (s *Service) recallLacks(ctx context.Context) error {
	names, err := s.e.BranchNames(ctx)
	for _, name := range names {
		if strings.HasPrefix(name, lackPrefix) {
			s.lacks.Store(name, s.o.Now())
		}
	}
	return err
}

// dropLacks lets go of what was held for too long. A client that comes later
// sends all it has.
func (s *Service) dropLacks(ctx context.Context) (err error) {
	s.lacks.Range(func(k, v any) bool {
		name := k.(string)
		space, _, _ := strings.Cut(strings.TrimPrefix(name, lackPrefix), "/")
		if s.o.Now().Sub(v.(time.Time)) < lackTime {
			return true
		}
		var unlock func()
		if unlock, err = s.syncing.lock(ctx, space); err != nil {
			return false
		}
		defer unlock()
		if now, held := s.lacks.Load(name); !held || now != v {
			return true // it has come back
		}
		s.lacks.Delete(name)
		if err = s.e.DeleteBranch(ctx, name); errors.Is(err, engine.ErrNoBranch) {
			err = nil
		}
		return err == nil
	})
	return err
}

package space

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"

	cid "github.com/ipfs/go-cid"
	"github.com/storacha/go-ucanto/core/ipld"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Report is what came of a sync.
type Report struct {
	Root      cid.Cid
	Sent      int // entries
	Received  int
	Ran       int    // invocations that were answered
	Bytes     uint64 // of requests and answers, without HTTP's own
	Trips     int
	Refused   []Refusal
	Conflicts [][]byte // keys that the service changed too, and kept as it had them
}

// Refusal is an entry that the service did not take.
type Refusal struct {
	Key    []byte
	Reason string
}

// Sync brings the replica and the service together. Whatever the service sends
// is verified to lead to the root that it announces before anything of it is
// seen. A write that is made meanwhile stays, and travels with the next sync.
func (s *Space) Sync(ctx context.Context, c *Client) (*Report, error) {
	tracking, err := s.e.Branch(ctx, trackingName(s.id, c.Service.DID))
	if err != nil {
		return nil, fmt.Errorf("space: sync: %w", err)
	}
	base, err := tracking.Snapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("space: sync: %w", err)
	}
	defer base.Close()
	head, err := s.b.Snapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("space: sync: %w", err)
	}
	defer head.Close()
	p := &pull{s: s, c: c, tracking: tracking, base: base.Tree(), head: head.Tree()}
	if err := p.exchange(ctx); err != nil {
		return nil, fmt.Errorf("space: sync: %w", err)
	}
	if err := p.take(ctx); err != nil {
		return nil, fmt.Errorf("space: sync: %w", err)
	}
	return &p.report, nil
}

// pull is one sync under way.
type pull struct {
	s          *Space
	c          *Client
	tracking   *engine.Branch // the space as the service last had it
	base, head prolly.Tree

	sent    []wireChange // from base to head
	rebased bool         // or all of head
	ans     answer
	blocks  *carBlocks
	report  Report
}

// exchange asks until the service has all that it wants: everything when it does
// not know the base, and blocks that it lacks, once.
func (p *pull) exchange(ctx context.Context) error {
	req := request{Space: p.s.id.String(), Head: p.head.Root()}
	if p.base.Len() > 0 {
		root := p.base.Root()
		req.Base = &root
	}
	var blocks []ipld.Block
	from := p.base
	for p.report.Trips = 1; p.report.Trips <= 3; p.report.Trips++ {
		var err error
		if req.Changes, err = diffChanges(ctx, p.s.e.Nodes(), from, p.head, maxRequest/2); err != nil {
			return err
		}
		if blocks == nil {
			if blocks, err = linkedBlocks(ctx, p.s.e.ReadBlock, req.Changes, nil, maxRequest/4); err != nil {
				return err
			}
		}
		if err := p.post(ctx, &req, blocks); err != nil {
			return err
		}
		p.sent, p.rebased, p.report.Sent = req.Changes, req.Base == nil, len(req.Changes)
		switch {
		case p.ans.Rebase && req.Base != nil:
			req.Base, from, blocks = nil, prolly.Empty(p.s.e.Nodes()), nil
		case len(p.ans.Need) > 0 && !req.Final:
			req.Final = true // what was not sent is not here
		default:
			return nil
		}
	}
	return fmt.Errorf("%w: it asks without end", ErrService)
}

func (p *pull) post(ctx context.Context, req *request, blocks []ipld.Block) error {
	proofs, err := p.s.Proofs(ctx, p.c.Agent.DID())
	if err != nil {
		return err
	}
	inv, err := p.c.authorization(p.s.id, req.Head, proofs)
	if err != nil {
		return err
	}
	req.Ucan = mustCID(inv.Link())
	own, err := bundle(ctx, sourceOf(inv), req.Ucan)
	if err != nil {
		return err
	}
	b, err := encode(req, "Request")
	if err != nil {
		return err
	}
	var body bytes.Buffer
	if err := writeCAR(&body, newBlock(b), append(own, blocks...)); err != nil {
		return err
	}
	got, err := p.c.do(ctx, http.MethodPost, "/space/"+p.s.id.String(), carType, body.Bytes(), maxAnswer)
	if err != nil {
		return err
	}
	p.report.Bytes += uint64(body.Len() + len(got))
	if p.blocks, err = readCAR(bytes.NewReader(got), maxAnswer, 2*maxChanges); err != nil {
		return fmt.Errorf("%w: %w", ErrService, err)
	}
	if p.ans, err = decode[answer](p.blocks.byName[p.blocks.root], "Answer", 2*maxAnswer); err != nil {
		return fmt.Errorf("%w: %w", ErrService, err)
	}
	return nil
}

// take verifies the answer and makes it the replica's content.
func (p *pull) take(ctx context.Context) error {
	for _, c := range p.ans.Changes {
		if err := prolly.CheckEdit(c.edit()); err != nil {
			return fmt.Errorf("%w: %w", ErrService, err)
		}
	}
	p.report.Root, p.report.Received, p.report.Ran = p.ans.Root, len(p.ans.Changes), int(p.ans.Ran)
	for _, r := range p.ans.Refused {
		p.report.Refused = append(p.report.Refused, Refusal{r.Key, r.Reason})
	}
	for _, c := range p.ans.Conflicts {
		p.report.Conflicts = append(p.report.Conflicts, c.Key)
	}
	now := p.head
	if len(p.ans.Changes) > 0 {
		var err error
		if now, err = applied(ctx, p.s.e.Nodes(), p.head, p.ans.Changes); err != nil {
			return err
		}
	}
	if !now.Root().Equals(p.ans.Root) {
		return fmt.Errorf("%w: the service's changes lead to %v, not to %v", ErrNotVerified, now.Root(), p.ans.Root)
	}
	if now.Root().Equals(p.head.Root()) && now.Root().Equals(p.base.Root()) {
		return nil
	}
	for _, c := range p.ans.Changes {
		if c.To.Link == nil {
			continue
		}
		if b, ok := p.blocks.byName[*c.To.Link]; ok {
			if err := p.s.e.PutBlock(ctx, *c.To.Link, b); err != nil {
				return err
			}
		}
	}
	// The replica first: when this stops in between, the next sync finds that
	// both sides changed alike.
	if err := p.intoReplica(ctx); err != nil {
		return err
	}
	return p.intoTracking(ctx)
}

// intoReplica applies the service's changes, but to keys that were written
// since the request was made.
func (p *pull) intoReplica(ctx context.Context) error {
	if len(p.ans.Changes) == 0 {
		return nil
	}
	err := p.s.b.Update(ctx, func(u *engine.Update) error {
		var edits []prolly.Edit
		for _, c := range p.ans.Changes {
			sent, err := valueAt(ctx, p.head, c.Key)
			if err != nil {
				return err
			}
			now, err := valueAt(ctx, u.Tree(), c.Key)
			if err != nil {
				return err
			}
			if same(sent, now) {
				edits = append(edits, c.edit())
			}
		}
		return u.Tree().Apply(ctx, edits)
	})
	if err != nil {
		return err
	}
	_, err = p.s.b.Commit(ctx, engine.CommitOptions{Message: "sync with " + p.c.Service.DID.String()})
	return err
}

// intoTracking makes the tracking branch what the service has.
func (p *pull) intoTracking(ctx context.Context) error {
	var edits []prolly.Edit
	if p.rebased {
		for e, err := range p.base.Range(ctx, prolly.Range{}) {
			if err != nil {
				return err
			}
			edits = append(edits, prolly.Edit{Key: bytes.Clone(e.Key), Delete: true})
		}
	}
	edits = append(append(edits, editsOf(p.sent)...), editsOf(p.ans.Changes)...)
	if err := p.tracking.Apply(ctx, edits); err != nil {
		return err
	}
	root, err := p.tracking.Fold(ctx)
	if err == nil && !root.Equals(p.ans.Root) {
		err = errors.Join(ErrNotVerified, fmt.Errorf("tracking branch has root %v, not %v", root, p.ans.Root))
	}
	return err
}

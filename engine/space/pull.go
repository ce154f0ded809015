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
//
// A difference that is too large for one request, or one answer, goes in several,
// by key, each a sync of its own: what went before one that fails stands on both
// sides, and is not sent again. ErrTooLarge when a single entry is more than the
// service takes.
func (s *Space) Sync(ctx context.Context, c *Client) (*Report, error) {
	var all Report
	for part, n := c.part(), 0; n < maxParts; n++ {
		r, more, err := s.syncPart(ctx, c, part)
		if errors.Is(err, errPart) && part > minPart {
			part /= 4 // the service takes less than others
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("space: sync: %w", err)
		}
		all.add(r)
		if !more {
			return &all, nil
		}
		part = min(2*part, c.part()) // what the service did not take may be behind
	}
	return nil, fmt.Errorf("space: sync: %w: it goes on without end", ErrService)
}

// add adds what came of another part.
func (r *Report) add(p *Report) {
	r.Root, r.Sent, r.Received, r.Ran = p.Root, r.Sent+p.Sent, r.Received+p.Received, r.Ran+p.Ran
	r.Bytes, r.Trips = r.Bytes+p.Bytes, r.Trips+p.Trips
	r.Refused, r.Conflicts = append(r.Refused, p.Refused...), append(r.Conflicts, p.Conflicts...)
}

// syncPart is a sync of so many bytes of the difference, about, or of all of it.
func (s *Space) syncPart(ctx context.Context, c *Client, part int) (r *Report, more bool, err error) {
	tracking, err := s.e.Branch(ctx, trackingName(s.id, c.Service.DID))
	if err != nil {
		return nil, false, err
	}
	base, err := tracking.Snapshot(ctx)
	if err != nil {
		return nil, false, err
	}
	defer base.Close()
	head, err := s.b.Snapshot(ctx)
	if err != nil {
		return nil, false, err
	}
	defer head.Close()
	p := &pull{s: s, c: c, tracking: tracking, base: base.Tree(), replica: head.Tree(), part: part}
	if err := p.exchange(ctx); err != nil {
		return nil, false, err
	}
	return &p.report, p.more || p.ans.More, p.take(ctx)
}

// pull is one sync under way.
type pull struct {
	s        *Space
	c        *Client
	tracking *engine.Branch // the space as the service last had it
	base     prolly.Tree
	replica  prolly.Tree
	part     int // bytes of the difference, about

	ns      prolly.NodeStore // of head
	head    prolly.Tree      // what is synced: the replica, or a part of the way to it
	more    bool             // a part
	sent    []wireChange     // from base to head
	rebased bool             // or all of head
	ans     answer
	blocks  *carBlocks
	report  Report
}

// exchange asks until the service has all that it wants: everything when it does
// not know the base, and blocks that it lacks, once.
func (p *pull) exchange(ctx context.Context) error {
	req := request{Space: p.s.id.String()}
	if p.base.Len() > 0 {
		root := p.base.Root()
		req.Base = &root
	}
	var blocks []ipld.Block
	from := p.base
	for p.report.Trips = 1; p.report.Trips <= 3; p.report.Trips++ {
		if blocks == nil {
			var err error
			if req.Changes, blocks, err = p.portion(ctx, from); err != nil {
				return err
			}
			req.Head = p.head.Root()
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
	if p.ans.More && len(p.ans.Changes) == 0 {
		return fmt.Errorf("%w: it has more, and sends nothing", ErrService)
	}
	if len(p.ans.Changes) > 0 {
		var err error
		if now, err = applied(ctx, p.ns, p.head, p.ans.Changes); err != nil {
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
			if !same(sent, now) {
				if now, err = p.notSent(ctx, c, now); err != nil {
					return err
				}
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

// notSent looks at an entry of the replica that is not what was sent. When it was to
// go with a later part, both sides have changed it: the service's stays, as it would
// have if all had gone at once, and what was sent is returned in its place. When it
// was written since it is returned as it is.
func (p *pull) notSent(ctx context.Context, c wireChange, now *prolly.Value) (*prolly.Value, error) {
	if !p.more {
		return now, nil
	}
	pending, err := valueAt(ctx, p.replica, c.Key)
	if err != nil || !same(pending, now) {
		return now, err
	}
	if e := c.edit(); e.Delete != (now == nil) || now != nil && !sameValue(*now, e.Value) {
		p.report.Conflicts = append(p.report.Conflicts, c.Key)
	}
	return valueAt(ctx, p.head, c.Key)
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

package space

import (
	"context"
	"errors"

	cid "github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/ipld/go-ipld-prime/schema"
	"github.com/storacha/go-ucanto/core/ipld"
	"github.com/storacha/go-ucanto/ucan"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/auth"
	"github.com/go-ds-prolly/go-ds-prolly/engine/receipt"
)

// sideRan, in the service's own side tree, is followed by the CID of an
// invocation; the value is the name of the branch that has its receipt.
const sideRan = "ran/"

// issue signs what became of an invocation.
func (s *Service) issue(inv cid.Cid, out *outcome, refusal *auth.Denied) (*receipt.Receipt, error) {
	o := receipt.Outcome{Ran: inv}
	var err error
	if refusal != nil {
		o.Failure, err = refusal.ToIPLD()
	} else {
		o.Fork = out.forks
		o.Ok, err = toNode(out.ok)
	}
	if err != nil {
		return nil, err
	}
	return receipt.Issue(s.me, o)
}

// toNode is a result as it goes into a receipt.
func toNode(b ipld.Builder) (datamodel.Node, error) {
	n, err := b.ToIPLD()
	if typed, ok := n.(schema.TypedNode); ok && err == nil {
		n = typed.Representation()
	}
	return n, err
}

// issueOk signs a result of a task.
func issueOk(key ucan.Signer, task ipld.Link, ok ipld.Builder, forks ...cid.Cid) (*receipt.Receipt, error) {
	n, err := toNode(ok)
	if err != nil {
		return nil, err
	}
	return receipt.Issue(key, receipt.Outcome{Ran: mustCID(task), Ok: n, Fork: forks})
}

// unit is the result {}.
type unit struct{}

func (unit) ToIPLD() (datamodel.Node, error) {
	return qp.BuildMap(basicnode.Prototype.Any, 0, func(datamodel.MapAssembler) {})
}

// homeWith is the branch that has an invocation or task; engine.ErrNotFound.
func (s *Service) homeWith(ctx context.Context, invocation cid.Cid) (*engine.Branch, error) {
	var home string
	err := side(ctx, s.own, func(r *engine.Root) error {
		b, err := r.Get(ctx, []byte(sideRan+invocation.String()))
		home = string(b)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.e.Lookup(ctx, home)
}

// receiptOf finds the receipt for an invocation or task, of whatever space;
// engine.ErrNotFound when there is none.
func (s *Service) receiptOf(ctx context.Context, invocation cid.Cid) (c cid.Cid, err error) {
	b, err := s.homeWith(ctx, invocation)
	if err != nil {
		return cid.Undef, err
	}
	err = side(ctx, b, func(r *engine.Root) error {
		c, err = getLink(ctx, r, sideReceipt+invocation.String())
		return err
	})
	if err == nil && !c.Defined() {
		err = engine.ErrNotFound
	}
	return c, err
}

// Receipt returns the receipt for an invocation or a task, of whatever space,
// and the blocks that it refers to, itself the first; engine.ErrNotFound when
// there is none.
func (s *Service) Receipt(ctx context.Context, invocation cid.Cid) ([]ipld.Block, error) {
	c, err := s.receiptOf(ctx, invocation)
	if errors.Is(err, engine.ErrNoBranch) {
		err = engine.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return bundle(ctx, s.e.ReadBlock, c)
}

func (s *Service) loadReceipt(ctx context.Context, c cid.Cid) (*receipt.Receipt, error) {
	b, err := s.e.ReadBlock(ctx, c)
	if err != nil {
		return nil, err
	}
	return receipt.Read(c, b)
}

var emptyMap, _ = unit{}.ToIPLD()

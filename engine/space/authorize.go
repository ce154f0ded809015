package space

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	cid "github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	accesscap "github.com/storacha/go-libstoracha/capabilities/access"
	"github.com/storacha/go-ucanto/core/delegation"
	"github.com/storacha/go-ucanto/core/ipld"
	"github.com/storacha/go-ucanto/did"

	"github.com/go-ds-prolly/go-ds-prolly/engine/auth"
)

// ucanAuthorize answers {can: "ucan/authorize", with: <agent>, nb: {proof}}: the
// service validates a delegation to the agent in full, and signs that it did. The
// authorization is in the answer, as access/claim has delegations, and can be
// claimed later. The chain of the delegation comes with the invocation; the list
// of it stays here, so that the authorization is as long for every chain.
func (s *Service) ucanAuthorize(ctx context.Context, j *job) (*outcome, error) {
	proof := auth.AuthorizedProof(j.cap)
	if !proof.Defined() {
		return nil, denied(auth.InvocationCapability, "nb.proof names no delegation")
	}
	chain, err := s.auth.Load(ctx, proof, authSource(j.source))
	if refusal, ok := auth.Refusal(err); ok {
		return nil, refusal
	}
	if err != nil {
		return nil, denied("DelegationNotFound", "%v: %v", proof, err)
	}
	if chain.Audience().String() != j.cap.With {
		return nil, denied(auth.InvalidAudience, "%v is a delegation to %v", proof, chain.Audience())
	}
	a, list, err := s.auth.Authorize(ctx, chain)
	if errors.Is(err, auth.ErrOpenEnded) {
		return nil, denied(auth.Unauthorized, "%v", err)
	}
	if err != nil {
		return nil, err
	}
	edits, err := s.hold(ctx, []delegation.Delegation{a}, s.issued)
	if err == nil {
		err = putBlocks(ctx, s.e, []ipld.Block{list})
	}
	if err != nil {
		return nil, err
	}
	kept := mustCID(list.Link()) // here for as long as the authorization may come back
	edits = append(edits, putLink(sideBlock+kept.String(), kept))
	model := accesscap.DelegationsModel{Values: map[string][]byte{}}
	if err := archive(ctx, &model, a.Link(), sourceOf(a)); err != nil {
		return nil, err
	}
	return &outcome{ok: accesscap.ClaimOk{Delegations: model}, side: edits}, nil
}

// AskAuthorization has the service validate a delegation to the agent once, and
// keeps its authorization, which it names, in the space: from then on, Proofs
// leaves the chain of the delegation out where that is smaller.
func (s *Space) AskAuthorization(ctx context.Context, c *Client, proof cid.Cid) (authorization cid.Cid, err error) {
	chain, err := auth.Load(ctx, proof, authSource(s.e.ReadBlock), auth.Limits{})
	if err != nil {
		return cid.Undef, fmt.Errorf("space: authorization of %v: %w", proof, err)
	}
	nb, err := qp.BuildMap(basicnode.Prototype.Any, 1, func(m datamodel.MapAssembler) { qp.MapEntry(m, "proof", qp.Link(linkOf(proof))) })
	if err != nil {
		return cid.Undef, err
	}
	me := c.Agent.DID()
	inv, err := auth.Delegate(c.Agent, c.Service.DID, []auth.Capability{{Can: auth.AuthorizeAbility, With: me.String(), Nb: nb}},
		auth.Terms{Expires: auth.Seconds(time.Now().Add(time.Minute).Unix()), Nonce: rand.Text(), Proofs: []delegation.Proof{delegation.FromDelegation(chain.Delegation())}})
	if err != nil {
		return cid.Undef, err
	}
	a, err := c.Invoke(ctx, inv)
	if err != nil {
		return cid.Undef, err
	}
	if name := a.Receipt.ErrorName(); name != "" {
		return cid.Undef, fmt.Errorf("space: authorization of %v: %s: %s", proof, name, a.Receipt.ErrorMessage())
	}
	ok, bad := accesscap.ClaimOkReader.Read(a.Receipt.Ok())
	if bad != nil {
		return cid.Undef, fmt.Errorf("%w: authorization: %s", ErrMalformed, bad.Error())
	}
	for _, archived := range ok.Delegations.Values {
		if authorization, err = s.keepAuthorization(ctx, archived, me, proof); err != nil {
			return cid.Undef, err
		}
	}
	if !authorization.Defined() {
		return cid.Undef, fmt.Errorf("%w: no authorization came", ErrService)
	}
	return authorization, nil
}

// keepAuthorization reads what a service says to be an authorization. Whether it
// is good for anything is for the service to say again; here it must be about the
// proof.
func (s *Space) keepAuthorization(ctx context.Context, archived []byte, agent did.DID, proof cid.Cid) (cid.Cid, error) {
	car, err := readCAR(bytes.NewReader(archived), maxAnswer, maxProofs)
	if err != nil {
		return cid.Undef, err
	}
	given, err := auth.Load(ctx, car.root, auth.Blocks(car.byName), auth.Limits{})
	if err != nil {
		return cid.Undef, fmt.Errorf("space: authorization: %w", err)
	}
	if given.Audience() != agent || auth.AuthorizedProof(given.Capabilities()[0]) != proof {
		return cid.Undef, fmt.Errorf("%w: an authorization of something else", ErrMalformed)
	}
	return car.root, s.Keep(ctx, given.Delegation())
}

package space

import (
	"context"
	"errors"

	accesscap "github.com/storacha/go-libstoracha/capabilities/access"
	"github.com/storacha/go-ucanto/core/delegation"

	"github.com/go-ds-prolly/go-ds-prolly/engine/auth"
)

// ucanAuthorize answers {can: "ucan/authorize", with: <agent>, nb: {proof}}: the
// service validates a delegation to the agent in full, and signs that it did. The
// authorization is in the answer, as access/claim has delegations, and can be
// claimed later. The chain of the delegation comes with the invocation.
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
	a, err := s.auth.Authorize(ctx, chain)
	if errors.Is(err, auth.ErrOpenEnded) {
		return nil, denied(auth.Unauthorized, "%v", err)
	}
	if err != nil {
		return nil, err
	}
	edits, err := s.hold(ctx, []delegation.Delegation{a})
	if err != nil {
		return nil, err
	}
	model := accesscap.DelegationsModel{Values: map[string][]byte{}}
	if err := archive(ctx, &model, a.Link(), sourceOf(a)); err != nil {
		return nil, err
	}
	return &outcome{ok: accesscap.ClaimOk{Delegations: model}, side: edits}, nil
}

package space

import (
	"context"
	"crypto/rand"
	"fmt"
	"iter"
	"time"

	cid "github.com/ipfs/go-cid"
	"github.com/storacha/go-ucanto/core/delegation"
	"github.com/storacha/go-ucanto/core/ipld"
	"github.com/storacha/go-ucanto/did"
	"github.com/storacha/go-ucanto/ucan"

	"github.com/go-ds-prolly/go-ds-prolly/engine/auth"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// maxProofs is how many delegations an agent sends along, at most.
const maxProofs = 32

// Delegations yields the UCANs under PrefixDelegation, screened; those whose
// blocks are not here, or that are none, are left out.
func (s *Space) Delegations(ctx context.Context) iter.Seq2[*auth.Chain, error] {
	return func(yield func(*auth.Chain, error) bool) {
		for e, err := range s.b.Range(ctx, prolly.Range{Prefix: []byte(PrefixDelegation)}) {
			if err != nil {
				yield(nil, fmt.Errorf("space: delegations: %w", err))
				return
			}
			ch, err := auth.Load(ctx, e.Value.Link, authSource(s.e.ReadBlock), auth.Limits{})
			if err == nil && !yield(ch, nil) {
				return
			}
		}
	}
}

// Proofs are the delegations in the space that an agent may rely on now: those
// for it, none when the agent is the space itself. One that the service has
// authorized goes without its chain when that is smaller.
func (s *Space) Proofs(ctx context.Context, agent did.DID) ([]delegation.Proof, error) {
	if agent == s.id {
		return nil, nil
	}
	var held []*auth.Chain
	authorized := map[cid.Cid]*auth.Chain{}
	for ch, err := range s.Delegations(ctx) {
		if err != nil {
			return nil, err
		}
		if ch.Audience() != agent || ucan.IsExpired(ch.Delegation()) {
			continue
		}
		if proof := auth.AuthorizedProof(ch.Capabilities()[0]); proof.Defined() {
			authorized[proof] = ch // goes with its proof, or not at all
		} else if len(held) < maxProofs {
			held = append(held, ch)
		}
	}
	var out []delegation.Proof
	for _, ch := range held {
		proofs, _ := auth.Carry(ch, nil, authorized[ch.CID()])
		out = append(out, proofs...)
	}
	return out, nil
}

// Invocation signs an invocation about the space, with the proofs that are there,
// good until a time. A nonce makes it another each time it is asked for.
func (s *Space) Invocation(ctx context.Context, c *Client, can string, nb ipld.Node, until time.Time) (delegation.Delegation, error) {
	proofs, err := s.Proofs(ctx, c.Agent.DID())
	if err != nil {
		return nil, err
	}
	return auth.Delegate(c.Agent, c.Service.DID, []auth.Capability{{Can: can, With: s.id.String(), Nb: nb}},
		auth.Terms{Expires: auth.Seconds(until.Unix()), Nonce: rand.Text(), Proofs: proofs})
}

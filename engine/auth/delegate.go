package auth

import (
	"fmt"

	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/storacha/go-ucanto/core/delegation"
	"github.com/storacha/go-ucanto/did"
	"github.com/storacha/go-ucanto/ucan"
)

// Terms are what a UCAN has beside its capabilities.
type Terms struct {
	Expires   *int // seconds since 1970; nil for never
	NotBefore int  // seconds since 1970; 0 for at once
	Nonce     string
	Facts     []map[string]datamodel.Node
	Proofs    []delegation.Proof
}

// Seconds is a time of Terms.
func Seconds(s int64) *int { n := int(s); return &n }

// Delegate signs a UCAN: a delegation, or an invocation when the audience is
// asked to do what it says. The same arguments give the same bytes, which are
// those of the JavaScript packages.
func Delegate(iss ucan.Signer, aud did.DID, caps []Capability, t Terms) (delegation.Delegation, error) {
	all := make([]ucan.Capability[caveats], len(caps))
	for i, c := range caps {
		all[i] = ucan.NewCapability(c.Can, c.With, caveats{c.Nb})
	}
	opts := []delegation.Option{delegation.WithNonce(t.Nonce), delegation.WithNotBefore(t.NotBefore), delegation.WithProof(t.Proofs...)}
	if t.Expires != nil {
		opts = append(opts, delegation.WithExpiration(*t.Expires))
	} else {
		opts = append(opts, delegation.WithNoExpiration())
	}
	var facts []ucan.FactBuilder
	for _, f := range t.Facts {
		facts = append(facts, fact(f))
	}
	if facts != nil {
		opts = append(opts, delegation.WithFacts(facts))
	}
	d, err := delegation.Delegate(iss, aud, all, opts...)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	return d, nil
}

type caveats struct{ nb datamodel.Node }

func (c caveats) ToIPLD() (datamodel.Node, error) { return c.nb, nil }

type fact map[string]datamodel.Node

func (f fact) ToIPLD() (map[string]datamodel.Node, error) { return f, nil }

// whole are proofs with all blocks that lie behind them.
func whole(all []delegation.Delegation) []delegation.Proof {
	proofs := make([]delegation.Proof, len(all))
	for i, d := range all {
		proofs[i] = delegation.FromDelegation(d)
	}
	return proofs
}

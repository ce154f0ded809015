package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/storacha/go-ucanto/core/delegation"
	"github.com/storacha/go-ucanto/core/ipld"
	"github.com/storacha/go-ucanto/did"
	"github.com/storacha/go-ucanto/ucan"
)

const (
	// AuthorizeAbility marks a proof as validated: ucan/authorize {proof}.
	AuthorizeAbility = "ucan/authorize"

	attestAbility = "ucan/attest"
)

// Authorization is what an authorization says.
type Authorization struct {
	Proof    cid.Cid   // the delegation that was validated
	Audience did.DID   // the audience of that delegation
	Chain    []cid.Cid // what made it valid, itself included
	Expires  *int      // seconds since 1970; nil for never
}

// NewAuthorization signs an authorization with its chain written out, which
// whoever reads it needs nothing else for. The issuer is the service, or has
// proofs that the service delegated ucan/authorize to it. It validates
// nothing: see Validator.Authorize.
func NewAuthorization(iss ucan.Signer, service did.DID, a Authorization, proofs ...delegation.Delegation) (delegation.Delegation, error) {
	chain, err := listNode(a.Chain)
	if err != nil {
		return nil, err
	}
	return newAuthorization(iss, service, a, chain, proofs...)
}

// newAuthorization signs an authorization with a fact about its chain.
func newAuthorization(iss ucan.Signer, service did.DID, a Authorization, chain datamodel.Node, proofs ...delegation.Delegation) (delegation.Delegation, error) {
	nb, err := qp.BuildMap(basicnode.Prototype.Any, 1, func(m datamodel.MapAssembler) {
		qp.MapEntry(m, "proof", qp.Link(cidlink.Link{Cid: a.Proof}))
	})
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	return Delegate(iss, a.Audience, []Capability{{Can: AuthorizeAbility, With: service.String(), Nb: nb}}, Terms{
		Expires: a.Expires, Nonce: nonce(), Facts: []map[string]datamodel.Node{{chainFact: chain}}, Proofs: whole(proofs),
	})
}

// Authorize validates a delegation in full and signs an authorization for it
// with the service's key: valid no longer than any UCAN that the validation
// rests on. A delegation of "ucan:*" is ErrOpenEnded.
//
// With Config.Lists the authorization names its chain by a link to a list,
// which is returned for the caller to store where Lists finds it, before the
// authorization is handed out. Without, the chain is written out, and there is
// no list.
func (v *Validator) Authorize(ctx context.Context, proof *Chain) (d delegation.Delegation, list ipld.Block, err error) {
	if v.cfg.Service == nil {
		return nil, nil, errors.New("auth: a validator without the key of the service does not authorize")
	}
	used, err := v.Prove(ctx, proof)
	if err != nil {
		return nil, nil, err
	}
	a := Authorization{Proof: proof.CID(), Audience: proof.Audience()}
	for _, c := range used {
		t := proof.tokens[c]
		if exp := t.dlg.Expiration(); exp != nil && (a.Expires == nil || *exp < *a.Expires) {
			a.Expires = exp
		}
		a.Chain = append(a.Chain, c)
		a.Chain = append(a.Chain, proof.validated(t)...) // what was left out for an authorization counts as before
	}
	slices.SortFunc(a.Chain, func(x, y cid.Cid) int { return slices.Compare(x.Bytes(), y.Bytes()) })
	a.Chain = slices.Compact(a.Chain)
	if v.cfg.Lists == nil {
		d, err = NewAuthorization(v.cfg.Service, v.service, a)
		return d, nil, err
	}
	if list, err = listBlock(a.Chain); err != nil {
		return nil, nil, err
	}
	d, err = newAuthorization(v.cfg.Service, v.service, a, basicnode.NewLink(list.Link()))
	return d, list, err
}

// standIn takes the place of a proof that is authorized: what the proof says,
// issued by a key that the validator made for itself.
type standIn struct {
	proof *token
	dlg   delegation.Delegation
	below *token    // which has the proof and the authorization side by side
	path  *path     // the authorization, and what makes it valid
	chain []cid.Cid // what was validated for it, which may be revoked
	list  cid.Cid   // where that stands; undefined when in the authorization itself
}

// standIn returns what stands in for a token, nil when no authorization for it
// is valid. An authorization lies beside its proof, in a UCAN whose issuer is
// the audience of both.
func (r *request) standIn(t *token) *standIn {
	r.mu.Lock()
	s, known := r.standIns[t.cid]
	if !known {
		r.standIns[t.cid] = nil // what is being worked out cannot rest on itself
	}
	r.mu.Unlock()
	if known {
		return s
	}
	for _, below := range r.chain.order {
		if below.iss != t.aud || !slices.Contains(below.prf, t.cid) {
			continue
		}
		for _, c := range below.prf {
			if a := r.chain.tokens[c]; a != nil && authorizes(a, t, r.v.service) {
				if s := r.accept(a, t, below); s != nil {
					return s
				}
			}
		}
	}
	return nil
}

// authorizes tells whether a UCAN says to authorize another. It is read off
// the bytes; nothing is validated.
func authorizes(a, t *token, service did.DID) bool {
	if a.aud != t.aud || slices.ContainsFunc(t.caps, func(c Capability) bool { return c.With == "ucan:*" }) {
		return false
	}
	return authorization(a, t.cid, service) >= 0
}

// authorization finds the capability that authorizes a proof.
func authorization(a *token, proof cid.Cid, service did.DID) int {
	return slices.IndexFunc(a.caps, func(c Capability) bool {
		return c.Can == AuthorizeAbility && c.With == service.String() && authorizedProof(c.Nb).Equals(proof)
	})
}

// AuthorizedProof is the delegation that a capability of ucan/authorize is
// about; the undefined CID when it names none.
func AuthorizedProof(c Capability) cid.Cid {
	if c.Can != AuthorizeAbility {
		return cid.Undef
	}
	return authorizedProof(c.Nb)
}

// authorizedProof is the proof that is named in nb: under "proof", or "permit"
// as the first drafts had it.
func authorizedProof(nb datamodel.Node) cid.Cid {
	for _, name := range []string{"proof", "permit"} {
		if c := nbLink(nb, name); c.Defined() {
			return c
		}
	}
	return cid.Undef
}

// nbLink is a link in nb; the undefined CID when it is none.
func nbLink(nb datamodel.Node, name string) cid.Cid {
	if nb == nil {
		return cid.Undef
	}
	n, err := nb.LookupByString(name)
	if err != nil {
		return cid.Undef
	}
	l, err := n.AsLink()
	if err != nil {
		return cid.Undef
	}
	return linkCID(l)
}

// accept validates an authorization, and makes a stand-in if it is good.
func (r *request) accept(a, t, below *token) *standIn {
	c := a.caps[authorization(a, t.cid, r.v.service)]
	chain := r.chain.validated(a)
	if !slices.Contains(chain, t.cid) {
		return nil
	}
	path, err := r.claim(a, Ability{Can: AuthorizeAbility, Check: exactly(c)}, c)
	if err != nil {
		return nil
	}
	for _, c := range chain {
		if revoked, err := r.isRevoked(c); revoked || err != nil {
			return nil
		}
	}
	d, err := Delegate(r.v.stand, t.aud, t.caps, Terms{Nonce: t.cid.String()})
	if err != nil {
		return nil
	}
	s := &standIn{proof: t, dlg: d, below: below, path: path, chain: chain, list: a.list}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.standIns[t.cid] = s
	r.standing[linkCID(d.Link())] = s
	return s
}

// exactly accepts one capability, and no other of the same UCAN.
func exactly(want Capability) func(Capability) error {
	return func(c Capability) error {
		same := c.Can == want.Can && c.With == want.With && (c.Nb == nil) == (want.Nb == nil)
		if !same || c.Nb != nil && !datamodel.DeepEqual(c.Nb, want.Nb) {
			return errors.New("another capability")
		}
		return nil
	}
}

// attestsWithin refuses an attestation of one UCAN that rests on the power to
// attest another: the library does not look at that.
func (r *request) attestsWithin(t *token) error {
	for _, c := range t.caps {
		proof := nbLink(c.Nb, "proof")
		if c.Can != attestAbility || !proof.Defined() {
			continue
		}
		above, _ := r.chain.above(t.cid)
		for _, up := range above.order[1:] {
			for _, d := range up.caps {
				if p := nbLink(d.Nb, "proof"); covers(d.Can, attestAbility) && p.Defined() && p != proof {
					return fmt.Errorf("%s may attest %s, not %s", t.iss, p, proof)
				}
			}
		}
	}
	return nil
}

// attestors are the delegations of ucan/attest that count now without being
// sent.
func (r *request) attestors() (all []delegation.Delegation) {
	for _, a := range r.v.cfg.Attestors {
		if revoked, err := r.isRevoked(a.CID()); err == nil && !revoked && r.timely(a.root.dlg) == nil {
			all = append(all, a.root.dlg)
		}
	}
	return all
}

// nonce is 128 random bits: without it, two authorizations with the same
// content would be one, and revoking one revoke both.
func nonce() string { return rand.Text() }

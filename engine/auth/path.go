package auth

import (
	"errors"
	"slices"
	"strings"

	"github.com/ipfs/go-cid"
	"github.com/storacha/go-ucanto/core/result/failure"
	"github.com/storacha/go-ucanto/validator"
)

// path is how a claim was found valid, from the claim upwards.
type path struct {
	at       cid.Cid
	attested []*path // attestations of at
	up       *path   // nil where the issuer may say so by itself
}

// newPath reads the library's account of a valid path.
func newPath(a validator.Authorization[any]) *path {
	p := &path{at: linkCID(a.Delegation().Link())}
	for _, s := range a.Attestations() {
		p.attested = append(p.attested, newPath(s))
	}
	if up := a.Proofs(); len(up) > 0 {
		p.up = newPath(up[0])
	}
	return p
}

// cids names all UCANs of the path, what is claimed first. A stand-in is
// named by what it stands for, and by what gives it the right.
func (p *path) cids(r *request) (all []cid.Cid) {
	for ; p != nil; p = p.up {
		add := []cid.Cid{p.at}
		if s := r.standing[p.at]; s != nil {
			add = append([]cid.Cid{s.proof.cid}, s.path.cids(r)...)
		}
		for _, a := range p.attested {
			add = append(add, a.cids(r)...)
		}
		for _, c := range add {
			if !slices.Contains(all, c) {
				all = append(all, c)
			}
		}
	}
	return all
}

// reasons orders the names of failures by how much they tell.
var reasons = []string{
	Revoked, Expired, NotValidBefore, InvalidSignature, "UnverifiableSignature", "SessionEscalation",
	InvalidAudience, "DIDKeyResolutionError", EscalatedCapability, "MalformedCapability", "UnavailableProof",
}

// refusal turns the library's account of all paths that failed into ours. It
// speaks of the UCANs that were sent: stand-ins are nobody's business.
func (r *request) refusal(u validator.Unauthorized) *Denied {
	found := map[string]bool{}
	for _, e := range u.DelegationErrors() {
		nameDelegation(e, found)
	}
	for _, e := range u.InvalidProofs() {
		nameProof(e, found)
	}
	for _, e := range u.FailedProofs() {
		nameClaim(e, found)
	}
	reason := ""
	for _, n := range reasons {
		if found[n] {
			reason = n
			break
		}
	}
	text := u.Error()
	for id, s := range r.standing {
		text = strings.ReplaceAll(text, id.String(), s.proof.cid.String())
	}
	if len(r.standing) > 0 {
		text = strings.ReplaceAll(text, r.v.stand.DID().String(), r.v.service.String())
	}
	return deny(Unauthorized, reason, nil, "%s", text)
}

func nameDelegation(e validator.DelegationError, found map[string]bool) {
	for _, c := range e.Causes() {
		found[c.Name()] = true
	}
}

// nameProof finds the names of an error and of all that caused it.
func nameProof(e error, found map[string]bool) {
	for e != nil {
		if n, ok := e.(failure.Named); ok {
			found[n.Name()] = true
		}
		e = errors.Unwrap(e)
	}
}

func nameClaim(e validator.InvalidClaim, found map[string]bool) {
	c, ok := e.(validator.InvalidClaimError[any])
	if !ok {
		return
	}
	for _, d := range c.DelegationErrors() {
		nameDelegation(d, found)
	}
	for _, p := range c.InvalidProofs() {
		nameProof(p, found)
	}
	for _, f := range c.FailedProofs() {
		nameClaim(f, found)
	}
}

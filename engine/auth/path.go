package auth

import (
	"errors"
	"fmt"
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

// refusal turns the library's account of all paths that failed into ours: of
// bounded length, with the UCANs that were sent in place of stand-ins, and the
// reason that tells most.
func (r *request) refusal(u validator.Unauthorized) *Denied {
	w := why{found: map[string]bool{}}
	for _, e := range u.FailedProofs() {
		w.claim(e)
	}
	for _, e := range u.DelegationErrors() {
		w.delegation(e)
	}
	for _, e := range u.InvalidProofs() {
		w.proof(e)
	}
	reason := ""
	for _, n := range reasons {
		if w.found[n] {
			reason = n
			break
		}
	}
	if w.text.Len() == 0 {
		w.say("No matching delegated capability found")
	}
	text := w.text.String()
	for id, s := range r.standing {
		text = strings.ReplaceAll(text, id.String(), s.proof.cid.String())
	}
	return deny(Unauthorized, reason, nil, "Claim is not authorized%s", text)
}

// why collects what the library found wrong.
type why struct {
	found map[string]bool
	text  strings.Builder
}

func (w *why) say(line string) {
	if w.text.Len() < maxMessage {
		w.text.WriteString("\n  - " + line)
	}
}

// room tells whether another line would be read: to make one may cost much.
func (w *why) room() bool { return w.text.Len() < maxMessage }

func (w *why) delegation(e validator.DelegationError) {
	for _, c := range e.Causes() {
		w.found[c.Name()] = true
		if w.room() {
			w.say(c.Error())
		}
	}
}

// proof names an error and all that caused it, and says what is behind the
// proof errors, which only point at it.
func (w *why) proof(e error) {
	for c := e; c != nil; c = errors.Unwrap(c) {
		if n, ok := c.(failure.Named); ok {
			w.found[n.Name()] = true
		}
	}
	for {
		p, ok := e.(validator.ProofError)
		if !ok {
			break
		}
		e = p.Unwrap()
	}
	if s, ok := e.(validator.SessionEscalationError); ok {
		w.say(s.Name()) // its text holds that of all attestations
	} else if w.room() {
		w.say(e.Error())
	}
}

func (w *why) claim(e validator.InvalidClaim) {
	c, ok := e.(validator.InvalidClaimError[any])
	if !ok {
		return
	}
	for _, f := range c.FailedProofs() {
		w.claim(f)
	}
	for _, d := range c.DelegationErrors() {
		w.delegation(d)
	}
	for _, p := range c.InvalidProofs() {
		w.proof(p)
	}
	if len(c.FailedProofs())+len(c.DelegationErrors())+len(c.InvalidProofs()) == 0 && w.room() {
		w.say(fmt.Sprintf("Capability can not be (self) issued by '%s', and no proof delegates it", c.Issuer().DID()))
	}
}

package auth

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/storacha/go-ucanto/core/delegation"
	"github.com/storacha/go-ucanto/did"
	"github.com/storacha/go-ucanto/principal/absentee"
	"github.com/storacha/go-ucanto/ucan"
)

// requestFact links a delegation to the access/authorize that asked for it.
const requestFact = "access/request"

// Account is the DID of a mail address: did:mailto:web.mail:alice.
func Account(email string) (did.DID, error) {
	at := strings.LastIndexByte(email, '@')
	if at < 1 || at == len(email)-1 || len(email) > 254 || !visible(email) || strings.ContainsAny(email, "<>,;:\"\\()[]") {
		return did.Undef, fmt.Errorf("%w: %.80q is no mail address", ErrMalformed, email)
	}
	return did.Parse("did:mailto:" + url.PathEscape(email[at+1:]) + ":" + url.PathEscape(email[:at]))
}

// Email is the mail address of an account.
func Email(account did.DID) (string, error) {
	id, ok := strings.CutPrefix(account.String(), "did:mailto:")
	domain, local, two := strings.Cut(id, ":")
	domain, err1 := url.PathUnescape(domain)
	local, err2 := url.PathUnescape(local)
	email := local + "@" + domain
	back, err3 := Account(email)
	if !ok || !two || err1 != nil || err2 != nil || err3 != nil || back != account {
		return "", fmt.Errorf("%w: %s is no account", ErrMalformed, account)
	}
	return email, nil
}

// Session is what a confirmed login hands to an agent.
type Session struct {
	Delegation  delegation.Delegation // by the account, without signature
	Attestation delegation.Delegation // by the service: the account confirmed it
}

// NewSession makes the delegation by an account to an agent and its
// attestation, both with a nonce. The attestor is the service, or has proofs
// that the service delegated ucan/attest to it. The attestation says that the
// account confirmed, and nothing about the proofs of the delegation: it is
// never read as an authorization. Request is the access/authorize that asked.
func NewSession(attestor ucan.Signer, service, account, agent did.DID, caps []Capability, t Terms, request cid.Cid, proofs ...delegation.Delegation) (Session, error) {
	if _, err := Email(account); err != nil {
		return Session{}, err
	}
	if t.Nonce == "" {
		t.Nonce = nonce()
	}
	if request.Defined() {
		l := basicnode.NewLink(cidlink.Link{Cid: request})
		t.Facts = append(t.Facts[:len(t.Facts):len(t.Facts)], map[string]datamodel.Node{requestFact: l})
	}
	d, err := Delegate(absentee.From(account), agent, caps, t)
	if err != nil {
		return Session{}, err
	}
	nb, err := qp.BuildMap(basicnode.Prototype.Any, 1, func(m datamodel.MapAssembler) {
		qp.MapEntry(m, "proof", qp.Link(d.Link()))
	})
	if err != nil {
		return Session{}, fmt.Errorf("auth: %w", err)
	}
	a, err := Delegate(attestor, agent, []Capability{{Can: attestAbility, With: service.String(), Nb: nb}},
		Terms{Expires: t.Expires, Nonce: nonce(), Proofs: whole(proofs)})
	if err != nil {
		return Session{}, err
	}
	return Session{Delegation: d, Attestation: a}, nil
}

// CheckSession tells a client whether a delegation is what its agent was
// promised: for the agent, by the account, attested by the service. The chain
// is one whose proofs are the delegation and the attestation.
func (v *Validator) CheckSession(ctx context.Context, carrier *Chain, account did.DID) error {
	r := v.request(ctx, carrier)
	for _, p := range carrier.root.prf {
		t := carrier.tokens[p]
		if t == nil || t.iss != account || t.aud != carrier.root.iss {
			continue
		}
		holder := Ability{Can: t.caps[0].Can}
		_, err := r.claim(t, holder, t.caps[0])
		return err
	}
	return deny(Unauthorized, "UnavailableProof", nil, "no delegation by %s to %s", account, carrier.root.iss)
}

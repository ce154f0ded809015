package auth

import (
	"context"
	"fmt"
	"maps"
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
	"github.com/storacha/go-ucanto/validator"
)

// requestFact links a delegation to the access/authorize that asked for it.
const requestFact = "access/request"

// Account is the DID of a mail address: did:mailto:web.mail:alice.
func Account(email string) (did.DID, error) {
	at := strings.LastIndexByte(email, '@')
	if at < 1 || at == len(email)-1 || len(email) > 254 || !visible(email) || strings.ContainsAny(email, "<>,;:\"\\()[]") {
		return did.Undef, fmt.Errorf("%w: %.80q is no mail address", ErrMalformed, email)
	}
	return did.Parse("did:mailto:" + escape(email[at+1:]) + ":" + escape(email[:at]))
}

// asIs are what JavaScript's encodeURIComponent leaves, beside what QueryEscape
// does.
var asIs = strings.NewReplacer("%21", "!", "%27", "'", "%2A", "*")

func escape(s string) string { return asIs.Replace(url.QueryEscape(s)) }

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

// CheckSession tells a client whether it was given what its agent was promised:
// a delegation by the account to the agent, and an attestation of it that holds
// now. It says nothing about what the account holds.
func (v *Validator) CheckSession(ctx context.Context, s Session, account, agent did.DID) error {
	d, err := FromDelegation(ctx, s.Delegation, v.cfg.Limits)
	if err != nil {
		return err
	}
	a, err := FromDelegation(ctx, s.Attestation, v.cfg.Limits)
	if err != nil {
		return err
	}
	if d.Issuer() != account || d.Audience() != agent || a.Audience() != agent {
		return deny(Unauthorized, InvalidAudience, nil, "no session of %s for %s", account, agent)
	}
	both := &Chain{root: d.root, tokens: maps.Clone(d.tokens), order: append(d.order[:len(d.order):len(d.order)], a.order...)}
	maps.Copy(both.tokens, a.tokens)
	r := v.request(ctx, both)
	_, _, bad := validator.Validate(ctx, d.root.dlg, []delegation.Delegation{d.root.dlg, a.root.dlg}, r.context())
	if err := r.stopped(); err != nil {
		return fmt.Errorf("auth: session: %w", err)
	}
	if bad != nil {
		return deny(Unauthorized, bad.Name(), nil, "the session does not hold: %s", bad.Name())
	}
	return nil
}

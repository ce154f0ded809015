package space

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	cid "github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	accesscap "github.com/storacha/go-libstoracha/capabilities/access"
	"github.com/storacha/go-ucanto/core/delegation"
	"github.com/storacha/go-ucanto/did"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/auth"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// In the service's own side tree: sidePending is followed by the CID of an
// access/authorize, with what was asked; sideSecret by the hash of the secret in a
// link, with that CID; sideGranted by an audience, "/" and the CID of a delegation
// to it that waits to be claimed; sideIssued by an audience, a time that makes the
// newest the first, and the CID, for those that the service made, which are handed
// out before those that anyone left.
const (
	sideIssued  = "issued/"
	sidePending = "pending/"
	sideSecret  = "secret/"
	sideGranted = "granted/"
)

// pending is a login that waits for the account to confirm it.
type pending struct {
	Account string   `json:"account"`
	Agent   string   `json:"agent"`
	Can     []string `json:"can"`
	Request string   `json:"request"` // CID of the access/authorize invocation
	Space   string   `json:"space"`   // in whose queue it was; perhaps empty
	Secret  string   `json:"secret"`  // hash of the one in the mail
	Expires int64    `json:"expires"`
}

// ErrNotPending: the link is not, or no longer, good for anything.
var ErrNotPending = errors.New("space: nothing to confirm")

// screenFact, true in the facts of an access/authorize, says that the agent has a
// screen: it opens /authorize/<invocation> there, and no mail is wanted.
const screenFact = "access/screen"

func hashOf(secret string) string { return codec.Sum([]byte(secret)).String() }

// accessAuthorize asks an account to let an agent act for it.
func (s *Service) accessAuthorize(_ context.Context, j *job) (*outcome, error) {
	nb, err := caveats(accesscap.AuthorizeCaveatsReader, j.cap.Nb)
	if err != nil {
		return nil, err
	}
	if nb.Iss == nil {
		return nil, denied(auth.InvocationCapability, "nb.iss names no account")
	}
	account, err := did.Parse(*nb.Iss)
	if err != nil {
		return nil, denied(auth.InvocationCapability, "nb.iss: %v", err)
	}
	email, err := auth.Email(account)
	if err != nil {
		return nil, denied(auth.InvocationCapability, "nb.iss: %v", err)
	}
	expires := s.o.Now().Add(s.o.Limits.Confirm).Unix()
	p := pending{Account: account.String(), Agent: j.cap.With, Request: j.cid.String(), Expires: expires}
	if j.queued {
		p.Space = j.via.String()
	}
	for _, a := range nb.Att {
		p.Can = append(p.Can, a.Can)
	}
	screen := hasScreen(j)
	if !screen && !s.mails.take(account.String(), s.o.Now(), s.o.Limits.Confirm) {
		return nil, denied("TooManyRequests", "%v has been sent %d mails within %v", account, maxMails, s.o.Limits.Confirm)
	}
	secret := rand.Text()
	p.Secret = hashOf(secret)
	out := &outcome{
		ok: accesscap.AuthorizeOk{Request: linkOf(j.cid), Expiration: int(expires)},
		side: []prolly.Edit{
			putJSON(sidePending+p.Request, p),
			{Key: []byte(sideSecret + p.Secret), Value: prolly.Value{Bytes: []byte(p.Request)}},
		},
	}
	if !screen {
		out.after = func() { s.sendLink(email, secret, p) }
	}
	return out, nil
}

func hasScreen(j *job) bool {
	for _, f := range j.chain.Delegation().Facts() {
		if n, ok := f[screenFact].(datamodel.Node); ok {
			yes, err := n.AsBool()
			return err == nil && yes
		}
		if yes, ok := f[screenFact].(bool); ok {
			return yes
		}
	}
	return false
}

// Pending tells what a link would confirm. ErrNotPending.
func (s *Service) Pending(ctx context.Context, secret string) (p pending, err error) {
	err = side(ctx, s.own, func(r *engine.Root) error { p, err = s.behind(ctx, r, secret); return err })
	return p, err
}

// behind finds what a secret is for.
func (s *Service) behind(ctx context.Context, r *engine.Root, secret string) (pending, error) {
	request, err := r.Get(ctx, []byte(sideSecret+hashOf(secret)))
	if errors.Is(err, engine.ErrNotFound) {
		err = ErrNotPending
	}
	if err != nil {
		return pending{}, err
	}
	return s.asked(ctx, r, string(request))
}

// asked is what an access/authorize asked for. ErrNotPending.
func (s *Service) asked(ctx context.Context, r *engine.Root, request string) (p pending, err error) {
	found, err := getJSON(ctx, r, sidePending+request, &p)
	if err == nil && (!found || s.o.Now().Unix() >= p.Expires) {
		err = ErrNotPending
	}
	return p, err
}

// Confirm is the account's yes: its agent gets a delegation, which the service
// attests. The link is good for one time. It returns the account.
func (s *Service) Confirm(ctx context.Context, secret string) (account string, err error) {
	unlock, err := s.running.lock(ctx, serviceBranch)
	if err != nil {
		return "", err
	}
	defer unlock()
	p, err := s.Pending(ctx, secret)
	if err != nil {
		return "", err
	}
	return p.Account, s.confirm(ctx, p)
}

// confirm does what was asked. The lock of the service's branch is held.
func (s *Service) confirm(ctx context.Context, p pending) error {
	account, err := did.Parse(p.Account)
	if err != nil {
		return err
	}
	agent, err := did.Parse(p.Agent)
	if err != nil {
		return err
	}
	request, err := cid.Decode(p.Request)
	if err != nil {
		return err
	}
	edits, granted, err := s.grant(ctx, account, agent, p.Can, request)
	if err != nil {
		return err
	}
	if err := s.intoSpace(ctx, p.Space, granted); err != nil {
		return err
	}
	edits = append(edits, remove(sidePending+p.Request), remove(sideSecret+p.Secret))
	return s.own.Update(ctx, func(u *engine.Update) error { return u.Side().Apply(ctx, edits) })
}

// intoSpace puts delegations into the space that asked for them.
func (s *Service) intoSpace(ctx context.Context, space string, granted []delegation.Delegation) error {
	if space == "" {
		return nil
	}
	id, err := did.Parse(space)
	if err != nil {
		return err
	}
	b, err := s.e.Lookup(ctx, BranchName(id))
	if err != nil {
		return err
	}
	var tree []prolly.Edit
	for _, d := range granted { // with what they rest on
		root := mustCID(d.Link())
		blocks, err := bundle(ctx, sourceOf(d), root)
		if err != nil {
			return err
		}
		edits, err := nameBlocks(blocks, d.Link(), PrefixDelegation, func(cid.Cid, []byte) error { return nil })
		if err != nil {
			return err
		}
		tree = append(tree, edits...)
	}
	return b.Apply(ctx, tree, engine.NoSync)
}

// grant signs a session and returns the edits that keep it to be claimed.
func (s *Service) grant(ctx context.Context, account, agent did.DID, can []string, request cid.Cid) ([]prolly.Edit, []delegation.Delegation, error) {
	var caps []auth.Capability
	for _, c := range can {
		caps = append(caps, auth.Capability{Can: c, With: "ucan:*", Nb: emptyMap})
	}
	if len(caps) == 0 {
		return nil, nil, denied(auth.InvocationCapability, "no abilities are asked for")
	}
	proofs, err := s.heldFor(ctx, account)
	if err != nil {
		return nil, nil, err
	}
	session, err := auth.NewSession(s.me, s.me.DID(), account, agent, caps, auth.Terms{Proofs: proofs}, request)
	if err != nil {
		return nil, nil, err
	}
	granted := []delegation.Delegation{session.Delegation, session.Attestation}
	edits, err := s.hold(ctx, granted, s.issued)
	return edits, granted, err
}

// accessConfirm is Confirm as an invocation: for the service itself, or whom it
// delegated that to.
func (s *Service) accessConfirm(ctx context.Context, j *job) (*outcome, error) {
	nb, err := caveats(accesscap.ConfirmCaveatsReader, j.cap.Nb)
	if err != nil {
		return nil, err
	}
	if j.cap.With != s.me.DID().String() {
		return nil, denied(auth.Unauthorized, "only the service confirms")
	}
	var can []string
	for _, a := range nb.Att {
		can = append(can, a.Can)
	}
	cause, err := cidOf(nb.Cause)
	if err != nil {
		return nil, denied(auth.InvocationCapability, "%v", err)
	}
	edits, granted, err := s.grant(ctx, nb.Iss, nb.Aud, can, cause)
	if errors.Is(err, auth.ErrMalformed) {
		return nil, denied(auth.InvocationCapability, "%v", err)
	}
	if err != nil {
		return nil, err
	}
	out := &outcome{side: edits}
	model := accesscap.DelegationsModel{Values: map[string][]byte{}}
	for _, d := range granted {
		if err := archive(ctx, &model, d.Link(), sourceOf(d)); err != nil {
			return nil, err
		}
	}
	out.ok = accesscap.ConfirmOk{Delegations: model}
	return out, nil
}

// sendLink mails the link that confirms a login. A failure is logged: the agent
// asks again.
func (s *Service) sendLink(email, secret string, p pending) {
	if s.o.Mailer == nil {
		s.log.Warn("no mailer: nobody can confirm", "account", p.Account)
		return
	}
	text := fmt.Sprintf("The agent\n\n    %s\n\nasks to act for you: %s.\n\nIf that is you, open this within %v and confirm:\n\n    %s/confirm/%s\n\nOtherwise do nothing.\n",
		p.Agent, strings.Join(p.Can, ", "), s.o.Limits.Confirm, strings.TrimSuffix(s.o.URL, "/"), secret)
	if err := s.o.Mailer.Send(email, "Confirm your login", text); err != nil {
		s.log.Error("mail not sent", "account", p.Account, "err", err)
	}
}

package auth

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"

	"github.com/ipfs/go-cid"
	"github.com/storacha/go-ucanto/core/delegation"
	"github.com/storacha/go-ucanto/did"
	"github.com/storacha/go-ucanto/principal"
	edverifier "github.com/storacha/go-ucanto/principal/ed25519/verifier"
	rsaverifier "github.com/storacha/go-ucanto/principal/rsa/verifier"
	"github.com/storacha/go-ucanto/ucan"
	"github.com/storacha/go-ucanto/ucan/crypto/signature"
	"github.com/storacha/go-ucanto/validator"
)

// request is one question to the library's validator, and the hooks through
// which it sees the chain. The hooks run on goroutines of the library.
type request struct {
	v     *Validator
	ctx   context.Context
	chain *Chain
	now   int64

	mu       sync.Mutex
	spent    spending
	verified map[[32]byte]bool
	revoked  map[cid.Cid]bool
	standIns map[cid.Cid]*standIn // by the proof that they stand for; nil for proofs that have none
	standing map[cid.Cid]*standIn // by themselves
	err      error                // of the service, the context or the budget: ends the request
}

func (v *Validator) request(ctx context.Context, ch *Chain) *request {
	return &request{
		v: v, ctx: ctx, chain: ch, now: v.cfg.Now().Unix(),
		verified: map[[32]byte]bool{}, revoked: map[cid.Cid]bool{},
		standIns: map[cid.Cid]*standIn{}, standing: map[cid.Cid]*standIn{},
	}
}

// stop ends the request with an error that says nothing about the chain.
func (r *request) stop(err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
	}
	return r.err
}

func (r *request) stopped() error {
	if err := r.ctx.Err(); err != nil {
		return r.stop(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// spending is what a request has cost.
type spending struct{ steps, signatures, comparisons int }

// spend adds to the cost; an error says that it is over the budget, or that
// the request has ended otherwise.
func (r *request) spend(s spending) error {
	l := r.v.cfg.Limits
	r.mu.Lock()
	r.spent.steps += s.steps
	r.spent.signatures += s.signatures
	r.spent.comparisons += s.comparisons
	over := r.spent.steps > l.Steps || r.spent.signatures > l.Signatures || r.spent.comparisons > l.Comparisons
	r.mu.Unlock()
	if over {
		return r.stop(fmt.Errorf("%w: more than %d steps, %d signatures or %d comparisons", ErrBudget, l.Steps, l.Signatures, l.Comparisons))
	}
	return r.stopped()
}

// claim asks the library whether the token's capability holds.
func (r *request) claim(t *token, ab Ability, c Capability) (*path, error) {
	if ab.Can == "" {
		ab.Can = c.Can
	}
	auth, denied := validator.Claim(r.ctx, &parser{ability: ab, r: r}, []delegation.Proof{delegation.FromDelegation(t.dlg)}, r.context())
	if err := r.stopped(); err != nil {
		if errors.Is(err, ErrBudget) {
			return nil, deny(Unauthorized, BudgetExceeded, ErrBudget, "%v", err)
		}
		return nil, fmt.Errorf("auth: %s: %w", t.cid, err)
	}
	if denied != nil {
		return nil, r.refusal(denied)
	}
	return newPath(auth), nil
}

// context are the hooks.
func (r *request) context() validator.ClaimContext {
	never := func(context.Context, validator.Authorization[any]) validator.Revoked { return nil } // see bounds
	return validator.NewClaimContext(
		counting{r.v.verifier, r}, r.canIssue, never, r.resolveProof, r.parsePrincipal, r.resolveKey, r.bounds, r.attestors()...)
}

// canIssue: the holder of a resource, and the signer of stand-ins, whose
// proofs were accepted before.
func (r *request) canIssue(c ucan.Capability[any], issuer did.DID) bool {
	return c.With() == issuer.String() || issuer == r.v.stand.DID()
}

// resolveProof shows the library a token of the chain, or what stands in for
// it.
func (r *request) resolveProof(_ context.Context, l ucan.Link) (delegation.Delegation, validator.UnavailableProof) {
	c := linkCID(l)
	t, ok := r.chain.tokens[c]
	if !ok {
		return nil, validator.NewUnavailableProofError(l, ErrMissing)
	}
	if s := r.standIn(t); s != nil {
		return s.dlg, nil
	}
	return t.dlg, nil
}

// bounds is asked for each delegation before its signature is looked at, so
// what is not valid now does not hide another path that is.
func (r *request) bounds(d delegation.Delegation) validator.InvalidProof {
	if err := r.spend(spending{steps: 1}); err != nil {
		return validator.NewUnavailableProofError(d.Link(), err)
	}
	c := linkCID(d.Link())
	r.mu.Lock()
	s := r.standing[c]
	r.mu.Unlock()
	if s != nil {
		c, d = s.proof.cid, s.proof.dlg
	}
	if bad := r.timely(d); bad != nil {
		return bad
	}
	revoked, err := r.isRevoked(c)
	if err != nil {
		return validator.NewUnavailableProofError(d.Link(), err)
	}
	if revoked {
		return validator.NewRevokedError(d)
	}
	if t := r.chain.tokens[c]; t != nil && s == nil {
		if err := r.attestsWithin(t); err != nil {
			return validator.NewSessionEscalationError(d, err)
		}
	}
	return nil
}

// timely checks the times of a delegation.
func (r *request) timely(d delegation.Delegation) validator.InvalidProof {
	if exp := d.Expiration(); exp != nil && int64(*exp) <= r.now {
		return validator.NewExpiredError(d)
	}
	if nbf := d.NotBefore(); nbf != 0 && r.now <= int64(nbf) {
		return validator.NewNotValidBeforeError(d)
	}
	return nil
}

func (r *request) isRevoked(c cid.Cid) (bool, error) {
	if r.v.cfg.Revocations == nil {
		return false, nil
	}
	r.mu.Lock()
	known, ok := r.revoked[c]
	r.mu.Unlock()
	if ok {
		return known, nil
	}
	yes, err := r.v.cfg.Revocations.Revoked(r.ctx, c)
	if err != nil {
		return false, r.stop(err)
	}
	r.mu.Lock()
	r.revoked[c] = yes
	r.mu.Unlock()
	return yes, nil
}

func (r *request) resolveKey(ctx context.Context, d did.DID) (did.DID, validator.UnresolvedDID) {
	if d == r.v.service {
		return r.v.stand.DID(), validator.NewDIDKeyResolutionError(d, errors.New("the service is verified by its own key"))
	}
	if r.v.cfg.Resolve == nil {
		return did.Undef, validator.NewDIDKeyResolutionError(d, errors.New("no DID resolver configured"))
	}
	key, err := r.v.cfg.Resolve(ctx, d)
	if err == nil && keyless(key) {
		err = errors.New("resolved to no did:key")
	}
	if err != nil {
		return did.Undef, validator.NewDIDKeyResolutionError(d, err)
	}
	return key, nil
}

func (r *request) parsePrincipal(s string) (principal.Verifier, error) {
	k, err := parseKey(s)
	if err != nil {
		return nil, err
	}
	return counting{k, r}, nil
}

// parseKey reads a did:key of Ed25519 or RSA.
func parseKey(s string) (principal.Verifier, error) {
	d, err := did.Parse(s)
	if err != nil {
		return nil, err
	}
	if err := checkDID(d.Bytes()); err != nil {
		return nil, err
	}
	if bytes.HasPrefix(d.Bytes(), []byte{0xed}) {
		return edverifier.Decode(d.Bytes())
	}
	return rsaverifier.Decode(d.Bytes())
}

// counting verifies each signature of a request once, and no more of them than
// its budget has.
type counting struct {
	principal.Verifier
	r *request
}

func (c counting) Verify(msg []byte, sig signature.Signature) bool {
	h := sha256.New()
	fmt.Fprintf(h, "%s %d ", c.DID(), len(msg))
	h.Write(msg)
	h.Write(sig.Bytes())
	id := [32]byte(h.Sum(nil))
	r := c.r
	r.mu.Lock()
	ok, known := r.verified[id]
	r.mu.Unlock()
	if known {
		return ok
	}
	if r.spend(spending{signatures: 1}) != nil {
		return false
	}
	ok = c.Verifier.Verify(msg, sig)
	r.mu.Lock()
	r.verified[id] = ok
	r.mu.Unlock()
	return ok
}

// verifySignature verifies one signature outside of a chain.
func verifySignature(t *token, v ucan.Verifier) (bool, error) {
	return ucan.VerifySignature(t.dlg.Data(), v)
}

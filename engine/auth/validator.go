package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/storacha/go-ucanto/did"
	"github.com/storacha/go-ucanto/principal"
	"github.com/storacha/go-ucanto/principal/ed25519/signer"
)

// Revocations knows which UCANs are no longer valid. An error refuses nothing
// and accepts nothing: the request fails with it.
type Revocations interface {
	Revoked(ctx context.Context, c cid.Cid) (bool, error)
}

// Replays knows which invocations have run, and their receipts. Whoever executes
// invocations keeps it, in the step that stores the receipt.
type Replays interface {
	Ran(ctx context.Context, invocation cid.Cid) (receipt cid.Cid, ran bool, err error)
}

// Replayed is the answer to an invocation that has run: not again, and the
// receipt is the one that there is.
type Replayed struct{ Invocation, Receipt cid.Cid }

func (e *Replayed) Error() string {
	return fmt.Sprintf("auth: %s has run, see receipt %s", e.Invocation, e.Receipt)
}

// Config is what a validator goes by.
type Config struct {
	// Service is the authority: invocations are for it, it attests and
	// authorizes. Its DID is a did:key or, wrapped, a did:web.
	Service principal.Signer

	// Authority is the service's public key, for who does not have its key:
	// a client that checks what it was given. Such a validator does not sign.
	Authority principal.Verifier

	// Audiences are other DIDs under which invocations reach the service.
	Audiences []did.DID

	// Attestors are delegations of ucan/attest by the service, which count
	// without being sent.
	Attestors []*Chain

	// Lists has the lists of chains that the service's authorizations link to.
	// Nil: authorizations have their chains written out.
	Lists Source

	// Abilities are those that the service has handlers for.
	Abilities []Ability

	Revocations Revocations // nil: nothing is revoked
	Replays     Replays     // nil: nobody asks here whether an invocation has run

	// Resolve finds the did:key of other DIDs, such as did:web. Nil knows none.
	Resolve func(ctx context.Context, d did.DID) (did.DID, error)

	Now    func() time.Time // nil: time.Now
	Limits Limits
	Cache  int // proofs that the validator remembers: 0 stands for 8192, negative for none
}

// Validator answers whether an invocation may run. It is safe for concurrent
// use.
type Validator struct {
	cfg       Config
	service   did.DID
	verifier  principal.Verifier
	abilities map[string]Ability
	stand     principal.Signer // signs stand-ins; known to nobody, and gone with the process
	cache     *cache
	screen    screen
}

// New makes a validator.
func New(c Config) (*Validator, error) {
	if c.Service != nil {
		c.Authority = c.Service.Verifier()
	}
	if c.Authority == nil {
		return nil, errors.New("auth: a validator without a service")
	}
	stand, err := signer.Generate()
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Limits = c.Limits.withDefaults()
	v := &Validator{
		cfg: c, service: c.Authority.DID(), verifier: c.Authority, stand: stand,
		abilities: map[string]Ability{}, cache: newCache(c.Cache),
	}
	v.screen = screen{limits: c.Limits, cache: v.cache, lists: c.Lists}
	for _, a := range c.Abilities {
		v.abilities[a.Can] = a
	}
	for _, a := range c.Attestors {
		if err := v.checkAttestor(a); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// checkAttestor holds a delegation of ucan/attest to what the library takes
// for granted.
func (v *Validator) checkAttestor(a *Chain) error {
	t := a.root
	if c := t.caps[0]; c.Can != attestAbility || c.With != v.service.String() || t.iss != v.service {
		return fmt.Errorf("auth: %s is no delegation of %s by the service", t.cid, attestAbility)
	}
	if ok, err := verifySignature(t, v.verifier); err != nil || !ok {
		return fmt.Errorf("auth: %s is not signed by the service", t.cid)
	}
	return nil
}

// DID is the service's.
func (v *Validator) DID() did.DID { return v.service }

// Load reads and screens a UCAN and its proofs within the limits of the
// validator. UCANs that it saw not long ago are not decoded again.
func (v *Validator) Load(ctx context.Context, root cid.Cid, src Source) (*Chain, error) {
	return v.screen.load(ctx, root, src)
}

// Grant is a valid invocation.
type Grant struct {
	Invocation *Chain
	Capability Capability
	Path       []cid.Cid // the UCANs that make it valid, the invocation first
	Cached     bool      // the proof was not validated again
}

// Access answers whether the invocation may run. A *Denied says why not, and
// goes into the receipt; *Replayed says that it did run; another error is of the
// service or of ctx, and says nothing about the invocation.
func (v *Validator) Access(ctx context.Context, inv *Chain) (*Grant, error) {
	if v.cfg.Replays != nil {
		if receipt, ran, err := v.cfg.Replays.Ran(ctx, inv.CID()); err != nil {
			return nil, fmt.Errorf("auth: %s: %w", inv.CID(), err)
		} else if ran {
			return nil, &Replayed{inv.CID(), receipt}
		}
	}
	c, err := v.invoked(inv)
	if err != nil {
		return nil, err
	}
	r := v.request(ctx, inv)
	ab := v.abilities[c.Can]
	if g, err := r.remembered(ab, c); g != nil || err != nil {
		return g, err
	}
	path, err := r.claim(inv.root, ab, c)
	if err != nil {
		return nil, err
	}
	r.remember(c, path)
	return &Grant{Invocation: inv, Capability: c, Path: path.cids(r)}, nil
}

// invoked checks the form of an invocation, in upstream's order.
func (v *Validator) invoked(inv *Chain) (Capability, error) {
	caps := inv.root.caps
	if len(caps) != 1 {
		return Capability{}, deny(InvocationCapability, "", nil, "Invocation is required to have a single capability.")
	}
	c := caps[0]
	if _, ok := v.abilities[c.Can]; !ok {
		return Capability{}, deny(HandlerNotFound, "", nil, "service does not implement {can: %q} handler", c.Can)
	}
	if aud := inv.root.aud; aud != v.service && !slices.Contains(v.cfg.Audiences, aud) {
		return Capability{}, deny(InvalidAudience, "", nil, "Invalid audience: expected %s, got %s", v.service, aud)
	}
	return c, nil
}

// Prove validates a delegation in full: each of its capabilities, up to who
// holds the resource. It returns the UCANs that make it valid, the delegation
// first.
func (v *Validator) Prove(ctx context.Context, proof *Chain) ([]cid.Cid, error) {
	r := v.request(ctx, proof)
	var all []cid.Cid
	for _, c := range proof.root.caps {
		if c.With == "ucan:*" {
			return nil, fmt.Errorf("auth: %s: %w", proof.CID(), ErrOpenEnded)
		}
		ab := v.abilities[c.Can]
		ab.Can, ab.Check = c.Can, exactly(c)
		path, err := r.claim(proof.root, ab, c)
		if err != nil {
			return nil, err
		}
		for _, c := range path.cids(r) {
			if !slices.Contains(all, c) {
				all = append(all, c)
			}
		}
	}
	return all, nil
}

// Remembered tells how many validations the cache holds.
func (v *Validator) Remembered() int { return v.cache.len() }

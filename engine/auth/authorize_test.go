package auth

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	"github.com/storacha/go-ucanto/core/delegation"
	"github.com/storacha/go-ucanto/did"
	"github.com/storacha/go-ucanto/principal/absentee"
)

// authorized is a chain space → alice → bob, and bob's proof with no block but
// its own.
type authorized struct {
	*world
	top   delegation.Delegation // space → alice
	proof delegation.Delegation // alice → bob
	short delegation.Delegation
	get   []Capability
}

func newAuthorized(t *testing.T, cache int) *authorized {
	space, alice, bob := key(t, "space"), key(t, "alice"), key(t, "bob")
	a := &authorized{world: newWorld(t, func(c *Config) { c.Cache = cache })}
	a.get = cap1("test/get", space.DID(), nil)
	a.top = issueOn(t, space, alice.DID(), cap1("*", space.DID(), nil), Terms{Expires: Seconds(noon.Unix() + 600)})
	a.proof = issue(t, alice, bob.DID(), cap1("test/*", space.DID(), nil), a.top)
	a.short = chainOf(t, a.proof).root.alone()
	return a
}

// sign makes an authorization that differs from a good one as told.
func (a *authorized) sign(t *testing.T, by string, change func(*Authorization), proofs ...delegation.Delegation) delegation.Delegation {
	t.Helper()
	x := Authorization{Proof: linkCID(a.proof.Link()), Audience: key(t, "bob").DID(), Expires: Seconds(noon.Unix() + 600)}
	x.Chain = []cid.Cid{x.Proof, linkCID(a.top.Link())}
	if change != nil {
		change(&x)
	}
	signer := key(t, by)
	if by == "service" {
		signer = a.service
	}
	d, err := NewAuthorization(signer, a.DID(), x, proofs...)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestAuthorize is requirement 17, with the cache and without.
func TestAuthorize(t *testing.T) {
	for _, cache := range []int{-1, 0} {
		a := newAuthorized(t, cache)
		alice, bob, helper := key(t, "alice"), key(t, "bob"), key(t, "helper")
		may := issue(t, a.service, helper.DID(), cap1(AuthorizeAbility, a.DID(), nil))
		mayOther := issue(t, a.service, helper.DID(), cap1(AuthorizeAbility, a.DID(), nbOf(t, map[string]any{"proof": a.top.Link()})))
		mayAttest := issue(t, a.service, helper.DID(), cap1(attestAbility, a.DID(), nil))
		good := a.sign(t, "service", nil)
		permit := issueOn(t, a.service, bob.DID(), cap1(AuthorizeAbility, a.DID(), nbOf(t, map[string]any{"permit": a.proof.Link()})),
			Terms{Facts: []map[string]datamodel.Node{{chainFact: nodeOf(t, listOf(qp.Link(a.proof.Link()), qp.Link(a.top.Link())))}}})
		attest := issueOn(t, a.service, bob.DID(), cap1(attestAbility, a.DID(), nbOf(t, map[string]any{"proof": a.proof.Link()})), Terms{})
		self := func(depth int, proofs ...delegation.Delegation) delegation.Delegation {
			d := issue(t, bob, bob.DID(), a.get, proofs...)
			for range depth {
				d = issueOn(t, bob, bob.DID(), a.get, Terms{Nonce: "again"}, d)
			}
			return d
		}
		for _, c := range []struct {
			name   string
			proofs []delegation.Delegation
			reason string // empty: granted
		}{
			{"by the service", list(a.short, good), ""},
			{"the other way round", list(good, a.short), ""},
			{"by a key that may", list(a.short, a.sign(t, "helper", nil, may)), ""},
			{"as permit", list(a.short, permit), ""},
			{"in a UCAN of the agent to itself", list(self(0, a.short, good)), ""},
			{"three deep", list(self(3, a.short, good)), ""},
			{"with the full chain", list(a.proof, good), ""},
			{"none", list(a.short), "UnavailableProof"},
			{"by a stranger", list(a.short, a.sign(t, "mallory", nil)), "UnavailableProof"},
			{"by the agent", list(a.short, a.sign(t, "bob", nil)), "UnavailableProof"},
			{"by the issuer of the proof", list(a.short, a.sign(t, "alice", nil)), "UnavailableProof"},
			{"by a key that may not", list(a.short, a.sign(t, "helper", nil)), "UnavailableProof"},
			{"by a key that may attest", list(a.short, a.sign(t, "helper", nil, mayAttest)), "UnavailableProof"},
			{"by a key that may authorize another", list(a.short, a.sign(t, "helper", nil, mayOther)), "UnavailableProof"},
			{"to another audience", list(a.short, a.sign(t, "service", func(x *Authorization) { x.Audience = alice.DID() })), "InvalidAudience"},
			{"expired", list(a.short, a.sign(t, "service", func(x *Authorization) { x.Expires = Seconds(noon.Unix()) })), "Expired"},
			{"for another proof", list(a.short, a.sign(t, "service", func(x *Authorization) {
				x.Proof = linkCID(a.top.Link())
				x.Chain = []cid.Cid{x.Proof}
			})), "UnavailableProof"},
			{"that does not say for what", list(a.short, a.sign(t, "service", func(x *Authorization) { x.Chain = nil })), "UnavailableProof"},
			{"an attestation", list(a.short, attest), "UnavailableProof"}, // requirement 18
			{"not beside the proof", list(self(0, a.short), good), "UnavailableProof"},
		} {
			t.Run(fmt.Sprint(c.name, " ", cache), func(t *testing.T) {
				for range 2 { // from the cache, if there is one
					_, err := a.ask(t, issue(t, bob, a.DID(), a.get, c.proofs...))
					if c.reason == "" && err != nil {
						t.Fatal(err)
					}
					if c.reason != "" && (c.reason != "Expired" && c.reason != "InvalidAudience") {
						denied(t, err, Unauthorized, c.reason)
					} else if c.reason != "" && err == nil {
						t.Fatal("granted")
					}
				}
			})
		}
		t.Run(fmt.Sprint("beyond the proof ", cache), func(t *testing.T) {
			_, err := a.ask(t, issue(t, bob, a.DID(), cap1("test/get", alice.DID(), nil), a.short, good))
			denied(t, err, Unauthorized, EscalatedCapability)
			_, err = a.ask(t, issue(t, key(t, "carol"), a.DID(), a.get, a.short, good))
			denied(t, err, Unauthorized, InvalidAudience)
		})
	}
}

func list(all ...delegation.Delegation) []delegation.Delegation { return all }

// TestAuthorizeIssues: the service's own authorization of requirement 17 names
// the chain, ends with its earliest UCAN, and differs from its twin.
func TestAuthorizeIssues(t *testing.T) {
	a := newAuthorized(t, 0)
	d, err := a.Authorize(t.Context(), chainOf(t, a.proof))
	if err != nil {
		t.Fatal(err)
	}
	x := chainOf(t, d).root
	chain := a.validated(t, d)
	if len(chain) != 2 || !slices.Contains(chain, linkCID(a.top.Link())) || !slices.Contains(chain, linkCID(a.proof.Link())) {
		t.Errorf("chain %v", chain)
	}
	if x.iss != a.DID() || x.aud != key(t, "bob").DID() || *d.Expiration() != *a.top.Expiration() || d.Nonce() == "" {
		t.Errorf("%s to %s until %d", x.iss, x.aud, *d.Expiration())
	}
	if twin, err := a.Authorize(t.Context(), chainOf(t, a.proof)); err != nil || twin.Link() == d.Link() {
		t.Errorf("the same authorization twice, %v", err)
	}
	for name, p := range map[string]delegation.Delegation{
		"a chain without its top":         a.short,
		"more than its issuer holds":      issue(t, key(t, "alice"), key(t, "bob").DID(), append(cap1("test/get", key(t, "space").DID(), nil), cap1("test/get", key(t, "carol").DID(), nil)...), a.top),
		"a pattern wider than its proof":  issue(t, key(t, "bob"), key(t, "carol").DID(), cap1("*", key(t, "space").DID(), nil), a.proof),
		"an account that did not confirm": issue(t, absentee.From(account(t, "a@b.c")), key(t, "bob").DID(), cap1("*", account(t, "a@b.c"), nil)),
	} {
		if _, err := a.Authorize(t.Context(), chainOf(t, p)); err == nil {
			t.Errorf("authorized %s", name)
		} else if d := (*Denied)(nil); !errors.As(err, &d) {
			t.Errorf("%s: %v", name, err)
		}
	}
	open := issue(t, key(t, "alice"), key(t, "bob").DID(), []Capability{{Can: "*", With: "ucan:*"}}, a.top)
	if _, err := a.Authorize(t.Context(), chainOf(t, open)); !errors.Is(err, ErrOpenEnded) {
		t.Error(err)
	}
	// An authorization over what was authorized keeps the whole chain.
	next := issue(t, key(t, "bob"), key(t, "bob").DID(), cap1("test/get", key(t, "space").DID(), nil), a.short, d)
	loaded, err := a.Load(t.Context(), linkCID(next.Link()), Blocks(blocksOf(t, next)))
	if err != nil {
		t.Fatal(err)
	}
	again, err := a.Authorize(t.Context(), loaded)
	if err != nil {
		t.Fatal(err)
	}
	if chain := a.validated(t, again); !slices.Contains(chain, linkCID(a.top.Link())) || *again.Expiration() != *a.top.Expiration() {
		t.Errorf("chain of the second authorization: %v", chain)
	}
}

// validated is what an authorization of this service says.
func (a *authorized) validated(t *testing.T, d delegation.Delegation) []cid.Cid {
	t.Helper()
	ch, err := a.Load(t.Context(), linkCID(d.Link()), Blocks(blocksOf(t, d)))
	if err != nil {
		t.Fatal(err)
	}
	return ch.validated(ch.root)
}

// TestRevoke is requirement 21, for each UCAN that a call rests on, with a
// warm cache and without one.
func TestRevoke(t *testing.T) {
	for _, cache := range []int{-1, 0} {
		a := newAuthorized(t, cache)
		bob, helper := key(t, "bob"), key(t, "helper")
		may := issue(t, a.service, helper.DID(), cap1(AuthorizeAbility, a.DID(), nil))
		byHelper := a.sign(t, "helper", nil, may)
		full := issue(t, bob, a.DID(), a.get, a.proof)
		short := issue(t, bob, a.DID(), a.get, a.short, byHelper)
		for _, c := range []struct {
			name    string
			inv     delegation.Delegation
			revoked delegation.Delegation
		}{
			{"invocation", full, full}, {"proof", full, a.proof}, {"top of the chain", full, a.top},
			{"authorized proof", short, a.proof}, {"chain that was left out", short, a.top},
			{"authorization", short, byHelper}, {"authorizer", short, may},
		} {
			t.Run(fmt.Sprint(c.name, " ", cache), func(t *testing.T) {
				for range 2 {
					if _, err := a.ask(t, c.inv); err != nil {
						t.Fatal(err)
					}
				}
				a.revoked[linkCID(c.revoked.Link())] = true
				_, err := a.ask(t, c.inv)
				if d := (*Denied)(nil); !errors.As(err, &d) || d.Code != Unauthorized {
					t.Fatal(err)
				}
				delete(a.revoked, linkCID(c.revoked.Link()))
			})
		}
		t.Run(fmt.Sprint("expiry ", cache), func(t *testing.T) {
			a.now = noon.Add(600 * time.Second)
			_, err := a.ask(t, full)
			denied(t, err, Unauthorized, Expired)
			_, err = a.ask(t, short)
			if err == nil {
				t.Fatal("an authorization outlives its chain")
			}
		})
	}
}

// TestMayRevoke is the other half of requirement 21: who.
func TestMayRevoke(t *testing.T) {
	a := newAuthorized(t, 0)
	alice, bob, carol, mallory := key(t, "alice"), key(t, "bob"), key(t, "carol"), key(t, "mallory")
	lure := issue(t, mallory, key(t, "dave").DID(), a.get) // lies among the proofs, for somebody else
	target := chainOf(t, issue(t, bob, carol.DID(), a.get, a.proof, lure))
	for _, who := range []struct {
		name string
		may  bool
	}{{"bob", true}, {"carol", true}, {"alice", true}, {"space", true}, {"mallory", false}, {"dave", false}, {"erin", false}} {
		err := MayRevoke(key(t, who.name).DID(), target)
		if who.may && err != nil {
			t.Errorf("%s: %v", who.name, err)
		}
		if !who.may {
			denied(t, err, UnauthorizedRevocation, "")
		}
	}
	denied(t, MayRevoke(bob.DID(), chainOf(t, a.top)), UnauthorizedRevocation, "") // downstream
	x := chainOf(t, a.sign(t, "helper", nil, issue(t, a.service, key(t, "helper").DID(), cap1(AuthorizeAbility, a.DID(), nil))))
	for _, id := range []did.DID{a.DID(), key(t, "helper").DID(), bob.DID()} {
		if err := MayRevoke(id, x); err != nil {
			t.Errorf("the authorization: %v", err)
		}
	}
	denied(t, MayRevoke(mallory.DID(), x), UnauthorizedRevocation, "")

	// ucan/revoke itself is an invocation like others.
	c, err := Revocation(alice.DID(), linkCID(a.proof.Link()))
	if err != nil {
		t.Fatal(err)
	}
	g, err := a.ask(t, issue(t, alice, a.DID(), []Capability{c}))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := RevocationOf(g.Capability); err != nil || got != linkCID(a.proof.Link()) {
		t.Errorf("revokes %s, %v", got, err)
	}
	_, err = a.ask(t, issue(t, mallory, a.DID(), []Capability{c}))
	denied(t, err, Unauthorized, "")
	_, err = a.ask(t, issue(t, alice, a.DID(), cap1(RevokeAbility, alice.DID(), nil)))
	denied(t, err, Unauthorized, "MalformedCapability")
}

// TestCarry is requirement 19: the client sends whichever is smaller, and the
// service takes either.
func TestCarry(t *testing.T) {
	for n := 1; n <= 6; n++ {
		d, agent := longChain(t, n)
		w := newWorld(t, nil)
		x, err := w.Authorize(t.Context(), chainOf(t, d))
		if err != nil {
			t.Fatal(err)
		}
		proofs, trimmed := Carry(chainOf(t, d), nil, chainOf(t, x))
		if trimmed != (n >= 3) {
			t.Errorf("%d links: trimmed %v", n, trimmed)
		}
		roots, src, _ := invocations(t, w, agent, 1, proofs)
		ch, err := w.Load(t.Context(), roots[0], Blocks(src))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Access(t.Context(), ch); err != nil {
			t.Errorf("%d links: %v", n, err)
		}
		if all, trimmed := Carry(chainOf(t, d), nil, nil); trimmed || len(all) != 1 {
			t.Errorf("%d links: trimmed without an authorization", n)
		}
	}
}

// TestBeside: what was remembered of a proof whose authorization lay beside it
// further down counts only where it lies so again.
func TestBeside(t *testing.T) {
	for _, cache := range []int{-1, 0} {
		a := newAuthorized(t, cache)
		bob := key(t, "bob")
		x := a.sign(t, "service", nil)
		within := issue(t, bob, bob.DID(), cap1("test/add", bob.DID(), nil), a.short, x)
		for range 2 {
			if _, err := a.ask(t, issue(t, bob, a.DID(), a.get, a.short, within)); err != nil {
				t.Fatal(err)
			}
		}
		apart := issue(t, bob, bob.DID(), cap1("test/add", bob.DID(), nil), x)
		_, err := a.ask(t, issue(t, bob, a.DID(), a.get, a.short, apart))
		denied(t, err, Unauthorized, "UnavailableProof")
	}
}

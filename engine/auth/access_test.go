package auth

import (
	"errors"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	spaceblob "github.com/storacha/go-libstoracha/capabilities/space/blob"
	"github.com/storacha/go-ucanto/core/delegation"
	"github.com/storacha/go-ucanto/ucan"
)

// denied asks for a refusal with a code and a reason.
func denied(t *testing.T, err error, code, reason string) {
	t.Helper()
	var d *Denied
	if !errors.As(err, &d) {
		t.Fatalf("%v is no refusal, want %s (%s)", err, code, reason)
	}
	if d.Code != code || d.Reason != reason {
		t.Fatalf("refused as %s (%s), want %s (%s): %s", d.Code, d.Reason, code, reason, d.Text)
	}
}

// TestAccess is requirement 14: who may, and every way in which one may not.
func TestAccess(t *testing.T) {
	space, alice, bob, mallory := key(t, "space"), key(t, "alice"), key(t, "bob"), key(t, "mallory")
	srv := service(t)
	all := cap1("*", space.DID(), nil)
	get := cap1("test/get", space.DID(), nil)
	toAlice := issue(t, space, alice.DID(), all)
	exp := func(d time.Duration) Terms { return Terms{Expires: Seconds(noon.Add(d).Unix())} }
	for _, c := range []struct {
		name         string
		inv          delegation.Delegation
		code, reason string
	}{
		{"holder", issue(t, space, srv.DID(), get), "", ""},
		{"delegated", issue(t, alice, srv.DID(), get, toAlice), "", ""},
		{"twice", issue(t, bob, srv.DID(), get, issue(t, alice, bob.DID(), cap1("test/*", space.DID(), nil), toAlice)), "", ""},
		{"all that alice holds", issue(t, bob, srv.DID(), get, issue(t, alice, bob.DID(), []Capability{{Can: "*", With: "ucan:*"}}, toAlice)), "", ""},
		{"alice's own", issue(t, bob, srv.DID(), cap1("test/get", alice.DID(), nil), issue(t, alice, bob.DID(), []Capability{{Can: "*", With: "ucan:*"}})), "", ""},
		{"more than alice holds", issue(t, bob, srv.DID(), cap1("test/get", mallory.DID(), nil), issue(t, alice, bob.DID(), []Capability{{Can: "*", With: "ucan:*"}}, toAlice)), Unauthorized, EscalatedCapability},
		{"no proof", issue(t, alice, srv.DID(), get), Unauthorized, ""},
		{"two capabilities", issue(t, space, srv.DID(), append(get, get...)), InvocationCapability, ""},
		{"unknown ability", issue(t, space, srv.DID(), cap1("test/unknown", space.DID(), nil)), HandlerNotFound, ""},
		{"another service", issue(t, space, mallory.DID(), get), InvalidAudience, ""},
		{"expired", issueOn(t, space, srv.DID(), get, exp(0)), Unauthorized, Expired},
		{"not yet valid", issueOn(t, space, srv.DID(), get, Terms{NotBefore: int(noon.Unix())}), Unauthorized, NotValidBefore},
		{"expired proof", issue(t, alice, srv.DID(), get, issueOn(t, space, alice.DID(), all, exp(-time.Second))), Unauthorized, Expired},
		{"proof for another", issue(t, bob, srv.DID(), get, toAlice), Unauthorized, InvalidAudience},
		{"other resource", issue(t, alice, srv.DID(), cap1("test/get", bob.DID(), nil), toAlice), Unauthorized, EscalatedCapability},
		{"other ability", issue(t, alice, srv.DID(), get, issue(t, space, alice.DID(), cap1("test/add", space.DID(), nil))), Unauthorized, ""},
		{"half a pattern", issue(t, alice, srv.DID(), get, issue(t, space, alice.DID(), cap1("tes/*", space.DID(), nil))), Unauthorized, ""},
		{"nb within", issue(t, alice, srv.DID(), cap1("test/add", space.DID(), nbOf(t, map[string]any{"size": 7})),
			issue(t, space, alice.DID(), cap1("test/add", space.DID(), nbOf(t, map[string]any{"size": 8})))), "", ""},
		{"nb beyond", issue(t, alice, srv.DID(), cap1("test/add", space.DID(), nbOf(t, map[string]any{"size": 9})),
			issue(t, space, alice.DID(), cap1("test/add", space.DID(), nbOf(t, map[string]any{"size": 8})))), Unauthorized, EscalatedCapability},
		{"nb beyond two links up", issue(t, bob, srv.DID(), cap1("test/add", space.DID(), nbOf(t, map[string]any{"size": 9})),
			issue(t, alice, bob.DID(), cap1("test/add", space.DID(), nbOf(t, map[string]any{"size": 10})),
				issue(t, space, alice.DID(), cap1("test/add", space.DID(), nbOf(t, map[string]any{"size": 8}))))), Unauthorized, EscalatedCapability},
		{"nb left out", issue(t, alice, srv.DID(), cap1("test/get", space.DID(), nil),
			issue(t, space, alice.DID(), cap1("test/get", space.DID(), nbOf(t, map[string]any{"root": "x"})))), Unauthorized, EscalatedCapability},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := newWorld(t, nil).ask(t, c.inv)
			if c.code != "" {
				denied(t, err, c.code, c.reason)
			} else if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestAbsentSignature is requirement 15.
func TestAbsentSignature(t *testing.T) {
	space, agent, mallory, helper := key(t, "space"), key(t, "agent"), key(t, "mallory"), key(t, "helper")
	srv, alice := service(t), account(t, "alice@web.mail")
	toAccount := issue(t, space, alice, cap1("*", space.DID(), nil))
	on := Terms{Expires: Seconds(noon.Add(time.Hour).Unix()), Proofs: whole([]delegation.Delegation{toAccount})}
	session := func(by ucan.Signer, proofs ...delegation.Delegation) Session {
		s, err := NewSession(by, srv.DID(), alice, agent.DID(), []Capability{{Can: "*", With: "ucan:*"}}, on, cid.Undef, proofs...)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	get := cap1("test/get", space.DID(), nil)
	attest := func(nb datamodel.Node) delegation.Delegation {
		return issue(t, srv, helper.DID(), cap1(attestAbility, srv.DID(), nb))
	}
	good, other := session(srv), session(srv)
	byHelper := session(helper, attest(nil))
	for _, c := range []struct {
		name   string
		proofs []delegation.Delegation
		reason string
	}{
		{"attested", []delegation.Delegation{good.Delegation, good.Attestation}, ""},
		{"by a key that may", []delegation.Delegation{byHelper.Delegation, byHelper.Attestation}, ""},
		{"not attested", []delegation.Delegation{good.Delegation}, "DIDKeyResolutionError"},
		{"another attested", []delegation.Delegation{good.Delegation, other.Attestation}, "DIDKeyResolutionError"},
		{"by a stranger", both(session(mallory)), "SessionEscalation"},
		{"by a key that may not", both(session(helper)), "SessionEscalation"},
		{"by a key that may attest another", both(session(helper, attest(nbOf(t, map[string]any{"proof": other.Delegation.Link()})))), "SessionEscalation"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := newWorld(t, nil).ask(t, issue(t, agent, srv.DID(), get, c.proofs...))
			if c.reason != "" {
				denied(t, err, Unauthorized, c.reason)
			} else if err != nil {
				t.Fatal(err)
			}
		})
	}
	t.Run("an attestor that the service knows", func(t *testing.T) {
		w := newWorld(t, func(c *Config) { c.Attestors = []*Chain{chainOf(t, attest(nil))} })
		s, err := NewSession(helper, helper.DID(), alice, agent.DID(), []Capability{{Can: "*", With: "ucan:*"}}, on, cid.Undef)
		if err != nil {
			t.Fatal(err)
		}
		inv := issue(t, agent, srv.DID(), get, s.Delegation, s.Attestation)
		if _, err := w.ask(t, inv); err != nil {
			t.Fatal(err)
		}
		w.revoked[linkCID(w.cfg.Attestors[0].Delegation().Link())] = true
		_, err = w.ask(t, inv)
		denied(t, err, Unauthorized, "DIDKeyResolutionError")
	})
}

func both(s Session) []delegation.Delegation {
	return []delegation.Delegation{s.Delegation, s.Attestation}
}

// TestAbilityOf: typed capabilities are checked in form.
func TestAbilityOf(t *testing.T) {
	space := key(t, "space")
	w := newWorld(t, func(c *Config) { c.Abilities = []Ability{AbilityOf(spaceblob.Add)} })
	_, err := w.ask(t, issue(t, space, w.DID(), cap1(spaceblob.AddAbility, space.DID(), nbOf(t, map[string]any{"blob": "no blob"}))))
	denied(t, err, Unauthorized, "MalformedCapability")
	_, err = w.ask(t, issue(t, space, w.DID(), cap1(spaceblob.AddAbility, space.DID(), nil)))
	denied(t, err, Unauthorized, "MalformedCapability")
}

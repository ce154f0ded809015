package auth

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/storacha/go-ucanto/core/delegation"
	"go.uber.org/goleak"
)

// A package that the CAR reader links logs on a goroutine from its start.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) }

// TestAccount: addresses and DIDs, there and back.
func TestAccount(t *testing.T) {
	for mail, want := range map[string]string{
		"alice@web.mail":       "did:mailto:web.mail:alice",
		"a.b+c@x.example":      "did:mailto:x.example:a.b%2Bc", // as encodeURIComponent has it
		"o'brien/x%@y.example": "did:mailto:y.example:o'brien%2Fx%25",
	} {
		d, err := Account(mail)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.String(); got != want {
			t.Errorf("%s is %s", mail, got)
		}
		if back, err := Email(d); err != nil || back != mail {
			t.Errorf("%s: %q, %v", d, back, err)
		}
	}
	for _, bad := range []string{"", "@", "a@", "@b", "a b@c", "a@b\r\nBcc: x@y", "<a@b>", strings.Repeat("a", 300) + "@b", "a@b,c@d"} {
		if _, err := Account(bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := Email(key(t, "alice").DID()); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
}

// TestSession is requirement 16, the part without mail: what a confirmed login
// hands out holds, is never the same twice, and no authorization (18).
func TestSession(t *testing.T) {
	srv, agent, space, alice := service(t), key(t, "agent"), key(t, "space"), account(t, "alice@web.mail")
	request := issue(t, agent, srv.DID(), cap1("access/authorize", agent.DID(), nil))
	login := func() Session {
		s, err := NewSession(srv, srv.DID(), alice, agent.DID(), []Capability{{Can: "*", With: "ucan:*"}}, Terms{Expires: Seconds(noon.Unix() + 60)}, linkCID(request.Link()))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s, twin := login(), login()
	if s.Delegation.Link() == twin.Delegation.Link() || s.Attestation.Link() == twin.Attestation.Link() {
		t.Error("two logins are one: to revoke one revokes both")
	}
	if l := s.Delegation.Facts()[0][requestFact]; l == nil {
		t.Error("the delegation does not name the request")
	}
	authority, err := Authority(key(t, "service").DID(), srv.DID().String())
	if err != nil {
		t.Fatal(err)
	}
	client := newWorld(t, func(c *Config) { c.Service, c.Authority = nil, authority })
	if err := client.CheckSession(t.Context(), s, alice, agent.DID()); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]Session{
		"of another login": {s.Delegation, twin.Attestation},
		"by nobody":        {s.Delegation, issue(t, agent, agent.DID(), cap1(attestAbility, srv.DID(), nbOf(t, map[string]any{"proof": s.Delegation.Link()})))},
		"the other way":    {s.Attestation, s.Delegation},
	} {
		if d := (*Denied)(nil); !errors.As(client.CheckSession(t.Context(), c, alice, agent.DID()), &d) {
			t.Errorf("attestation %s holds", name)
		}
	}
	denied(t, client.CheckSession(t.Context(), s, account(t, "bob@web.mail"), agent.DID()), Unauthorized, InvalidAudience)
	denied(t, client.CheckSession(t.Context(), s, alice, space.DID()), Unauthorized, InvalidAudience)
	if _, err := client.Authorize(t.Context(), chainOf(t, request)); err == nil {
		t.Error("a client authorizes")
	}

	// A login is of "ucan:*"; the agent names the space to itself, and that can be
	// authorized: the attestation alone cannot take the place.
	w := newWorld(t, nil)
	toAccount := issue(t, space, alice, cap1("*", space.DID(), nil))
	full, err := NewSession(srv, srv.DID(), alice, agent.DID(), []Capability{{Can: "*", With: "ucan:*"}},
		Terms{Expires: Seconds(noon.Unix() + 60), Proofs: whole(list(toAccount))}, cid.Undef)
	if err != nil {
		t.Fatal(err)
	}
	self := issue(t, agent, agent.DID(), cap1("test/*", space.DID(), nil), full.Delegation, full.Attestation)
	a, err := w.Authorize(t.Context(), chainOf(t, self))
	if err != nil {
		t.Fatal(err)
	}
	short := chainOf(t, self).root.alone()
	get := cap1("test/get", space.DID(), nil)
	if _, err := w.ask(t, issue(t, agent, srv.DID(), get, short, a)); err != nil {
		t.Error(err)
	}
	attest := issue(t, srv, agent.DID(), cap1(attestAbility, srv.DID(), nbOf(t, map[string]any{"proof": short.Link()})))
	_, err = w.ask(t, issue(t, agent, srv.DID(), get, short, attest))
	denied(t, err, Unauthorized, "UnavailableProof")
	w.revoked[linkCID(full.Attestation.Link())] = true
	_, err = w.ask(t, issue(t, agent, srv.DID(), get, short, a))
	denied(t, err, Unauthorized, "UnavailableProof")
}

// TestKeyFile: keys are the ecosystem's, and in files that are closed to others.
func TestKeyFile(t *testing.T) {
	const known = "MgCZT5vOnYZoVAeyjnzuJIVY9J4LNtJ+f8Js0cTPuKUpFne0BVEDJjEu6quFIU8yp91/TY/+MYK8GvlKoTDnqOCovCVM="
	k, err := ParseKey(known)
	if err != nil || k.DID().String() != "did:key:z6Mkk89bC3JrVqKie71YEcc5M1SMVxuCgNx6zLZ8SYJsxALi" {
		t.Fatalf("%v, %v", k, err)
	}
	file := filepath.Join(t.TempDir(), "key")
	named, err := WithDID(k, "did:web:service.example")
	if err != nil {
		t.Fatal(err)
	}
	if err := SaveKey(file, named); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(file); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	if err := SaveKey(file, k); !errors.Is(err, os.ErrExist) {
		t.Errorf("wrote over a key: %v", err)
	}
	if back, err := LoadKey(file); err != nil || back.DID() != k.DID() {
		t.Error(err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660, 0o644} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadKey(file); !errors.Is(err, ErrKeyFile) || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	for _, bad := range []string{"", "Mg", "x", known[:40], "z" + known[1:]} {
		if _, err := ParseKey(bad); !errors.Is(err, ErrKeyFile) || len(bad) > 2 && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := WithDID(k, "did:key:z6MkffDZCkCTWreg8868fG1FGFogcJj5X6PY93pPcWDn9bo"); err == nil {
		t.Error("another key's name")
	}
}

// replays in a map.
type replays map[cid.Cid]cid.Cid

func (r replays) Ran(_ context.Context, c cid.Cid) (cid.Cid, bool, error) {
	receipt, ok := r[c]
	return receipt, ok, nil
}

// TestReplay: an invocation that ran is answered with its receipt, whatever
// happened to its proofs since.
func TestReplay(t *testing.T) {
	ran := replays{}
	w := newWorld(t, func(c *Config) { c.Replays = ran })
	space := key(t, "space")
	inv := issue(t, space, w.DID(), cap1("test/get", space.DID(), nil))
	if _, err := w.ask(t, inv); err != nil {
		t.Fatal(err)
	}
	id := linkCID(inv.Link())
	ran[id] = id
	w.now = noon.Add(100 * time.Hour)
	var again *Replayed
	if _, err := w.ask(t, inv); !errors.As(err, &again) || again.Receipt != id {
		t.Fatal(err)
	}
	if _, ok := Refusal(again); ok {
		t.Error("to have run is no refusal")
	}
}

// TestConcurrently: one validator, many requests.
func TestConcurrently(t *testing.T) {
	d, agent := longChain(t, 4)
	w := newWorld(t, func(c *Config) { c.Cache = 8 })
	roots, src, _ := invocations(t, w, agent, 40, []delegation.Proof{delegation.FromDelegation(d)})
	var wg sync.WaitGroup
	errs := make([]error, len(roots))
	for i, root := range roots {
		wg.Go(func() {
			ch, err := w.Load(context.Background(), root, Blocks(src))
			if err == nil {
				_, err = w.Access(context.Background(), ch)
			}
			errs[i] = err
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

package space

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	accesscap "github.com/storacha/go-libstoracha/capabilities/access"
	"github.com/storacha/go-ucanto/core/delegation"
	"github.com/storacha/go-ucanto/core/ipld"
	"github.com/storacha/go-ucanto/did"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/auth"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// leaves has a device leave delegations for somebody, n of them, each of so many
// bytes about.
func (d *device) leaves(to did.DID, n, size int) {
	w := d.w
	w.t.Helper()
	values := map[string]ipld.Link{}
	var keys []string
	var all []delegation.Delegation
	for i := range n {
		fact := map[string]datamodel.Node{"x": basicnode.NewBytes(make([]byte, size))}
		p, err := auth.Delegate(d.c.Agent, to, []auth.Capability{{Can: "*", With: d.DID().String(), Nb: emptyMap}},
			auth.Terms{Nonce: fmt.Sprint(i), Facts: []map[string]datamodel.Node{fact}})
		w.must(err)
		keys, all = append(keys, fmt.Sprint(i)), append(all, p)
		values[fmt.Sprint(i)] = p.Link()
	}
	inv := d.invocation(d.c.Agent, accesscap.DelegateAbility, d.DID().String(),
		accesscap.DelegateCaveats{Delegations: accesscap.DelegationLinksModel{Keys: keys, Values: values}})
	for _, p := range all {
		for b, err := range p.Blocks() {
			w.must(err)
			w.must(inv.Attach(b))
		}
	}
	a, err := d.c.Invoke(w.ctx, inv)
	w.must(err)
	if name := a.Receipt.ErrorName(); name != "" {
		w.t.Fatal(name, a.Receipt.ErrorMessage())
	}
}

// TestFlooded: requirement 22: what strangers leave for an account and its agent
// keeps neither from logging in nor from claiming what the service made.
func TestFlooded(t *testing.T) {
	w := newWorld(t)
	stranger, owner, agent := w.device(newKey(t)), w.device(newKey(t)), w.device(newKey(t))
	alice := account(t, "alice@web.mail")
	owner.leaves(alice, 1, 1)
	for range 4 {
		stranger.leaves(alice, 4, 200<<10)
	}
	for range 20 {
		stranger.leaves(agent.c.Agent.DID(), 30, 1000)
	}
	agent.login(alice)
	if code, page, _ := w.page(http.MethodPost, w.lastLink()); code != 200 {
		t.Fatalf("%d %s", code, page)
	}
	inv := agent.invocation(agent.c.Agent, accesscap.ClaimAbility, agent.c.Agent.DID().String(), accesscap.ClaimCaveats{})
	a, err := agent.c.Invoke(w.ctx, inv)
	w.must(err)
	ok, bad := accesscap.ClaimOkReader.Read(a.Receipt.Ok())
	if bad != nil {
		t.Fatal(bad)
	}
	found := map[string]bool{}
	for _, archived := range ok.Delegations.Values {
		car, err := readCAR(bytes.NewReader(archived), maxAnswer, maxBundleBlocks)
		w.must(err)
		d, err := auth.Load(w.ctx, car.root, auth.Blocks(car.byName), auth.Limits{})
		w.must(err)
		if d.Issuer() == alice {
			found["session"] = len(d.CIDs()) > 1
		}
		if d.Issuer() == w.svc.DID() {
			found["attestation"] = true
		}
	}
	if !found["session"] || !found["attestation"] || len(ok.Delegations.Values) < 20 {
		t.Errorf("%v among %d", found, len(ok.Delegations.Values))
	}
}

// TestMailLimit: nobody can be sent mails without end by strangers; later it is
// as before, and what nobody confirmed is forgotten.
func TestMailLimit(t *testing.T) {
	w := newWorld(t)
	ask := func() string {
		d := w.device(newKey(t))
		iss := account(t, "alice@web.mail").String()
		a, err := d.c.Invoke(w.ctx, d.invocation(d.c.Agent, accesscap.AuthorizeAbility, d.c.Agent.DID().String(),
			accesscap.AuthorizeCaveats{Iss: &iss, Att: []accesscap.CapabilityRequest{{Can: "*"}}},
			func(t *auth.Terms) { t.Expires = auth.Seconds(w.clock.now().Add(time.Hour).Unix()) }))
		w.must(err)
		return a.Receipt.ErrorName()
	}
	for i := range maxMails {
		if got := ask(); got != "" {
			t.Fatalf("mail %d: %q", i, got)
		}
	}
	if got := ask(); got != "TooManyRequests" {
		t.Errorf("one too many: %q", got)
	}
	if n := len(w.notes(sidePending)); n != maxMails {
		t.Errorf("%d logins wait", n)
	}
	w.clock.add(16 * time.Minute)
	if got := ask(); got != "" {
		t.Errorf("later: %q", got)
	}
	_, err := w.svc.Collect(w.ctx)
	w.must(err)
	if a, b := len(w.notes(sidePending)), len(w.notes(sideSecret)); a != 1 || b != 1 {
		t.Errorf("%d logins wait, with %d secrets", a, b)
	}
}

// TestManyValues: a request of many small values is refused before it takes the
// memory that they would.
func TestManyValues(t *testing.T) {
	w := newWorld(t)
	d := w.device(newKey(t))
	d.fill("/user/", 10, 'a')
	d.sync()
	many := []byte("\xa6")
	add := func(key string, value ...byte) {
		many = append(append(append(many, 0x60|byte(len(key))), key...), value...)
	}
	root := d.root()
	link := append([]byte{0xd8, 0x2a, 0x58, 0x25, 0}, root.Bytes()...)
	add("base", 0xf6)
	add("head", link...)
	add("ucan", link...)
	add("final", 0xf5)
	add("space", append([]byte{0x78, byte(len(d.DID().String()))}, d.DID().String()...)...)
	const n = 2 << 20
	add("changes", 0x9a, n>>24, n>>16&0xff, n>>8&0xff, n&0xff)
	for range n {
		many = append(many, 0x82, 0x41, 'k', 0x82, 0xf6, 0xf6)
	}
	if _, err := decode[request](many, "Request", 1<<40); err == nil {
		t.Fatal("read")
	} else if allocated := testing.AllocsPerRun(1, func() { _, _ = decode[request](many, "Request", 1<<40) }); allocated > 100 {
		t.Errorf("%v allocations to find that %v", allocated, err)
	}
	_, err := d.c.do(w.ctx, http.MethodPost, "/space/"+d.DID().String(), carType, w.car(newBlock(many)), maxAnswer)
	if err == nil {
		t.Error("taken")
	}
	t.Log(err)
	w.must(d.Branch().Apply(w.ctx, []prolly.Edit{{Key: []byte("/user/x"), Value: prolly.Value{Bytes: []byte("1")}}}, engine.NoSync))
	d.sync()
}

package space

import (
	"bytes"
	"testing"
	"time"

	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	accesscap "github.com/storacha/go-libstoracha/capabilities/access"
	blobcap "github.com/storacha/go-libstoracha/capabilities/space/blob"
	"github.com/storacha/go-ucanto/core/delegation"
	"github.com/storacha/go-ucanto/core/ipld"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/auth"
)

// proofOf is {proof: link}.
type proofOf struct{ l ipld.Link }

func (p proofOf) ToIPLD() (ipld.Node, error) {
	return qp.BuildMap(basicnode.Prototype.Any, 1, func(m datamodel.MapAssembler) { qp.MapEntry(m, "proof", qp.Link(p.l)) })
}

// TestAuthorizeProof is requirement 17 over the wire: an agent asks once, and
// leaves the chain out from then on.
func TestAuthorizeProof(t *testing.T) {
	w := newWorld(t)
	owner, agent := w.device(newKey(t)), w.device(newKey(t))
	owner.add("something")
	owner.sync()
	exp := auth.Seconds(w.clock.now().Add(time.Hour).Unix())
	holder, d := owner.c.Agent, delegation.Delegation(nil)
	for i := range 5 { // a chain that is worth leaving out
		next := newKey(t)
		if i == 4 {
			next = agent.c.Agent
		}
		on := auth.Terms{Expires: exp}
		if d != nil {
			on.Proofs = []delegation.Proof{delegation.FromDelegation(d)}
		}
		var err error
		d, err = auth.Delegate(holder, next.DID(), []auth.Capability{{Can: "space/*", With: owner.DID().String()}}, on)
		w.must(err)
		holder = next
	}
	whole := func(t *auth.Terms) { t.Proofs = []delegation.Proof{delegation.FromDelegation(d)} }
	ask := func(with string, change ...func(*auth.Terms)) *Answer {
		inv := agent.invocation(agent.c.Agent, auth.AuthorizeAbility, with, proofOf{d.Link()}, change...)
		for b, err := range d.Blocks() {
			w.must(err)
			w.must(inv.Attach(b))
		}
		a, err := agent.c.Invoke(w.ctx, inv)
		w.must(err)
		return a
	}
	if got := ask(owner.DID().String(), whole).Receipt.ErrorName(); got != auth.Unauthorized {
		t.Errorf("for another: %q", got)
	}
	a := ask(agent.DID().String())
	if name := a.Receipt.ErrorName(); name != "" {
		t.Fatal(name, a.Receipt.ErrorMessage())
	}
	ok, bad := accesscap.ClaimOkReader.Read(a.Receipt.Ok())
	if bad != nil {
		t.Fatal(bad)
	}
	car, err := readCAR(bytes.NewReader(ok.Delegations.Values[ok.Delegations.Keys[0]]), 1<<20, 10)
	w.must(err)
	chain, err := auth.FromDelegation(w.ctx, d, auth.Limits{})
	w.must(err)
	authorization, err := auth.Load(w.ctx, car.root, auth.Blocks(car.byName), auth.Limits{})
	w.must(err)
	proofs, trimmed := auth.Carry(chain, nil, authorization)
	if !trimmed {
		t.Error("the full chain is smaller")
	}
	list := func(proofs []delegation.Proof) string {
		inv := agent.invocation(agent.c.Agent, blobcap.ListAbility, owner.DID().String(), blobcap.ListCaveats{}, func(t *auth.Terms) { t.Proofs = proofs })
		a, err := agent.c.Invoke(w.ctx, inv)
		w.must(err)
		return a.Receipt.ErrorName()
	}
	if got := list(proofs); got != "" {
		t.Errorf("with the authorization: %q", got)
	}
	if got := list(proofs[:1]); got != auth.Unauthorized {
		t.Errorf("without: %q", got)
	}
	// The list of the chain stays with the service, which finds it again.
	for range 3 { // what is young outlives two
		_, err = w.e.GC(w.ctx, engine.GCOptions{})
		w.must(err)
	}
	w.svc.auth, err = w.svc.newValidator()
	w.must(err)
	if got := list(proofs); got != "" {
		t.Errorf("after a collection: %q", got)
	}

	// The same by the client: it asks, keeps the answer, and sends what is smaller.
	replica, err := Open(w.ctx, newEngine(t), owner.DID())
	w.must(err)
	w.must(replica.Keep(w.ctx, d))
	size := func() (n int) {
		proofs, err := replica.Proofs(w.ctx, agent.DID())
		w.must(err)
		if got := list(proofs); got != "" {
			t.Errorf("%d proofs: %q", len(proofs), got)
		}
		for _, p := range proofs {
			d, _ := p.Delegation()
			for b, err := range d.Blocks() {
				w.must(err)
				n += len(b.Bytes())
			}
		}
		return n
	}
	full := size()
	given, err := replica.AskAuthorization(w.ctx, agent.c, mustCID(d.Link()))
	w.must(err)
	if _, kept, err := replica.link(w.ctx, cidKey(PrefixDelegation, given)); err != nil || !kept {
		t.Errorf("the authorization %v is not kept: %v", given, err)
	}
	if short := size(); short >= full {
		t.Errorf("%d bytes of proofs with an authorization, %d without", short, full)
	}
	if _, err := replica.AskAuthorization(w.ctx, owner.c, mustCID(d.Link())); err == nil {
		t.Error("authorized for somebody else")
	}
}

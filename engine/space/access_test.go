package space

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	cid "github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	accesscap "github.com/storacha/go-libstoracha/capabilities/access"
	blobcap "github.com/storacha/go-libstoracha/capabilities/space/blob"
	"github.com/storacha/go-ucanto/core/delegation"
	"github.com/storacha/go-ucanto/core/ipld"
	"github.com/storacha/go-ucanto/did"

	"github.com/go-ds-prolly/go-ds-prolly/engine/auth"
)

var mailLink = regexp.MustCompile(`http://\S+/confirm/\S+`)

// lastLink is the link in the last mail.
func (w *world) lastLink() string {
	w.t.Helper()
	files, err := filepath.Glob(filepath.Join(w.mails, "*.eml"))
	w.must(err)
	if len(files) == 0 {
		w.t.Fatal("no mail")
	}
	b, err := os.ReadFile(files[len(files)-1])
	w.must(err)
	return mailLink.FindString(string(b))
}

// page makes a request and returns the status and what is shown.
func (w *world) page(method, url string, cookies ...*http.Cookie) (int, string, []*http.Cookie) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.ctx, method, url, nil)
	w.must(err)
	for _, c := range cookies {
		req.AddCookie(c)
	}
	res, err := w.server.Client().Do(req)
	w.must(err)
	b, err := io.ReadAll(res.Body)
	w.must(err)
	w.must(res.Body.Close())
	return res.StatusCode, string(b), res.Cookies()
}

// login asks for the account's delegation, queued in the space.
func (d *device) login(account did.DID, change ...func(*auth.Terms)) cid.Cid {
	d.w.t.Helper()
	iss := account.String()
	inv := d.invocation(d.c.Agent, accesscap.AuthorizeAbility, d.c.Agent.DID().String(),
		accesscap.AuthorizeCaveats{Iss: &iss, Att: []accesscap.CapabilityRequest{{Can: "*"}}}, change...)
	d.w.must(d.Queue(d.w.ctx, inv))
	d.sync()
	c := mustCID(inv.Link())
	if name := d.outcome(c).ErrorName(); name != "" {
		d.w.t.Fatal(name)
	}
	return c
}

func account(t *testing.T, email string) did.DID {
	t.Helper()
	a, err := auth.Account(email)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// delegates signs a delegation of everything to do with a space.
func (d *device) delegates(to did.DID) delegation.Delegation {
	d.w.t.Helper()
	p, err := auth.Delegate(d.c.Agent, to, []auth.Capability{{Can: "*", With: d.DID().String(), Nb: emptyMap}}, auth.Terms{})
	d.w.must(err)
	return p
}

// TestLogin: requirements 15 and 16: a second device with a key of its own logs
// in by mail, and works on the space through the account.
func TestLogin(t *testing.T) {
	w := newWorld(t)
	owner := w.device(newKey(t))
	alice := account(t, "alice@web.mail")
	top := owner.delegates(alice)
	inv := owner.invocation(owner.c.Agent, accesscap.DelegateAbility, owner.DID().String(), accesscap.DelegateCaveats{
		Delegations: accesscap.DelegationLinksModel{Keys: []string{"a"}, Values: map[string]ipld.Link{"a": top.Link()}}})
	for b, err := range top.Blocks() {
		w.must(err)
		w.must(inv.Attach(b))
	}
	w.must(owner.Queue(w.ctx, inv))
	owner.sync()

	// The agent's own space is where it asks from.
	agent := w.device(newKey(t))
	list := func() string {
		t.Helper()
		proofs, err := agent.proofsFor(agent.c.Agent.DID())
		w.must(err)
		inv := agent.invocation(agent.c.Agent, blobcap.ListAbility, owner.DID().String(), blobcap.ListCaveats{},
			func(t *auth.Terms) { t.Proofs = proofs })
		a, err := agent.c.Invoke(w.ctx, inv)
		w.must(err)
		return a.Receipt.ErrorName()
	}
	if got := list(); got != auth.Unauthorized {
		t.Fatalf("before: %q", got)
	}
	agent.login(alice)
	link := w.lastLink()
	if code, page, _ := w.page(http.MethodGet, link); code != 200 || !strings.Contains(page, "did:mailto:web.mail:alice") || !strings.Contains(page, agent.DID().String()) {
		t.Errorf("GET: %d %s", code, page)
	}
	agent.sync()
	if n := len(agent.keys(PrefixDelegation)); n != 0 {
		t.Errorf("looking at the page confirmed it: %d delegations", n)
	}
	if code, page, _ := w.page(http.MethodPost, link); code != 200 {
		t.Errorf("POST: %d %s", code, page)
	}
	if code, _, _ := w.page(http.MethodPost, link); code != 404 {
		t.Errorf("a link is good for one time: %d", code)
	}
	agent.sync()
	if n := len(agent.keys(PrefixDelegation)); n != 3 { // session, attestation, what the session rests on
		t.Errorf("%d delegations", n)
	}
	if got := list(); got != "" {
		t.Errorf("after: %q", got)
	}

	// Fifteen minutes, and not more.
	agent.login(alice)
	link = w.lastLink()
	w.clock.add(15 * time.Minute)
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if code, _, _ := w.page(method, link); code != 404 {
			t.Errorf("%s of an old link: %d", method, code)
		}
	}
	// Nor is any other secret.
	if code, _, _ := w.page(http.MethodPost, w.server.URL+"/confirm/GUESS"); code != 404 {
		t.Errorf("a guess: %d", code)
	}
}

// TestLoginOnScreen: requirement 16: where the account's session is known the
// service's page confirms without a mail; to others it shows nothing.
func TestLoginOnScreen(t *testing.T) {
	w := newWorld(t)
	agent := w.device(newKey(t))
	alice, bob := account(t, "alice@web.mail"), account(t, "bob@web.mail")
	screen := func(t *auth.Terms) {
		t.Facts = []map[string]datamodel.Node{{screenFact: basicnode.NewBool(true)}}
	}
	agent.login(alice)
	_, _, cookies := w.page(http.MethodPost, w.lastLink())
	if len(cookies) != 1 || !cookies[0].HttpOnly {
		t.Fatalf("cookies %v", cookies)
	}
	mails := func() int {
		files, err := filepath.Glob(filepath.Join(w.mails, "*"))
		w.must(err)
		return len(files)
	}
	before := mails()
	mine, other := agent.login(alice, screen), agent.login(bob, screen)
	if mails() != before {
		t.Error("a mail was sent")
	}
	url := func(c cid.Cid) string { return w.server.URL + "/authorize/" + c.String() }
	agent.sync()
	had := len(agent.keys(PrefixDelegation))
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		for name, code := range map[string]int{
			"no session":        first(w.page(method, url(mine))),
			"another's session": first(w.page(method, url(other), cookies...)),
			"a guessed session": first(w.page(method, url(mine), &http.Cookie{Name: cookieName, Value: "x"})),
		} {
			if code != 404 {
				t.Errorf("%s of %s: %d", method, name, code)
			}
		}
	}
	if code, page, _ := w.page(http.MethodGet, url(mine), cookies...); code != 200 || !strings.Contains(page, alice.String()) {
		t.Errorf("GET: %d %s", code, page)
	}
	if agent.sync(); len(agent.keys(PrefixDelegation)) != had {
		t.Error("looking at the page confirmed it")
	}
	if code, _, _ := w.page(http.MethodPost, url(mine), cookies...); code != 200 {
		t.Errorf("POST: %d", code)
	}
	if agent.sync(); len(agent.keys(PrefixDelegation)) != had+2 {
		t.Error("nothing came of it")
	}
}

func first(code int, _ string, _ []*http.Cookie) int { return code }

// proofsFor are the delegations to an agent, whatever the space.
func (d *device) proofsFor(agent did.DID) (out []delegation.Proof, err error) {
	for ch, err := range d.Delegations(d.w.ctx) {
		if err != nil {
			return nil, err
		}
		if ch.Audience() == agent {
			out = append(out, delegation.FromDelegation(ch.Delegation()))
		}
	}
	return out, nil
}

// TestAgentOfSpace: an agent with a delegation syncs the space itself; a stranger
// does not.
func TestAgentOfSpace(t *testing.T) {
	w := newWorld(t)
	owner := w.device(newKey(t))
	agent := w.device(newKey(t))
	w.must(owner.Put(w.ctx, []byte("/user/x"), []byte("1")))
	owner.sync()
	replica, err := Open(w.ctx, newEngine(t), owner.DID())
	w.must(err)
	if _, err := replica.Sync(w.ctx, agent.c); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("a stranger: %v", err)
	}
	w.must(replica.Keep(w.ctx, owner.delegates(agent.c.Agent.DID())))
	_, err = replica.Sync(w.ctx, agent.c)
	w.must(err)
	if v, err := replica.Get(w.ctx, []byte("/user/x")); err != nil || string(v) != "1" {
		t.Errorf("%q, %v", v, err)
	}
}

// TestRevoke: requirement 21: issuer and audience may revoke, others may not; the
// next call is refused, also by a service that was started anew.
func TestRevoke(t *testing.T) {
	w := newWorld(t)
	owner, agent, stranger := w.device(newKey(t)), w.device(newKey(t)), w.device(newKey(t))
	proof := owner.delegates(agent.c.Agent.DID())
	list := func(on *Service) string {
		t.Helper()
		inv := agent.invocation(agent.c.Agent, blobcap.ListAbility, owner.DID().String(), blobcap.ListCaveats{},
			func(t *auth.Terms) { t.Proofs = []delegation.Proof{delegation.FromDelegation(proof)} })
		j, err := on.newJob(w.ctx, mustCID(inv.Link()), sourceOf(inv))
		w.must(err)
		c, err := on.run(w.ctx, j)
		w.must(err)
		r, err := on.loadReceipt(w.ctx, c)
		w.must(err)
		return r.ErrorName()
	}
	revoke := func(by *device) string {
		t.Helper()
		c, err := auth.Revocation(by.c.Agent.DID(), mustCID(proof.Link()))
		w.must(err)
		inv := by.invocation(by.c.Agent, c.Can, c.With, asIs{c.Nb})
		w.must(inv.Attach(proof.Root()))
		a, err := by.c.Invoke(w.ctx, inv)
		w.must(err)
		return a.Receipt.ErrorName()
	}
	if got := list(w.svc); got != "" {
		t.Fatal(got)
	}
	if got := revoke(stranger); got != auth.UnauthorizedRevocation {
		t.Errorf("a stranger's revocation: %q", got)
	}
	if got := list(w.svc); got != "" {
		t.Errorf("after a stranger's revocation: %q", got)
	}
	if got := revoke(owner); got != "" {
		t.Errorf("the owner's revocation: %q", got)
	}
	if got := list(w.svc); got != auth.Unauthorized {
		t.Errorf("after it was revoked: %q", got)
	}
	again, err := NewService(w.ctx, w.svc.o)
	w.must(err)
	if got := list(again); got != auth.Unauthorized {
		t.Errorf("after a new start: %q", got)
	}
}

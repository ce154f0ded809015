package auth

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/storacha/go-ucanto/core/delegation"
	"github.com/storacha/go-ucanto/core/ipld"
	"github.com/storacha/go-ucanto/principal"
	"github.com/storacha/go-ucanto/principal/absentee"
	"github.com/storacha/go-ucanto/ucan"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// A plan is a request to be: UCANs, each before those that it is a proof of,
// the invocation last. Tests change plans, then make them.
type plan []link

type link struct {
	iss, aud  string // names of keys; with an @, of accounts; "service"
	can, with string // with: a name, or "ucan:*"
	size      int    // nb.size; -1 for no nb
	exp, nbf  int64  // seconds after noon; 0 for none
	nonce     int
	prf       []int
	of        int // the UCAN that ucan/attest and ucan/authorize are about; -1 for others
	forged    bool
	dropped   bool // the block is not sent
	list      int  // where the chain of ucan/authorize is: 0 in its facts, 1 kept by the service, 2 sent, 3 lost
}

// maker signs plans; it keeps keys.
type maker struct {
	t    testing.TB
	keys map[string]principal.Signer
	kept map[cid.Cid][]byte // lists that the service has
}

func newMaker(t testing.TB) *maker {
	return &maker{t: t, keys: map[string]principal.Signer{}, kept: map[cid.Cid][]byte{}}
}

func (m *maker) signer(name string) ucan.Signer {
	if strings.Contains(name, "@") {
		return absentee.From(account(m.t, name))
	}
	k, ok := m.keys[name]
	if !ok {
		if k = key(m.t, name); name == "service" {
			k = service(m.t)
		}
		m.keys[name] = k
	}
	return k
}

// made is a plan's UCANs, and the blocks that are sent.
type made struct {
	ids    []cid.Cid
	blocks map[cid.Cid][]byte
}

func (d made) root() cid.Cid { return d.ids[len(d.ids)-1] }

func (m *maker) make(p plan) made {
	m.t.Helper()
	out := made{blocks: map[cid.Cid][]byte{}}
	for _, l := range p {
		on := Terms{NotBefore: 0, Nonce: fmt.Sprint("n", l.nonce)}
		if l.exp != 0 {
			on.Expires = Seconds(noon.Unix() + l.exp)
		}
		if l.nbf != 0 {
			on.NotBefore = int(noon.Unix() + l.nbf)
		}
		for _, i := range l.prf {
			on.Proofs = append(on.Proofs, delegation.FromLink(linkTo(out.ids[i])))
		}
		c := Capability{Can: l.can, With: l.with}
		if l.with != "ucan:*" {
			c.With = m.signer(l.with).DID().String()
		}
		if l.size >= 0 {
			c.Nb = nbOf(m.t, map[string]any{"size": l.size})
		}
		if l.of >= 0 {
			c.Nb = nbOf(m.t, map[string]any{"proof": linkTo(out.ids[l.of])})
			if l.can == AuthorizeAbility {
				on.Facts = []map[string]datamodel.Node{{chainFact: m.chain(p, out, l)}}
			}
		}
		d, err := Delegate(m.signer(l.iss), m.signer(l.aud).DID(), []Capability{c}, on)
		if err != nil {
			m.t.Fatal(err)
		}
		b := d.Root().Bytes()
		if l.forged {
			b = m.forge(b)
		}
		id := codec.ListCID(b)
		out.ids = append(out.ids, id)
		if !l.dropped {
			out.blocks[id] = b
		}
	}
	return out
}

// forge flips a bit in what is signed: a digit of the nonce.
func (m *maker) forge(b []byte) []byte {
	i := bytes.Index(b, []byte("cnncbn"))
	if i < 0 {
		i = bytes.Index(b, []byte("nnc")) + 2
	}
	b = bytes.Clone(b)
	b[i+5] ^= 1
	return b
}

// chain is the UCAN and all above it, as a fact.
func (m *maker) chain(p plan, out made, l link) datamodel.Node {
	m.t.Helper()
	all := []int{l.of}
	for i := 0; i < len(all); i++ {
		for _, up := range p[all[i]].prf {
			if !slices.Contains(all, up) {
				all = append(all, up)
			}
		}
	}
	ids := make([]cid.Cid, len(all))
	for i, at := range all {
		ids[i] = out.ids[at]
	}
	n, err := listNode(ids)
	if l.list > 0 {
		var list ipld.Block
		if list, err = listBlock(ids); err == nil {
			where := []map[cid.Cid][]byte{m.kept, out.blocks, {}}[l.list-1]
			where[linkCID(list.Link())] = list.Bytes()
			n = basicnode.NewLink(list.Link())
		}
	}
	if err != nil {
		m.t.Fatal(err)
	}
	return n
}

// randomPlan is a request that is mostly valid.
func randomPlan(r *rand.Rand, authorized bool) plan {
	var p plan
	add := func(l link) int {
		p = append(p, l)
		return len(p) - 1
	}
	normal := func(iss, aud, can string, prf ...int) link {
		return link{iss: iss, aud: aud, can: can, with: "space", size: -1, exp: 600 + r.Int64N(600), nonce: r.IntN(3), prf: prf, of: -1}
	}
	var beside []int
	holder, up := "space", []int(nil)
	if r.IntN(3) == 0 { // by an account
		top := add(normal("space", "a@web.mail", "*"))
		session := normal("a@web.mail", "agent0", "test/*", top)
		if r.IntN(2) == 0 {
			session.can, session.with = "*", "ucan:*"
		}
		d := add(session)
		attest := link{iss: "service", aud: "agent0", can: attestAbility, with: "service", size: -1, exp: 900, of: d}
		if r.IntN(3) == 0 {
			attest.iss = "helper"
			attest.prf = []int{add(link{iss: "service", aud: "helper", can: attestAbility, with: "service", size: -1, exp: 900, of: -1})}
		}
		holder, up, beside = "agent0", []int{d}, []int{add(attest)}
	}
	for i := range r.IntN(4) {
		next := fmt.Sprint("agent", i+1)
		l := normal(holder, next, []string{"*", "test/*", "test/add"}[r.IntN(3)], append(up, beside...)...)
		if r.IntN(3) == 0 {
			l.can, l.size = "test/add", 10-i
		}
		if r.IntN(4) == 0 {
			l.with = "ucan:*"
		}
		holder, up, beside = next, []int{add(l)}, nil
	}
	if authorized && len(up) > 0 && r.IntN(2) == 0 {
		up = authorizedBy(r, &p, holder, up, &beside)
	}
	inv := normal(holder, "service", "test/add", append(up, beside...)...)
	inv.size = 1 + r.IntN(9)
	add(inv)
	return p
}

// authorizedBy lays an authorization beside the nearest proof, and mostly
// leaves out what is above it.
func authorizedBy(r *rand.Rand, p *plan, holder string, up []int, beside *[]int) []int {
	a := link{iss: "service", aud: holder, can: AuthorizeAbility, with: "service", size: -1, exp: 500, of: up[0], list: r.IntN(3)}
	if r.IntN(3) == 0 {
		*p = append(*p, link{iss: "service", aud: "helper", can: AuthorizeAbility, with: "service", size: -1, exp: 900, of: -1})
		a.iss, a.prf = "helper", []int{len(*p) - 1}
	}
	*p = append(*p, a)
	*beside = []int{len(*p) - 1}
	for _, above := range (*p)[up[0]].prf {
		(*p)[above].dropped = r.IntN(3) > 0
	}
	if r.IntN(3) > 0 {
		return up
	}
	self := link{iss: holder, aud: holder, can: "test/*", with: "space", size: -1, exp: 800, prf: append(slices.Clone(up), *beside...), of: -1}
	*p, *beside = append(*p, self), nil
	return []int{len(*p) - 1}
}

// mutate changes one thing of a plan.
func (p plan) mutate(r *rand.Rand) plan {
	p = slices.Clone(p)
	if r.IntN(6) == 0 {
		return p.nest(r)
	}
	i := r.IntN(len(p))
	l := &p[i]
	l.prf = slices.Clone(l.prf)
	names := []string{"space", "agent0", "agent1", "agent2", "helper", "mallory", "service", "a@web.mail", "b@web.mail"}
	switch r.IntN(16) {
	case 0:
		l.iss = names[r.IntN(len(names))]
	case 1:
		l.aud = names[r.IntN(len(names))]
	case 2:
		l.can = []string{"*", "test/*", "test/add", "test/get", "tes/*", attestAbility, AuthorizeAbility, "ucan/*"}[r.IntN(8)]
	case 3:
		l.with = []string{"space", "agent1", "service", "ucan:*", "mallory"}[r.IntN(5)]
	case 4, 5:
		l.size = r.IntN(14) - 1
	case 6:
		l.exp = []int64{-1, 0, 1, 100}[r.IntN(4)]
	case 7:
		l.nbf = []int64{-1, 1, 100}[r.IntN(3)]
	case 8:
		if len(l.prf) > 0 {
			l.prf = slices.Delete(l.prf, 0, 1)
		}
	case 9:
		if i > 0 {
			l.prf = append(l.prf, r.IntN(i))
		}
	case 10:
		slices.Reverse(l.prf)
	case 11:
		l.forged = true
	case 12:
		l.dropped = i < len(p)-1
	case 13:
		if l.of >= 0 && i > 0 {
			l.of = r.IntN(i)
		}
	case 14:
		l.nonce = 3 + r.IntN(3)
	case 15:
		l.list = r.IntN(4)
	}
	return p
}

// nest moves some proofs of the invocation into a UCAN of its issuer to itself,
// which becomes a proof of the invocation; others stay, or are in both.
func (p plan) nest(r *rand.Rand) plan {
	last := p[len(p)-1]
	within := link{iss: last.iss, aud: last.iss, can: []string{"test/*", "test/get"}[r.IntN(2)], with: "space", size: -1, exp: 900, of: -1}
	var stay []int
	for _, i := range last.prf {
		where := r.IntN(3)
		if where != 0 {
			within.prf = append(within.prf, i)
		}
		if where != 1 {
			stay = append(stay, i)
		}
	}
	last.prf = append(stay, len(p)-1)
	return append(p[:len(p)-1], within, last)
}

// seeded is a source of chance that a failing test names.
func seeded(t testing.TB, seed uint64) *rand.Rand {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	s := sha256.Sum256(fmt.Append(nil, seed))
	return rand.New(rand.NewChaCha8(s))
}

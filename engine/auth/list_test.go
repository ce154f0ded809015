package auth

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/storacha/go-ucanto/core/delegation"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// TestConstant: what a chain costs with an authorization of the service does
// not depend on its length: bytes, UCANs read, signatures, delegations looked
// at. One delegation has no proof, and so lacks the link of one.
func TestConstant(t *testing.T) {
	type cost struct {
		bytes, ucans int
		spent        spending
	}
	var want cost
	for _, n := range []int{1, 2, 4, 8, 16, 32} {
		d, agent := longChain(t, n)
		w := newWorld(t, func(c *Config) { c.Cache = -1 })
		proof := chainOf(t, d)
		a, err := w.Authorize(t.Context(), proof)
		if err != nil {
			t.Fatal(err)
		}
		proofs := []delegation.Proof{delegation.FromDelegation(proof.root.alone()), delegation.FromDelegation(a)}
		roots, src, size := invocations(t, w, agent, 1, proofs)
		ch, err := w.Load(t.Context(), roots[0], Blocks(src))
		if err != nil {
			t.Fatal(err)
		}
		if validated := ch.lists[chainOf(t, a).root.list]; len(validated) != n {
			t.Errorf("%d UCANs were validated for a chain of %d", len(validated), n)
		}
		r := w.request(t.Context(), ch)
		if _, err := r.claim(ch.root, Ability{Can: "test/get"}, ch.root.caps[0]); err != nil {
			t.Fatalf("%d links: %v", n, err)
		}
		got := cost{size, len(ch.order), r.spent}
		t.Logf("%2d delegations: %+v", n, got)
		if n == 1 {
			got.bytes += listedBytes
			want = got
		}
		if got != want {
			t.Errorf("%d delegations cost %+v, one %+v", n, got, want)
		}
	}
}

// TestList: an authorization whose chain stands in a list is good where the list
// is kept or sent, and it is this list; with the cache and without.
func TestList(t *testing.T) {
	for _, cache := range []int{-1, 0} {
		a := newAuthorized(t, cache)
		bob := key(t, "bob")
		ids := []cid.Cid{linkCID(a.proof.Link()), linkCID(a.top.Link())}
		good, err := a.Authorize(t.Context(), chainOf(t, a.proof))
		if err != nil {
			t.Fatal(err)
		}
		name := chainOf(t, good).root.list
		list := a.lists[name]
		blocks := blocksOf(t, issue(t, bob, a.DID(), a.get, a.short, good))
		ask := func(more map[cid.Cid][]byte) error {
			all := maps.Clone(blocks)
			maps.Copy(all, more)
			root := linkCID(issue(t, bob, a.DID(), a.get, a.short, good).Link())
			ch, err := a.Load(t.Context(), root, Blocks(all))
			if err == nil {
				_, err = a.Access(t.Context(), ch)
			}
			return err
		}
		delete(a.lists, name)
		denied(t, ask(nil), Unauthorized, "UnavailableProof")
		other, err := listBlock(ids[:1])
		if err != nil {
			t.Fatal(err)
		}
		if err := ask(map[cid.Cid][]byte{name: other.Bytes()}); !errors.Is(err, ErrMalformed) {
			t.Errorf("another list under its name: %v", err)
		}
		sent := map[cid.Cid][]byte{name: list}
		if err := ask(sent); err != nil {
			t.Errorf("sent: %v", err)
		}
		denied(t, ask(nil), Unauthorized, "UnavailableProof") // sent once is not kept
		a.lists[name] = list
		if err := ask(nil); err != nil {
			t.Errorf("kept: %v", err)
		}
		a.revoked[ids[1]] = true // named nowhere but there
		denied(t, ask(nil), Unauthorized, "UnavailableProof")
		denied(t, ask(sent), Unauthorized, "UnavailableProof")
	}
}

// TestListSays: a list that does not name the proof authorizes nothing, nor does
// a block that is no list; one that is too long is over the budget.
func TestListSays(t *testing.T) {
	a := newAuthorized(t, 0)
	bob := key(t, "bob")
	x := Authorization{Proof: linkCID(a.proof.Link()), Audience: bob.DID()}
	ask := func(listed []cid.Cid, name cid.Cid) error {
		list, err := listBlock(listed)
		if err != nil {
			t.Fatal(err)
		}
		if !name.Defined() {
			name = linkCID(list.Link())
			a.lists[name] = list.Bytes()
		}
		d, err := newAuthorization(a.service, a.DID(), x, basicnode.NewLink(linkTo(name)))
		if err != nil {
			t.Fatal(err)
		}
		_, err = a.ask(t, issue(t, bob, a.DID(), a.get, a.short, d))
		return err
	}
	if err := ask([]cid.Cid{x.Proof}, cid.Undef); err != nil {
		t.Error(err)
	}
	denied(t, ask([]cid.Cid{linkCID(a.top.Link())}, cid.Undef), Unauthorized, "UnavailableProof")
	denied(t, ask(nil, cid.Undef), Unauthorized, "UnavailableProof")
	a.lists[x.Proof] = chainOf(t, a.proof).root.bytes
	denied(t, ask(nil, x.Proof), Unauthorized, "UnavailableProof")
	many := make([]cid.Cid, 8200)
	for i := range many {
		many[i] = x.Proof
	}
	if err := ask(many, cid.Undef); !errors.Is(err, ErrBudget) && !errors.Is(err, ErrMalformed) {
		t.Errorf("a list of %d: %v", len(many), err)
	}
}

// TestListBytes: a list that was written is read again, in each form of its
// head, and no other bytes are.
func TestListBytes(t *testing.T) {
	l := Limits{Items: 1 << 16, BlockBytes: 1 << 22}.withDefaults()
	one := linkCID(newAuthorized(t, 0).proof.Link())
	for _, n := range []int{0, 1, 23, 24, 40, 41, 255, 256, 300, 1681, 1682, 10_000} {
		want := make([]cid.Cid, n)
		for i := range want {
			want[i] = one
		}
		b, err := listBlock(want)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := readList(linkCID(b.Link()), b.Bytes(), l); err != nil || !slices.Equal(got, want) {
			t.Errorf("a list of %d: %d, %v", n, len(got), err)
		}
		if n == 0 {
			continue
		}
		for i := range len(listHead(n)) + len(listedHead) {
			bad := slices.Clone(b.Bytes())
			bad[i] ^= 1
			if got, err := readList(codec.ListCID(bad), bad, l); got != nil || err != nil {
				t.Errorf("a list of %d with byte %d changed: %d, %v", n, i, len(got), err)
			}
		}
	}
}

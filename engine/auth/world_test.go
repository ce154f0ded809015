package auth

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/storacha/go-ucanto/core/delegation"
	"github.com/storacha/go-ucanto/did"
	"github.com/storacha/go-ucanto/principal"
	"github.com/storacha/go-ucanto/principal/ed25519/signer"
	"github.com/storacha/go-ucanto/ucan"
)

// The people of the tests. Each has the same key in every run.

// noon is when the tests happen.
var noon = time.Date(2030, 6, 1, 12, 0, 0, 0, time.UTC)

func key(t testing.TB, name string) principal.Signer {
	t.Helper()
	seed := sha256.Sum256([]byte(name))
	k, err := signer.FromRaw(ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// service is did:web:service.example.
func service(t testing.TB) principal.Signer {
	t.Helper()
	k, err := WithDID(key(t, "service"), "did:web:service.example")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func account(t testing.TB, mail string) did.DID {
	t.Helper()
	d, err := Account(mail)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// nbOf makes nb of names and ints, strings, or links.
func nbOf(t testing.TB, fields map[string]any) datamodel.Node {
	t.Helper()
	n, err := qp.BuildMap(basicnode.Prototype.Any, -1, func(m datamodel.MapAssembler) {
		for k, v := range fields {
			switch v := v.(type) {
			case int:
				qp.MapEntry(m, k, qp.Int(int64(v)))
			case string:
				qp.MapEntry(m, k, qp.String(v))
			case datamodel.Link:
				qp.MapEntry(m, k, qp.Link(v))
			default:
				panic(fmt.Sprintf("%T", v))
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// cap1 is one capability.
func cap1(can string, with fmt.Stringer, nb datamodel.Node) []Capability {
	return []Capability{{Can: can, With: with.String(), Nb: nb}}
}

// issue signs a UCAN until tomorrow, unless terms say otherwise.
func issue(t testing.TB, iss ucan.Signer, aud did.DID, caps []Capability, proofs ...delegation.Delegation) delegation.Delegation {
	t.Helper()
	return issueOn(t, iss, aud, caps, Terms{Expires: Seconds(noon.Add(24 * time.Hour).Unix())}, proofs...)
}

func issueOn(t testing.TB, iss ucan.Signer, aud did.DID, caps []Capability, on Terms, proofs ...delegation.Delegation) delegation.Delegation {
	t.Helper()
	on.Proofs = whole(proofs)
	d, err := Delegate(iss, aud, caps, on)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// blocksOf are the blocks of some UCANs.
func blocksOf(t testing.TB, all ...delegation.Delegation) map[cid.Cid][]byte {
	t.Helper()
	m := map[cid.Cid][]byte{}
	for _, d := range all {
		for b, err := range d.Blocks() {
			if err != nil {
				t.Fatal(err)
			}
			m[linkCID(b.Link())] = b.Bytes()
		}
	}
	return m
}

func chainOf(t testing.TB, d delegation.Delegation) *Chain {
	t.Helper()
	ch, err := FromDelegation(t.Context(), d, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

// revocations in a map.
type revocations map[cid.Cid]bool

func (r revocations) Revoked(_ context.Context, c cid.Cid) (bool, error) { return r[c], nil }

// world is a validator with what changes around it.
type world struct {
	*Validator
	revoked revocations
	now     time.Time
	service principal.Signer
	lists   map[cid.Cid][]byte // of chains, that the service keeps
}

// Authorize authorizes, and keeps the list of the chain.
func (w *world) Authorize(ctx context.Context, proof *Chain) (delegation.Delegation, error) {
	d, list, err := w.Validator.Authorize(ctx, proof)
	if err == nil && list != nil {
		w.lists[linkCID(list.Link())] = list.Bytes()
	}
	return d, err
}

// newWorld has a service with two abilities: test/add, whose nb.size may
// shrink from link to link, and test/get.
func newWorld(t testing.TB, change func(*Config)) *world {
	t.Helper()
	w := &world{revoked: revocations{}, now: noon, service: service(t), lists: map[cid.Cid][]byte{}}
	c := Config{
		Lists:   Blocks(w.lists),
		Service: w.service, Revocations: w.revoked, Now: func() time.Time { return w.now },
		Abilities: []Ability{{Can: "test/add", Derives: atMost("size")}, {Can: "test/get"}, Revoke()},
	}
	if change != nil {
		change(&c)
	}
	v, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	w.Validator = v
	return w
}

// atMost lets one field shrink, and no other change.
func atMost(field string) func(claimed, delegated datamodel.Node) error {
	return func(claimed, delegated datamodel.Node) error {
		for it := delegated.MapIterator(); !it.Done(); {
			k, v, _ := it.Next()
			name, _ := k.AsString()
			got, err := claimed.LookupByString(name)
			if err != nil {
				return err
			}
			a, err1 := got.AsInt()
			b, err2 := v.AsInt()
			if name == field && err1 == nil && err2 == nil && a <= b {
				continue
			}
			if !datamodel.DeepEqual(got, v) {
				return fmt.Errorf("nb.%s goes beyond what was delegated", name)
			}
		}
		return nil
	}
}

// ask loads an invocation with the validator and asks for access.
func (w *world) ask(t testing.TB, inv delegation.Delegation, more ...delegation.Delegation) (*Grant, error) {
	t.Helper()
	m := blocksOf(t, inv)
	maps.Copy(m, blocksOf(t, more...))
	ch, err := w.Load(t.Context(), linkCID(inv.Link()), Blocks(m))
	if err != nil {
		return nil, err
	}
	return w.Access(t.Context(), ch)
}

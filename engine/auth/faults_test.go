package auth

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	"github.com/storacha/go-ucanto/core/dag/blockstore"
	"github.com/storacha/go-ucanto/core/delegation"
	"github.com/storacha/go-ucanto/core/ipld"
	"github.com/storacha/go-ucanto/core/ipld/block"
	"github.com/storacha/go-ucanto/did"
	"github.com/storacha/go-ucanto/principal/absentee"
	edverifier "github.com/storacha/go-ucanto/principal/ed25519/verifier"
	"github.com/storacha/go-ucanto/validator"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// faults are requests that end the process when the library sees them as they
// are: each is a proof beside one by an account, under an invocation. An empty
// aud is refused too, but as a proof here it is survived.
var faults = map[string]struct {
	field string
	value qp.Assemble
}{
	"empty att":   {"att", listOf()},
	"empty iss":   {"iss", qp.Bytes(nil)},
	"unknown iss": {"iss", qp.Bytes([]byte{0x80, 0x24, 1, 2, 3})},
	"empty aud":   {"aud", qp.Bytes(nil)},
}

// faulty makes the request of a fault.
func faulty(t testing.TB, name string) (root cid.Cid, blocks map[cid.Cid][]byte) {
	agent, space := key(t, "agent"), key(t, "space")
	session := issue(t, absentee.From(account(t, "a@web.mail")), agent.DID(), cap1("*", space.DID(), nil))
	f := fieldsOf(t, issue(t, space, agent.DID(), cap1("*", space.DID(), nil)).Root().Bytes())
	f[faults[name].field] = nodeOf(t, faults[name].value)
	bad := blockOf(t, f)
	blocks = blocksOf(t, session)
	blocks[codec.ListCID(bad)] = bad
	inv, err := Delegate(agent, service(t).DID(), cap1("test/get", space.DID(), nil), Terms{Proofs: []delegation.Proof{
		delegation.FromDelegation(session), delegation.FromLink(linkTo(codec.ListCID(bad)))}})
	if err != nil {
		t.Fatal(err)
	}
	root = linkCID(inv.Link())
	blocks[root] = inv.Root().Bytes()
	return root, blocks
}

// TestFaults: the screen stands in front of each known fault, and each is one:
// a process of its own, without the screen, does not survive it.
func TestFaults(t *testing.T) {
	if name := os.Getenv("AUTH_FAULT"); name != "" {
		unscreened(t, name)
		return
	}
	for name := range faults {
		root, blocks := faulty(t, name)
		if _, err := newWorld(t, nil).Load(t.Context(), root, Blocks(blocks)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
		if name == "empty aud" {
			continue
		}
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFaults$")
		child.Env = append(os.Environ(), "AUTH_FAULT="+name)
		if out, err := child.CombinedOutput(); err == nil || !strings.Contains(string(out), "panic") || !strings.Contains(string(out), "validator.ResolveMatch") {
			t.Errorf("%s: the library survives it: %v %.300s", name, err, out)
		}
	}
}

// unscreened asks the library; a recover does not reach its goroutines.
func unscreened(t *testing.T, name string) {
	defer func() { _ = recover() }()
	root, blocks := faulty(t, name)
	var all []ipld.Block
	for c, b := range blocks {
		all = append(all, block.NewBlock(linkTo(c), b))
	}
	store, err := blockstore.NewBlockReader(blockstore.WithBlocks(all))
	if err != nil {
		t.Fatal(err)
	}
	inv, err := delegation.NewDelegationView(linkTo(root), store)
	if err != nil {
		t.Fatal(err)
	}
	never := func(context.Context, validator.Authorization[any]) validator.Revoked { return nil }
	_, _ = validator.Access(t.Context(), inv, validator.NewValidationContext[any](
		service(t).Verifier(), &parser{ability: Ability{Can: "test/get"}, r: newWorld(t, nil).request(t.Context(), nil)}, validator.IsSelfIssued, never,
		validator.ProofUnavailable, edverifier.Parse,
		func(_ context.Context, d did.DID) (did.DID, validator.UnresolvedDID) {
			return validator.FailDIDKeyResolution(t.Context(), d)
		},
		validator.NotExpiredNotTooEarly))
}

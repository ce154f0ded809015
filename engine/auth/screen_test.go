package auth

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/storacha/go-ucanto/core/delegation"
	"github.com/storacha/go-ucanto/core/ipld/block"
	"github.com/storacha/go-ucanto/principal/absentee"
	"github.com/storacha/go-ucanto/ucan"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// fieldsOf takes a block apart, for a test to change it.
func fieldsOf(t testing.TB, b []byte) map[string]datamodel.Node {
	t.Helper()
	nb := basicnode.Prototype.Any.NewBuilder()
	if err := dagcbor.Decode(nb, bytes.NewReader(b)); err != nil {
		t.Fatal(err)
	}
	m := map[string]datamodel.Node{}
	for it := nb.Build().MapIterator(); !it.Done(); {
		k, v, _ := it.Next()
		name, _ := k.AsString()
		m[name] = v
	}
	return m
}

// blockOf puts a block together, canonically.
func blockOf(t testing.TB, fields map[string]datamodel.Node) []byte {
	t.Helper()
	n, err := qp.BuildMap(basicnode.Prototype.Any, -1, func(m datamodel.MapAssembler) {
		for k, v := range fields {
			qp.MapEntry(m, k, qp.Node(v))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := dagcbor.Encode(n, &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func nodeOf(t testing.TB, a qp.Assemble) datamodel.Node {
	t.Helper()
	n, err := qp.BuildList(basicnode.Prototype.Any, 1, func(l datamodel.ListAssembler) { qp.ListEntry(l, a) })
	if err != nil {
		t.Fatal(err)
	}
	v, err := n.LookupByIndex(0)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func listOf(items ...qp.Assemble) qp.Assemble {
	return qp.List(-1, func(l datamodel.ListAssembler) {
		for _, i := range items {
			qp.ListEntry(l, i)
		}
	})
}

func mapOf(fields map[string]qp.Assemble) qp.Assemble {
	return qp.Map(-1, func(m datamodel.MapAssembler) {
		for k, v := range fields {
			qp.MapEntry(m, k, v)
		}
	})
}

// nest is a value within n lists.
func nest(n int) qp.Assemble {
	if n == 0 {
		return qp.Int(1)
	}
	return listOf(nest(n - 1))
}

// TestScreen: A1, with the bytes of each. Most end the process, or make two
// names for one UCAN, when the library sees them.
func TestScreen(t *testing.T) {
	space, alice := key(t, "space"), key(t, "alice")
	good := issueOn(t, space, alice.DID(), cap1("test/get", space.DID(), nbOf(t, map[string]any{"a": 1})), Terms{Nonce: "n"}).Root().Bytes()
	capability := func(can, with string) qp.Assemble {
		return listOf(mapOf(map[string]qp.Assemble{"can": qp.String(can), "with": qp.String(with)}))
	}
	for _, c := range []struct {
		name, field string
		value       qp.Assemble // nil takes the field away
	}{
		{"empty att", "att", listOf()},
		{"att is no list", "att", qp.Int(1)},
		{"empty iss", "iss", qp.Bytes(nil)},
		{"unknown iss", "iss", qp.Bytes([]byte{0x80, 0x24, 1, 2, 3})},
		{"iss of P-256", "iss", qp.Bytes(append([]byte{0x80, 0x24}, make([]byte, 33)...))},
		{"iss cut short", "iss", qp.Bytes([]byte{0xed, 0x01, 7})},
		{"iss is did:key in text", "iss", qp.Bytes(append([]byte{0x9d, 0x1a}, strings.TrimPrefix(space.DID().String(), "did:")...))},
		{"iss with a newline", "iss", qp.Bytes(append([]byte{0x9d, 0x1a}, "web:a\nb"...))},
		{"iss without a method", "iss", qp.Bytes([]byte{0x9d, 0x1a})},
		{"iss with a long varint", "iss", qp.Bytes([]byte{0x9d, 0x9a, 0x00, 'a', ':', 'b'})},
		{"empty aud", "aud", qp.Bytes(nil)},
		{"no aud", "aud", nil},
		{"aud in text", "aud", qp.String(space.DID().String())},
		{"no exp", "exp", nil},
		{"exp too large", "exp", qp.Float(1e30)},
		{"no signature", "s", nil},
		{"empty signature", "s", qp.Bytes(nil)},
		{"signature of an unknown kind", "s", qp.Bytes([]byte{0xed, 0xa1, 0x04, 0})},
		{"signature longer than it says", "s", qp.Bytes(append([]byte{0xed, 0xa1, 0x03, 0x40}, make([]byte, 65)...))},
		{"absent signature with a name", "s", qp.Bytes(append(absentSignature, "x"...))},
		{"another version", "v", qp.String("0.10.0")},
		{"no prf", "prf", nil},
		{"prf is no list of links", "prf", listOf(qp.Int(1))},
		{"empty fct", "fct", listOf()},
		{"empty nonce", "nnc", qp.String("")},
		{"nbf 0", "nbf", qp.Int(0)},
		{"a field that nobody knows", "auth", listOf()},
		{"can in capitals", "att", capability("Test/get", space.DID().String())},
		{"can without a slash", "att", capability("test", space.DID().String())},
		{"with without a scheme", "att", capability("test/get", "space")},
		{"a capability with another field", "att", listOf(mapOf(map[string]qp.Assemble{"can": qp.String("*"), "with": qp.String("ucan:*"), "x": qp.Int(1)}))},
		{"nb is no map", "att", listOf(mapOf(map[string]qp.Assemble{"can": qp.String("*"), "with": qp.String("ucan:*"), "nb": qp.Int(1)}))},
		{"nb is null", "att", listOf(mapOf(map[string]qp.Assemble{"can": qp.String("*"), "with": qp.String("ucan:*"), "nb": qp.Null()}))},
		{"deep", "fct", listOf(mapOf(map[string]qp.Assemble{"x": nest(40)}))},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := fieldsOf(t, good)
			delete(f, c.field)
			if c.value != nil {
				f[c.field] = nodeOf(t, c.value)
			}
			b := blockOf(t, f)
			if _, err := readToken(codec.ListCID(b), b, Limits{}.withDefaults()); !errors.Is(err, ErrMalformed) {
				t.Fatalf("%v for %x", err, b)
			}
		})
	}
	if _, err := readToken(codec.ListCID(good), good, Limits{}.withDefaults()); err != nil {
		t.Fatal(err) // or nothing was shown
	}
}

// TestScreenOfBytes: what the decoder would take for the same values.
func TestScreenOfBytes(t *testing.T) {
	space, alice := key(t, "space"), key(t, "alice")
	good := issue(t, space, alice.DID(), cap1("test/get", space.DID(), nil)).Root().Bytes()
	swap := func(from, to string) []byte {
		f, _ := hex.DecodeString(from)
		o, _ := hex.DecodeString(to)
		if !bytes.Contains(good, f) {
			t.Fatalf("nothing to change in %x", good)
		}
		return bytes.Replace(good, f, o, 1)
	}
	for _, c := range []struct {
		name  string
		block []byte
	}{
		{"nothing", nil},
		{"a byte more", append(bytes.Clone(good), 0)},
		{"a byte less", good[:len(good)-1]},
		{"a long head", swap("63707266"+"80", "63707266"+"9800")},
		{"an indefinite list", swap("63707266"+"80", "63707266"+"9fff")},
		{"a long length of text", swap("6176"+"65302e392e31", "6176"+"7805302e392e31")},
		{"a key twice", swap("63707266"+"80", "63697373"+"40")},
		{"text that is no UTF-8", swap("65302e392e31", "65ff2e392e31")},
		{"a tag", swap("63707266"+"80", "63707266"+"c180")},
		{"undefined", swap("63707266"+"80", "63707266"+"f7")},
		{"nested a million deep", bytes.Repeat([]byte{0x81}, 200_000)},
		{"a list of 2^63", []byte{0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
		{"a text of 2^63", []byte{0x7b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := readToken(codec.ListCID(c.block), c.block, Limits{}.withDefaults()); !errors.Is(err, ErrMalformed) {
				t.Fatalf("%v for %.100x", err, c.block)
			}
		})
	}
	for name, id := range map[string]cid.Cid{
		"of other bytes":   codec.ListCID([]byte{1}),
		"raw":              codec.RawCID(good),
		"of another hash":  must(cid.Decode("bafyrgqhai26anf3i7pips7q22coa4sz2fr4gk4q4sqdtymvvjyginfzaqewveaeqdh524nsktaq43j65v22xxrybrtertmcfxufdam3da3hbk")),
		"the undefined":    cid.Undef,
		"inline in itself": must(cid.Decode("bafyqaaa")),
	} {
		if _, err := readToken(id, good, Limits{}.withDefaults()); !errors.Is(err, ErrMalformed) {
			t.Errorf("CID %s: %v", name, err)
		}
	}
}

func must(c cid.Cid, err error) cid.Cid {
	if err != nil {
		panic(err)
	}
	return c
}

// TestOneName is A2: the encodings that the screen refuses carry a signature
// that holds. Whoever could use one would have a UCAN that is not revoked, or an
// invocation that did not run.
func TestOneName(t *testing.T) {
	space, alice := key(t, "space"), key(t, "alice")
	d := issueOn(t, space, alice.DID(), cap1("test/get", space.DID(), nil), Terms{})
	good := fieldsOf(t, d.Root().Bytes())
	verified := 0
	for name, change := range map[string]func(map[string]datamodel.Node){
		"no prf":    func(f map[string]datamodel.Node) { delete(f, "prf") },
		"empty fct": func(f map[string]datamodel.Node) { f["fct"] = nodeOf(t, listOf()) },
		"size of s": func(f map[string]datamodel.Node) {
			s, _ := f["s"].AsBytes()
			s = bytes.Clone(s)
			s[3] = 0x41
			f["s"] = nodeOf(t, qp.Bytes(s))
		},
	} {
		f := maps.Clone(good)
		change(f)
		b := blockOf(t, f)
		if _, err := readToken(codec.ListCID(b), b, Limits{}.withDefaults()); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
		if m, err := decodeUnscreened(b); err == nil {
			if ok, err := ucan.VerifySignature(m.Data(), space.Verifier()); err == nil && ok {
				verified++
			}
		}
	}
	if verified == 0 {
		t.Error("the signature holds for none of them: nothing was shown")
	}
}

func decodeUnscreened(b []byte) (delegation.Delegation, error) {
	c := codec.ListCID(b)
	return delegation.NewDelegation(block.NewBlock(cidlink.Link{Cid: c}, b), noBlocks)
}

// TestBudget is requirement 22: deep, wide, large and much signed.
func TestBudget(t *testing.T) {
	space := key(t, "space")
	d, agent := longChain(t, 40)
	get := cap1("test/get", space.DID(), nil)
	inv := issue(t, agent, service(t).DID(), get, d)
	for name, l := range map[string]Limits{
		"depth": {Depth: 20}, "blocks": {Blocks: 20}, "bytes": {Bytes: 5000}, "a block": {BlockBytes: 200},
	} {
		w := newWorld(t, func(c *Config) { c.Limits = l })
		if _, err := w.ask(t, inv); !errors.Is(err, ErrBudget) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, l := range map[string]Limits{"signatures": {Signatures: 20}, "steps": {Steps: 20}} {
		w := newWorld(t, func(c *Config) { c.Limits = l })
		_, err := w.ask(t, inv)
		denied(t, err, Unauthorized, BudgetExceeded)
		if !errors.Is(err, ErrBudget) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, l := range map[string]Limits{"proofs": {Proofs: 1}, "items": {Items: 4}, "nesting": {Nesting: 2}} {
		w := newWorld(t, func(c *Config) { c.Limits = l })
		if _, err := w.ask(t, issue(t, agent, w.DID(), get, d, issue(t, space, agent.DID(), get))); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBomb: 2^24 paths through 48 delegations, none of which ends at the
// holder.
func TestBomb(t *testing.T) {
	space, a := key(t, "space"), key(t, "alice")
	caps := cap1("test/get", space.DID(), nil)
	var level []delegation.Delegation
	for i := range 24 {
		var next []delegation.Delegation
		for j := range 2 {
			next = append(next, issueOn(t, a, a.DID(), caps, Terms{Nonce: fmt.Sprint(i, j)}, level...))
		}
		level = next
	}
	w := newWorld(t, nil)
	_, err := w.ask(t, issue(t, a, w.DID(), caps, level...))
	denied(t, err, Unauthorized, BudgetExceeded)
}

// TestWide: 64 proofs of 64 capabilities each, none of which is the one.
func TestWide(t *testing.T) {
	space, a := key(t, "space"), key(t, "alice")
	wide := func(prf ...delegation.Delegation) (level []delegation.Delegation) {
		for i := range 64 {
			var caps []Capability
			for j := range 64 {
				caps = append(caps, Capability{Can: "*", With: fmt.Sprintf("did:web:%d.%d", i, j)})
			}
			level = append(level, issue(t, a, a.DID(), caps, prf...))
		}
		return level
	}
	w := newWorld(t, nil)
	inv := issue(t, a, w.DID(), cap1("test/get", space.DID(), nil), wide(wide()...)...)
	_, err := w.ask(t, inv)
	denied(t, err, Unauthorized, EscalatedCapability)
	d, _ := Refusal(err)
	if len(d.Text) > maxMessage {
		t.Errorf("a text of %d bytes", len(d.Text))
	}
	tight := newWorld(t, func(c *Config) { c.Limits.Comparisons = 4000 })
	_, err = tight.ask(t, inv)
	denied(t, err, Unauthorized, BudgetExceeded)
}

// TestHostileAttestations: what stands beside an absent signature reaches a
// goroutine of the library.
func TestHostileAttestations(t *testing.T) {
	space, agent, srv := key(t, "space"), key(t, "agent"), service(t)
	alice := account(t, "alice@web.mail")
	p := issue(t, absentee.From(alice), agent.DID(), cap1("*", space.DID(), nil), issue(t, space, alice, cap1("*", space.DID(), nil)))
	for name, nb := range map[string]datamodel.Node{
		"no nb": nil, "empty nb": nbOf(t, nil), "text": nbOf(t, map[string]any{"proof": "x"}),
		"number": nbOf(t, map[string]any{"proof": 1}), "more": nbOf(t, map[string]any{"proof": p.Link(), "x": 1}),
	} {
		w := newWorld(t, nil)
		a := issue(t, srv, agent.DID(), cap1(attestAbility, srv.DID(), nb))
		_, err := w.ask(t, issue(t, agent, srv.DID(), cap1("test/get", space.DID(), nil), p, a))
		var d *Denied
		if !errors.As(err, &d) || d.Code != Unauthorized {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestFailingStore: an error of the revocations is no verdict.
func TestFailingStore(t *testing.T) {
	broken := errors.New("broken")
	w := newWorld(t, func(c *Config) { c.Revocations = failing{broken} })
	_, err := w.ask(t, issue(t, key(t, "space"), w.DID(), cap1("test/get", key(t, "space").DID(), nil)))
	if d := (*Denied)(nil); !errors.Is(err, broken) || errors.As(err, &d) {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	v := newWorld(t, nil)
	ch := chainOf(t, issue(t, key(t, "space"), w.DID(), cap1("test/get", key(t, "space").DID(), nil)))
	if _, err := v.Access(ctx, ch); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

type failing struct{ err error }

func (f failing) Revoked(context.Context, cid.Cid) (bool, error) { return false, f.err }

// FuzzScreen: any bytes are refused with an error, or are read and asked about
// without panic.
func FuzzScreen(f *testing.F) {
	space := key(f, "space")
	f.Add(issue(f, space, service(f).DID(), cap1("test/get", space.DID(), nbOf(f, map[string]any{"a": 1}))).Root().Bytes())
	f.Add(issue(f, absentee.From(account(f, "a@b.c")), space.DID(), cap1("*", space.DID(), nil)).Root().Bytes())
	w := newWorld(f, nil)
	f.Fuzz(func(t *testing.T, b []byte) {
		ch, err := w.Load(t.Context(), codec.ListCID(b), Blocks(map[cid.Cid][]byte{codec.ListCID(b): b}))
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrBudget) {
				t.Fatal(err)
			}
			return
		}
		_, err = w.Access(t.Context(), ch)
		var d *Denied
		if err != nil && !errors.As(err, &d) {
			t.Fatal(err)
		}
	})
}

package receipt

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/storacha/go-ucanto/core/ipld"
	lib "github.com/storacha/go-ucanto/core/receipt"
	"github.com/storacha/go-ucanto/core/receipt/fx"
	"github.com/storacha/go-ucanto/core/receipt/ran"
	"github.com/storacha/go-ucanto/core/result"
	"github.com/storacha/go-ucanto/principal"
	"github.com/storacha/go-ucanto/principal/ed25519/signer"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// key is the same in every run.
func key(t testing.TB, name string) principal.Signer {
	t.Helper()
	seed := sha256.Sum256([]byte(name))
	k, err := signer.FromRaw(ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// some is the CID of a block of which nothing is known.
func some(name string) cid.Cid { return codec.ListCID([]byte(name)) }

// object is a map of strings, ints, byte strings, links and objects.
type object map[string]any

func (o object) node(t testing.TB) datamodel.Node {
	t.Helper()
	n, err := qp.BuildMap(basicnode.Prototype.Any, -1, o.assemble)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (o object) assemble(m datamodel.MapAssembler) {
	for k, v := range o {
		qp.MapEntry(m, k, assemble(v))
	}
}

func assemble(v any) qp.Assemble {
	switch v := v.(type) {
	case int:
		return qp.Int(int64(v))
	case string:
		return qp.String(v)
	case []byte:
		return qp.Bytes(v)
	case cid.Cid:
		return link(v)
	case object:
		return qp.Map(-1, v.assemble)
	case []any:
		return qp.List(-1, func(l datamodel.ListAssembler) {
			for _, i := range v {
				qp.ListEntry(l, assemble(i))
			}
		})
	case nil:
		return qp.Null()
	case datamodel.Node:
		return qp.Node(v)
	}
	panic("unknown kind of value")
}

func (o object) block(t testing.TB) (cid.Cid, []byte) {
	t.Helper()
	var b bytes.Buffer
	if err := dagcbor.Encode(o.node(t), &b); err != nil {
		t.Fatal(err)
	}
	return codec.ListCID(b.Bytes()), b.Bytes()
}

func issued(t testing.TB, by principal.Signer, o Outcome) *Receipt {
	t.Helper()
	r, err := Issue(by, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestIssue: R1, and that the library gives the same bytes.
func TestIssue(t *testing.T) {
	srv := key(t, "service")
	for name, o := range map[string]Outcome{
		"ok":      {Ran: some("inv"), Ok: object{"size": 1, "x": object{"y": "z"}}.node(t), Fork: []cid.Cid{some("a"), some("b")}, Join: some("c")},
		"failure": {Ran: some("inv"), Failure: object{"name": "InsufficientStorage", "message": "full"}.node(t)},
	} {
		r, twin := issued(t, srv, o), issued(t, srv, o)
		if r.CID() != twin.CID() || !bytes.Equal(r.Bytes(), twin.Bytes()) {
			t.Errorf("%s: the same result gives %s and %s", name, r.CID(), twin.CID())
		}
		if err := r.Verify(srv.Verifier()); err != nil {
			t.Error(err)
		}
		if again, err := Verify(r.CID(), r.Bytes(), o.Ran, srv.Verifier()); err != nil || again.Issuer() != srv.DID() || len(again.Forks()) != len(o.Fork) || again.Join() != o.Join {
			t.Errorf("%s: %v %+v", name, err, again)
		}
		res := result.Ok[built, built](built{o.Ok})
		if o.Failure != nil {
			res = result.Error[built, built](built{o.Failure})
		}
		opts := []lib.Option{}
		for _, f := range o.Fork {
			opts = append(opts, lib.WithFork(fx.FromLink(cidlink.Link{Cid: f})))
		}
		if o.Join.Defined() {
			opts = []lib.Option{lib.WithFork(fx.FromLink(cidlink.Link{Cid: o.Fork[0]}), fx.FromLink(cidlink.Link{Cid: o.Fork[1]})), lib.WithJoin(fx.FromLink(cidlink.Link{Cid: o.Join}))}
		}
		theirs, err := lib.Issue(srv, res, ran.FromLink(cidlink.Link{Cid: o.Ran}), opts...)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(theirs.Root().Bytes(), r.Bytes()) {
			t.Errorf("%s: %x, the library %x", name, r.Bytes(), theirs.Root().Bytes())
		}
	}
	if r := issued(t, srv, Outcome{Ran: some("inv"), Failure: object{"name": "Full", "message": "m"}.node(t)}); r.ErrorName() != "Full" || r.ErrorMessage() != "m" {
		t.Errorf("%q %q", r.ErrorName(), r.ErrorMessage())
	}
	if _, err := Issue(srv, Outcome{Ran: some("inv")}); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
}

type built struct{ n datamodel.Node }

func (b built) ToIPLD() (ipld.Node, error) { return b.n, nil }

// outcome and receiptOf make receipts that Issue would not.
func outcome(iss string) object {
	return object{"ran": some("inv"), "out": object{"ok": object{}}, "fx": object{"fork": []any{}}, "meta": object{}, "iss": iss, "prf": []any{}}
}

func receiptOf(t testing.TB, by principal.Signer, ocm any) (cid.Cid, []byte) {
	t.Helper()
	sig := by.Sign([]byte("anything")).Bytes()
	if o, ok := ocm.(object); ok {
		_, signed := o.block(t)
		sig = by.Sign(signed).Bytes()
	}
	return object{"ocm": ocm, "sig": sig}.block(t)
}

// TestForged is requirement 5: wrong key, altered outcome, another invocation.
func TestForged(t *testing.T) {
	srv, mallory := key(t, "service"), key(t, "mallory")
	r := issued(t, srv, Outcome{Ran: some("inv"), Ok: object{}.node(t)})
	check := func(name string, c cid.Cid, b []byte, of cid.Cid) {
		t.Helper()
		if _, err := Verify(c, b, of, srv.Verifier()); !errors.Is(err, ErrForged) && !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	check("of another invocation", r.CID(), r.Bytes(), some("other"))
	c, b := receiptOf(t, mallory, outcome(mallory.DID().String()))
	check("by another", c, b, some("inv"))
	c, b = receiptOf(t, mallory, outcome(srv.DID().String()))
	check("in another's name", c, b, some("inv"))
	for i := range r.Bytes() { // one bit anywhere
		b := bytes.Clone(r.Bytes())
		b[i] ^= 1
		check("altered", codec.ListCID(b), b, some("inv"))
		check("altered under its name", r.CID(), b, some("inv"))
	}
}

// TestHostile: R3, with the bytes of each.
func TestHostile(t *testing.T) {
	srv := key(t, "service")
	const absent = "no such field"
	with := func(field string, v any) object {
		o := outcome(srv.DID().String())
		o[field] = v
		if v, ok := v.(string); ok && v == absent {
			delete(o, field)
		}
		return o
	}
	for name, ocm := range map[string]any{
		"out: {}": with("out", object{}), "out of both": with("out", object{"ok": object{}, "error": object{}}),
		"out of a third": with("out", object{"ok": object{}, "x": 1}), "no out": with("out", absent), "out is text": with("out", "ok"),
		"iss unparsable": with("iss", "nobody"), "iss empty": with("iss", ""), "iss of no method": with("iss", "did:"), "iss of bad base58": with("iss", "did:key:z0OIl"),
		"iss is a number": with("iss", 1), "iss is null": with("iss", nil), "iss with a long code": with("iss", "did:key:zzzzzzzzzzzzzzzzzz"),
		"no ran": with("ran", absent), "ran is text": with("ran", "x"), "ran is raw": with("ran", codec.RawCID(nil)),
		"no fx": with("fx", absent), "no fork": with("fx", object{}), "fork is text": with("fx", object{"fork": "x"}), "fork of text": with("fx", object{"fork": []any{"x"}}),
		"join is text": with("fx", object{"fork": []any{}, "join": "x"}), "a third effect": with("fx", object{"fork": []any{}, "x": 1}),
		"no meta": with("meta", absent), "meta is a list": with("meta", []any{}), "no prf": with("prf", absent), "prf is text": with("prf", "x"),
		"unknown field": with("x", 1), "ocm is text": "x", "ocm is null": nil,
	} {
		c, b := receiptOf(t, srv, ocm)
		if _, err := Read(c, b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v for %x", name, err, b)
		}
	}
	good := outcome(srv.DID().String())
	_, signed := good.block(t)
	sig := srv.Sign(signed).Bytes()
	for name, o := range map[string]object{
		"no sig": {"ocm": good}, "empty sig": {"ocm": good, "sig": []byte{}}, "sig is text": {"ocm": good, "sig": "x"}, "a third field": {"ocm": good, "sig": sig, "x": 1},
		"absent sig": {"ocm": good, "sig": []byte{0x80, 0xa0, 3, 0}}, "sig longer than it says": {"ocm": good, "sig": append(bytes.Clone(sig), 0)}, "nothing": {},
	} {
		c, b := o.block(t)
		if _, err := Read(c, b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v for %x", name, err, b)
		}
	}
	c, b := object{"ocm": good, "sig": sig}.block(t)
	if _, err := Verify(c, b, some("inv"), srv.Verifier()); err != nil {
		t.Fatal(err) // or nothing was shown
	}
	for name, b := range map[string][]byte{"nothing": nil, "deep": bytes.Repeat([]byte{0x81}, 1<<17), "long": make([]byte, MaxSize+1), "more": append(bytes.Clone(b), 0)} {
		if _, err := Read(codec.ListCID(b), b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r, err := Read(c, b); err != nil || r.Verify(key(t, "mallory").Verifier()) == nil {
		t.Error("verified with another key", err)
	}
	noIss := outcome("")
	delete(noIss, "iss")
	c, b = receiptOf(t, srv, noIss)
	if _, err := Verify(c, b, some("inv"), srv.Verifier()); !errors.Is(err, ErrForged) {
		t.Errorf("a receipt of nobody: %v", err)
	}
}

// FuzzRead: any bytes are refused, or read and used without panic.
func FuzzRead(f *testing.F) {
	srv := key(f, "service")
	f.Add(issued(f, srv, Outcome{Ran: some("inv"), Ok: object{"a": 1}.node(f), Fork: []cid.Cid{some("a")}}).Bytes())
	_, b := receiptOf(f, srv, outcome("did:web:a.b"))
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Read(codec.ListCID(b), b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		_ = r.Verify(srv.Verifier())
		_, _ = r.ErrorName(), r.ErrorMessage()
		if _, err := readTask(r.CID(), b); err != nil {
			t.Fatal(err)
		}
	})
}

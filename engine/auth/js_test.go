package auth

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime"
	"github.com/ipld/go-ipld-prime/codec/dagjson"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"

	"github.com/go-ds-prolly/go-ds-prolly/bench/javascript"
	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/engine/receipt"
)

// The published JavaScript packages, in testdata/js with exact versions. They
// are asked by way of lines of JSON; see ucans.mjs there.

var jsChains = flag.Int("auth.js", 500, "mutated chains for the JavaScript validator")

type object map[string]any

type answer struct {
	Error   string
	Message string
	CID     string
	Bytes   []byte
}

// askJS gives each question to one node process.
func askJS(t *testing.T, questions []object) []answer {
	t.Helper()
	dir := filepath.Join("testdata", "js")
	node := javascript.Node(t, dir)
	var in bytes.Buffer
	for _, q := range questions {
		if err := json.NewEncoder(&in).Encode(q); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), node, "ucans.mjs")
	cmd.Dir, cmd.Stdin, cmd.Stderr = dir, &in, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []answer
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var a answer
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			t.Fatal(err)
		}
		all = append(all, a)
	}
	if err := lines.Err(); err != nil || len(all) != len(questions) {
		t.Fatalf("%d answers to %d questions, %v", len(all), len(questions), err)
	}
	return all
}

// jsSigner names a key of the tests.
func jsSigner(t testing.TB, name string) object {
	seed := sha256.Sum256([]byte(name))
	switch {
	case strings.Contains(name, "@"):
		return object{"did": account(t, name).String()}
	case name == "service":
		return object{"seed": seed[:], "did": service(t).DID().String()}
	}
	return object{"seed": seed[:]}
}

// dagJSON is a node as the script reads it.
func dagJSON(t testing.TB, n datamodel.Node) json.RawMessage {
	t.Helper()
	b, err := ipld.Encode(n, dagjson.Encode)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// onlySize is test/add as the script has it.
func onlySize(claimed, delegated datamodel.Node) error {
	size, err := delegated.LookupByString("size")
	if err != nil {
		return nil
	}
	most, _ := size.AsInt()
	got, err := claimed.LookupByString("size")
	if err != nil {
		return err
	}
	if n, _ := got.AsInt(); n > most {
		return fmt.Errorf("size %d is over %d", n, most)
	}
	return nil
}

// TestVerdictsOfJavaScript: the same requests, valid and mutated, are granted
// here and there.
//
//	go test ./engine/auth -run JavaScript -v
func TestVerdictsOfJavaScript(t *testing.T) {
	r, m := seeded(t, *chainSeed), newMaker(t)
	w := newWorld(t, func(c *Config) {
		c.Abilities = []Ability{{Can: "test/add", Derives: onlySize}, {Can: "test/get", Derives: onlySize}}
	})
	var plans []plan
	var requests []made
	var questions []object
	want := *jsChains
	if testing.Short() {
		want = min(want, 100)
	}
	for len(plans) < want {
		p := randomPlan(r, false)
		for range r.IntN(4) {
			p = p.mutate(r)
		}
		if slices.ContainsFunc(p, func(l link) bool { return l.can == AuthorizeAbility }) {
			continue // which those packages do not know
		}
		d := m.make(p)
		blocks := map[string][]byte{}
		for c, b := range d.blocks {
			blocks[c.String()] = b
		}
		plans, requests = append(plans, p), append(requests, d)
		questions = append(questions, object{"op": "verdict", "root": d.root().String(), "blocks": blocks, "now": noon.Unix(), "service": jsSigner(t, "service")})
	}
	granted, differ := 0, 0
	for i, a := range askJS(t, questions) {
		ours := verdict(t, w.Validator, requests[i])
		if (ours == "") != (a.Error == "") {
			differ++
			t.Errorf("request %d: here %q, there %q %q, of %+v", i, ours, a.Error, a.Message, plans[i])
		}
		if ours == "" {
			granted++
		}
	}
	t.Logf("%d requests, %d granted, %d verdicts differ", len(plans), granted, differ)
	if granted < len(plans)/5 || granted > len(plans)*4/5 {
		t.Error("too much of one kind to show anything")
	}
}

// TestBytesOfJavaScript is A8 and R2: delegations, invocations, attestations,
// absent signatures, authorizations and receipts have the bytes that the
// JavaScript packages make of the same content with the same keys.
func TestBytesOfJavaScript(t *testing.T) {
	r, m := seeded(t, *chainSeed), newMaker(t)
	var questions []object
	var names []string
	var want [][]byte
	for range 60 {
		p := randomPlan(r, true)
		for i := range p {
			p[i].dropped = false
		}
		d := m.make(p)
		for i, l := range p {
			questions, names = append(questions, makeQuestion(t, d, l, i)), append(names, fmt.Sprintf("%+v", l))
			want = append(want, d.blocks[d.ids[i]])
		}
	}
	q, b := receiptQuestions(t)
	questions, want = append(questions, q...), append(want, b...)
	for len(names) < len(questions) {
		names = append(names, "receipt")
	}
	for i, a := range askJS(t, questions) {
		switch {
		case a.Error != "":
			t.Errorf("%s: %s %s", names[i], a.Error, a.Message)
		case questions[i]["op"] == "verify":
		case !bytes.Equal(a.Bytes, want[i]):
			t.Errorf("%s:\nhere  %q\nthere %q", names[i], want[i], a.Bytes)
		case a.CID != codec.ListCID(want[i]).String():
			t.Errorf("%s: here %s, there %s", names[i], codec.ListCID(want[i]), a.CID)
		}
	}
	t.Logf("%d blocks are the same", len(questions))
}

// makeQuestion asks for the UCAN of a link, by what its block says.
func makeQuestion(t *testing.T, d made, l link, i int) object {
	tok, err := readToken(d.ids[i], d.blocks[d.ids[i]], Limits{}.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	q := object{"op": "make", "issuer": jsSigner(t, l.iss), "audience": tok.aud.String(), "nonce": tok.dlg.Nonce()}
	var caps []object
	for _, c := range tok.caps {
		o := object{"can": c.Can, "with": c.With}
		if c.Nb != nil {
			o["nb"] = dagJSON(t, c.Nb)
		}
		caps = append(caps, o)
	}
	q["capabilities"] = caps
	if exp := tok.dlg.Expiration(); exp != nil {
		q["expiration"] = *exp
	}
	if nbf := tok.dlg.NotBefore(); nbf != 0 {
		q["notBefore"] = nbf
	}
	var facts []object
	for _, f := range tok.dlg.Data().Model().Fct {
		o := object{}
		for k, v := range f.Values {
			o[k] = dagJSON(t, v)
		}
		facts = append(facts, o)
	}
	if facts != nil {
		q["facts"] = facts
	}
	var proofs []string
	for _, p := range tok.prf {
		proofs = append(proofs, p.String())
	}
	q["proofs"] = proofs
	return q
}

// receiptQuestions asks for receipts, and whether ours verify.
func receiptQuestions(t *testing.T) (questions []object, want [][]byte) {
	of, fork := codec.ListCID([]byte("invocation")), codec.ListCID([]byte("effect"))
	full := deny("InsufficientStorage", "", nil, "the space is full")
	failure, err := full.ToIPLD()
	if err != nil {
		t.Fatal(err)
	}
	site := nodeOf(t, mapOf(map[string]qp.Assemble{"site": mapOf(map[string]qp.Assemble{
		"ucan/await": listOf(qp.String(".out.ok.site"), qp.Link(linkTo(fork)))})}))
	for _, o := range []receipt.Outcome{
		{Ran: of, Failure: failure},
		{Ran: of, Ok: nbOf(t, nil)},
		{Ran: of, Ok: site, Fork: []cid.Cid{fork, of}},
		{Ran: of, Ok: nbOf(t, map[string]any{"size": 1 << 30}), Fork: []cid.Cid{fork}, Join: of},
	} {
		r, err := receipt.Issue(service(t), o)
		if err != nil {
			t.Fatal(err)
		}
		result, forks := object{"ok": nil}, []string{}
		if o.Ok != nil {
			result["ok"] = dagJSON(t, o.Ok)
		} else {
			result = object{"error": dagJSON(t, o.Failure)}
		}
		for _, f := range o.Fork {
			forks = append(forks, f.String())
		}
		q := object{"op": "receipt", "issuer": jsSigner(t, "service"), "ran": of.String(), "result": result, "fork": forks}
		if o.Join.Defined() {
			q["join"] = o.Join.String()
		}
		questions = append(questions, q, object{"op": "verify", "root": r.CID().String(), "data": r.Bytes(), "issuer": jsSigner(t, "service")})
		want = append(want, r.Bytes(), nil)
	}
	return questions, want
}

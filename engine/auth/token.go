package auth

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/multiformats/go-multihash"
	"github.com/multiformats/go-varint"
	"github.com/storacha/go-ucanto/core/dag/blockstore"
	"github.com/storacha/go-ucanto/core/delegation"
	"github.com/storacha/go-ucanto/core/ipld/block"
	"github.com/storacha/go-ucanto/did"
	"github.com/storacha/go-ucanto/ucan/crypto/signature"
	udm "github.com/storacha/go-ucanto/ucan/datamodel/ucan"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// token is a UCAN that passed the screen. It never changes.
type token struct {
	cid   cid.Cid
	bytes []byte
	dlg   delegation.Delegation // sees no block but its own
	iss   did.DID
	aud   did.DID
	caps  []Capability
	prf   []cid.Cid

	// Of an authorization, what its facts say was validated: listed as they stand,
	// or in a block of their own.
	listed []cid.Cid
	list   cid.Cid
}

// absentSignature is what stands in place of one that did:mailto cannot give.
var absentSignature = []byte{0x80, 0xa0, 0x03, 0x00}

// noBlocks is the store behind every token: the library finds the proofs of a
// delegation through the hook that a request gives it, and nowhere else.
var noBlocks, _ = blockstore.NewBlockReader()

// readToken is the screen: what it returns the library can handle without
// panic, and has no second encoding under which a signature would hold. The
// bytes are kept.
func readToken(c cid.Cid, b []byte, l Limits) (_ *token, err error) {
	bad := func(format string, args ...any) (*token, error) {
		return nil, fmt.Errorf("%w: %s: %s", ErrMalformed, c, fmt.Sprintf(format, args...))
	}
	if len(b) > l.BlockBytes {
		return nil, fmt.Errorf("%w: %s has %d bytes", ErrBudget, c, len(b))
	}
	if !isUCANLink(c) {
		return bad("no CIDv1 of DAG-CBOR and SHA-256")
	}
	if h, err := codec.HashOf(codec.ListCID(b)); err != nil || !bytes.Equal(h[:], c.Hash()[2:]) {
		return bad("the bytes have another hash")
	}
	if err := codec.CheckDAGCBOR(b, l.Nesting, l.Items); err != nil {
		return bad("%v", err)
	}
	defer func() { // the decoder is not ours, and is given bytes of anyone
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %s: decoder: %v", ErrMalformed, c, r)
		}
	}()
	if err := checkFields(b); err != nil {
		return bad("%v", err)
	}
	d, err := delegation.NewDelegation(block.NewBlock(cidlink.Link{Cid: c}, b), noBlocks)
	if err != nil {
		return bad("%v", err)
	}
	m := d.Data().Model()
	if err := checkModel(m, l); err != nil {
		return bad("%v", err)
	}
	return newToken(c, b, d, m), nil
}

func newToken(c cid.Cid, b []byte, d delegation.Delegation, m *udm.UCANModel) *token {
	t := &token{cid: c, bytes: b, dlg: d, iss: d.Issuer().DID(), aud: d.Audience().DID()}
	for _, a := range m.Att {
		t.caps = append(t.caps, Capability{Can: a.Can, With: a.With, Nb: a.Nb})
	}
	for _, p := range m.Prf {
		t.prf = append(t.prf, p.(cidlink.Link).Cid)
	}
	if slices.ContainsFunc(t.caps, func(c Capability) bool { return c.Can == AuthorizeAbility }) {
		var facts []datamodel.Node
		for _, f := range m.Fct {
			if n := f.Values[chainFact]; n != nil {
				facts = append(facts, n)
			}
		}
		t.listed, t.list = chainOfFacts(facts)
	}
	return t
}

// checkFields asks for prf, and that each optional field is absent or says
// something. The signature does not cover the difference, and the decoder does
// not show it: the same UCAN would have two names.
func checkFields(b []byte) error {
	nb := basicnode.Prototype.Any.NewBuilder()
	if err := dagcbor.Decode(nb, bytes.NewReader(b)); err != nil {
		return err
	}
	n := nb.Build()
	if n.Kind() != datamodel.Kind_Map {
		return fmt.Errorf("no map")
	}
	if prf, err := n.LookupByString("prf"); err != nil || prf.Kind() != datamodel.Kind_List {
		return fmt.Errorf("no prf")
	}
	for _, name := range []string{"fct", "nnc", "nbf"} {
		f, err := n.LookupByString(name)
		if err != nil {
			continue
		}
		text, _ := f.AsString()
		number, _ := f.AsInt()
		if text == "" && number == 0 && f.Length() <= 0 {
			return fmt.Errorf("%s says nothing", name)
		}
	}
	return nil
}

// checkModel holds a UCAN to what is written today.
func checkModel(m *udm.UCANModel, l Limits) error {
	switch {
	case m.V != "0.9.1":
		return fmt.Errorf("version %.20q", m.V)
	case len(m.Att) == 0:
		return fmt.Errorf("no capabilities")
	case len(m.Att) > l.Capabilities:
		return fmt.Errorf("%d capabilities", len(m.Att))
	case len(m.Prf) > l.Proofs:
		return fmt.Errorf("%d proofs", len(m.Prf))
	}
	if err := checkDID(m.Iss); err != nil {
		return fmt.Errorf("iss: %w", err)
	}
	if err := checkDID(m.Aud); err != nil {
		return fmt.Errorf("aud: %w", err)
	}
	if err := checkSignature(m.S); err != nil {
		return err
	}
	for _, p := range m.Prf {
		if _, ok := p.(cidlink.Link); !ok {
			return fmt.Errorf("a proof that is no link")
		}
	}
	for _, a := range m.Att {
		if err := checkCapability(a); err != nil {
			return err
		}
	}
	return nil
}

func checkCapability(a udm.CapabilityModel) error {
	if a.Can != "*" && (len(a.Can) < 3 || !strings.Contains(a.Can[1:len(a.Can)-1], "/") && !strings.HasSuffix(a.Can[1:], "/*")) {
		return fmt.Errorf("can %.40q", a.Can)
	}
	if len(a.Can) > 256 || a.Can != strings.ToLower(a.Can) || !visible(a.Can) {
		return fmt.Errorf("can %.40q", a.Can)
	}
	scheme, rest, ok := strings.Cut(a.With, ":")
	if !ok || scheme == "" || rest == "" || len(a.With) > 2048 || !visible(a.With) {
		return fmt.Errorf("with %.40q", a.With)
	}
	if a.Nb == nil {
		return nil
	}
	if a.Nb.Kind() != datamodel.Kind_Map {
		return fmt.Errorf("nb of kind %s", a.Nb.Kind())
	}
	return nil
}

// checkDID accepts did:key of Ed25519 and RSA, and every other method in text.
func checkDID(b []byte) error {
	code, n, err := varint.FromUvarint(b)
	switch {
	case err != nil:
		return err
	case code == did.Ed25519 && len(b) == n+32:
		return nil
	case code == did.RSA && len(b) > n+100 && len(b) < n+600: // 1024 to 4096 bits
		return nil
	case code == did.DIDCore && len(b) <= 512 && visible(string(b[n:])):
		method, id, ok := strings.Cut(string(b[n:]), ":")
		if ok && id != "" && method != "" && method != "key" && strings.Trim(method, "abcdefghijklmnopqrstuvwxyz0123456789") == "" {
			return nil
		}
	}
	return fmt.Errorf("no DID")
}

// checkSignature accepts Ed25519, RS256 and the absent signature, each in its
// one encoding.
func checkSignature(s []byte) error {
	if bytes.Equal(s, absentSignature) {
		return nil
	}
	code, n, err := varint.FromUvarint(s)
	if err != nil {
		return fmt.Errorf("s: %w", err)
	}
	size, k, err := varint.FromUvarint(s[n:])
	if err != nil || uint64(len(s)-n-k) != size {
		return fmt.Errorf("s of another length than it says")
	}
	if code == signature.EdDSA && size == 64 || code == signature.RS256 && size >= 128 && size <= 512 {
		return nil
	}
	return fmt.Errorf("s of an unknown kind")
}

// visible tells whether a string is of visible ASCII.
func visible(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// isUCANLink tells whether a CID is of the one form that UCANs have: another
// would be a second name, which a revocation of the first does not mean.
func isUCANLink(c cid.Cid) bool {
	p := c.Prefix()
	return c.Defined() && p.Version == 1 && p.Codec == cid.DagCBOR && p.MhType == multihash.SHA2_256 && p.MhLength == 32
}

// linkCID is the CID of a link; the undefined one for what is none.
func linkCID(l datamodel.Link) cid.Cid {
	if l, ok := l.(cidlink.Link); ok {
		return l.Cid
	}
	return cid.Undef
}

// keyless tells whether a DID is of a method that names no key: did:mailto,
// did:web and the like.
func keyless(d did.DID) bool { return !strings.HasPrefix(d.String(), did.KeyPrefix) }

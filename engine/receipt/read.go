package receipt

import (
	"bytes"
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/multiformats/go-varint"
	"github.com/storacha/go-ucanto/did"
	"github.com/storacha/go-ucanto/ucan/crypto/signature"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// Read is the screen for receipts: bytes of anyone, which have the hash that
// the CID names and are one receipt in its one encoding, or are ErrMalformed.
// Nothing of it is believed before Verify. The bytes are kept.
func Read(c cid.Cid, block []byte) (r *Receipt, err error) {
	bad := func(format string, args ...any) (*Receipt, error) {
		return nil, fmt.Errorf("%w: %s: %s", ErrMalformed, c, fmt.Sprintf(format, args...))
	}
	if len(block) > MaxSize {
		return bad("%d bytes", len(block))
	}
	if !isLink(c) || !codec.ListCID(block).Equals(c) {
		return bad("the bytes have another name")
	}
	if err := codec.CheckDAGCBOR(block, maxDepth, maxItems); err != nil {
		return bad("%v", err)
	}
	defer func() { // the decoder is not ours
		if p := recover(); p != nil {
			r, err = nil, fmt.Errorf("%w: %s: decoder: %v", ErrMalformed, c, p)
		}
	}()
	b := basicnode.Prototype.Any.NewBuilder()
	if err := dagcbor.Decode(b, bytes.NewReader(block)); err != nil {
		return bad("%v", err)
	}
	r = &Receipt{cid: c, bytes: block}
	f := fields{}
	top := f.of(b.Build(), "receipt", []string{"ocm", "sig"}, nil)
	ocm := f.of(top["ocm"], "ocm", []string{"ran", "out", "fx", "meta", "prf"}, []string{"iss"})
	fx := f.of(ocm["fx"], "fx", []string{"fork"}, []string{"join"})
	out := f.of(ocm["out"], "out", nil, []string{"ok", "error"})
	f.of(ocm["meta"], "meta", nil, nil)
	r.ok, r.fail = out["ok"], out["error"]
	if f.err == nil && (r.ok == nil) == (r.fail == nil) {
		f.err = fmt.Errorf("out is ok or error")
	}
	r.ran, r.join = f.link(ocm["ran"]), f.link(fx["join"])
	r.fork, r.prf = f.links(fx["fork"], maxForks), f.links(ocm["prf"], maxProofs)
	r.issuer, r.sig = f.did(ocm["iss"]), f.signature(top["sig"])
	if f.err != nil {
		return bad("%v", f.err)
	}
	if r.ocm, err = encode(top["ocm"]); err != nil {
		return bad("%v", err)
	}
	return r, nil
}

// fields takes a decoded block apart; the first thing that is wrong stays in
// err, and everything read afterwards is zero.
type fields struct{ err error }

// of reads a map with these fields, and no others unless none are named.
func (f *fields) of(n datamodel.Node, name string, needed, optional []string) map[string]datamodel.Node {
	m := map[string]datamodel.Node{}
	if f.err != nil {
		return m
	}
	if n == nil || n.Kind() != datamodel.Kind_Map {
		f.err = fmt.Errorf("%s is no map", name)
		return m
	}
	for it := n.MapIterator(); !it.Done(); {
		k, v, err := it.Next()
		if err != nil {
			f.err = err
			return m
		}
		key, _ := k.AsString()
		m[key] = v
	}
	known := 0
	for _, k := range needed {
		if m[k] == nil {
			f.err = fmt.Errorf("%s has no %s", name, k)
			return map[string]datamodel.Node{}
		}
		known++
	}
	for _, k := range optional {
		if m[k] != nil {
			known++
		}
	}
	if len(needed)+len(optional) > 0 && known != len(m) {
		f.err = fmt.Errorf("%s has fields that nobody knows", name)
	}
	return m
}

// link reads a link; a field that is not there is the undefined CID.
func (f *fields) link(n datamodel.Node) cid.Cid {
	if f.err != nil || n == nil {
		return cid.Undef
	}
	l, err := n.AsLink()
	if err != nil {
		f.err = err
		return cid.Undef
	}
	c, ok := l.(cidlink.Link)
	if !ok || !isLink(c.Cid) {
		f.err = fmt.Errorf("%s names neither UCAN nor receipt", l)
	}
	return c.Cid
}

func (f *fields) links(n datamodel.Node, most int64) (all []cid.Cid) {
	if f.err != nil {
		return nil
	}
	if n.Kind() != datamodel.Kind_List || n.Length() > most {
		f.err = fmt.Errorf("no list of up to %d links", most)
		return nil
	}
	for it := n.ListIterator(); !it.Done(); {
		_, v, err := it.Next()
		if err != nil {
			f.err = err
			return nil
		}
		all = append(all, f.link(v))
	}
	return all
}

func (f *fields) did(n datamodel.Node) did.DID {
	if f.err != nil || n == nil {
		return did.Undef
	}
	s, err := n.AsString()
	if err != nil {
		f.err = err
		return did.Undef
	}
	d, err := did.Parse(s)
	if err != nil || len(s) < len("did:a:b") || len(s) > 2048 || d.String() != s {
		f.err = fmt.Errorf("iss %.40q is no DID", s)
		return did.Undef
	}
	return d
}

// signature reads one of Ed25519 or RS256 in its one encoding.
func (f *fields) signature(n datamodel.Node) []byte {
	if f.err != nil {
		return nil
	}
	s, err := n.AsBytes()
	if err != nil {
		f.err = err
		return nil
	}
	code, a, err := varint.FromUvarint(s)
	if err == nil {
		size, b, err := varint.FromUvarint(s[a:])
		if err == nil && uint64(len(s)-a-b) == size && (code == signature.EdDSA && size == 64 || code == signature.RS256 && size <= 512) {
			return s
		}
	}
	f.err = fmt.Errorf("sig is no signature")
	return nil
}

// text is a field of a map that is a string.
func text(n datamodel.Node, name string) string {
	if n == nil || n.Kind() != datamodel.Kind_Map {
		return ""
	}
	v, err := n.LookupByString(name)
	if err != nil {
		return ""
	}
	s, err := v.AsString()
	if err != nil {
		return ""
	}
	return s
}

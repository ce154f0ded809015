package receipt

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/multiformats/go-multihash"
	"github.com/storacha/go-ucanto/did"
	"github.com/storacha/go-ucanto/ucan"
	"github.com/storacha/go-ucanto/ucan/crypto/signature"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

var (
	// ErrMalformed: bytes that are no receipt.
	ErrMalformed = errors.New("malformed receipt")

	// ErrForged: a receipt that its signer did not sign, or that is about
	// something else.
	ErrForged = errors.New("receipt does not hold")
)

// What a receipt may have; more is ErrMalformed.
const (
	MaxSize   = 256 << 10 // bytes of the block
	maxDepth  = 32
	maxItems  = 8192
	maxForks  = 64
	maxProofs = 64
)

// Receipt is what came of an invocation. It does not change.
type Receipt struct {
	cid    cid.Cid
	bytes  []byte
	ocm    []byte // canonical bytes of what is signed
	sig    []byte
	ran    cid.Cid
	ok     datamodel.Node
	fail   datamodel.Node
	fork   []cid.Cid
	join   cid.Cid
	issuer did.DID
	prf    []cid.Cid
}

// CID names the receipt.
func (r *Receipt) CID() cid.Cid { return r.cid }

// Bytes is the block. It is not to be changed.
func (r *Receipt) Bytes() []byte { return r.bytes }

// Ran is the invocation.
func (r *Receipt) Ran() cid.Cid { return r.ran }

// Ok is the result, nil for a failure.
func (r *Receipt) Ok() datamodel.Node { return r.ok }

// Failure is the error, nil for a success.
func (r *Receipt) Failure() datamodel.Node { return r.fail }

// ErrorName is out.error.name; empty for a success, or where there is none.
func (r *Receipt) ErrorName() string { return text(r.fail, "name") }

// ErrorMessage is out.error.message.
func (r *Receipt) ErrorMessage() string { return text(r.fail, "message") }

// Forks are the effects, in the receipt's order.
func (r *Receipt) Forks() []cid.Cid { return append([]cid.Cid(nil), r.fork...) }

// Join is the effect that continues the invocation; the undefined CID for none.
func (r *Receipt) Join() cid.Cid { return r.join }

// Issuer is who says to have signed; did.Undef where nobody is named, and
// that one has no String.
func (r *Receipt) Issuer() did.DID { return r.issuer }

// Proofs are the delegations that the issuer refers to.
func (r *Receipt) Proofs() []cid.Cid { return append([]cid.Cid(nil), r.prf...) }

// Outcome is what a receipt says, before it is signed. Exactly one of Ok and
// Failure is set. Meta is for what differs between equal results, and so
// mostly nil.
type Outcome struct {
	Ran     cid.Cid
	Ok      datamodel.Node
	Failure datamodel.Node
	Fork    []cid.Cid
	Join    cid.Cid
	Meta    datamodel.Node
	Proofs  []cid.Cid
}

// Issue signs a receipt.
func Issue(iss ucan.Signer, o Outcome) (*Receipt, error) {
	if (o.Ok == nil) == (o.Failure == nil) || !o.Ran.Defined() {
		return nil, fmt.Errorf("receipt: issue: %w: an outcome is ok or a failure of an invocation", ErrMalformed)
	}
	ocm, err := qp.BuildMap(basicnode.Prototype.Any, -1, func(m datamodel.MapAssembler) { o.assemble(m, iss.DID()) })
	if err != nil {
		return nil, fmt.Errorf("receipt: issue: %w", err)
	}
	signed, err := encode(ocm)
	if err != nil {
		return nil, fmt.Errorf("receipt: issue: %w", err)
	}
	all, err := qp.BuildMap(basicnode.Prototype.Any, 2, func(m datamodel.MapAssembler) {
		qp.MapEntry(m, "ocm", qp.Node(ocm))
		qp.MapEntry(m, "sig", qp.Bytes(iss.Sign(signed).Bytes()))
	})
	if err != nil {
		return nil, fmt.Errorf("receipt: issue: %w", err)
	}
	b, err := encode(all)
	if err != nil {
		return nil, fmt.Errorf("receipt: issue: %w", err)
	}
	return Read(codec.ListCID(b), b)
}

func (o Outcome) assemble(m datamodel.MapAssembler, iss did.DID) {
	qp.MapEntry(m, "ran", link(o.Ran))
	qp.MapEntry(m, "out", qp.Map(1, func(m datamodel.MapAssembler) {
		if o.Ok != nil {
			qp.MapEntry(m, "ok", qp.Node(o.Ok))
		} else {
			qp.MapEntry(m, "error", qp.Node(o.Failure))
		}
	}))
	qp.MapEntry(m, "fx", qp.Map(-1, func(m datamodel.MapAssembler) {
		qp.MapEntry(m, "fork", links(o.Fork))
		if o.Join.Defined() {
			qp.MapEntry(m, "join", link(o.Join))
		}
	}))
	if o.Meta != nil {
		qp.MapEntry(m, "meta", qp.Node(o.Meta))
	} else {
		qp.MapEntry(m, "meta", qp.Map(0, func(datamodel.MapAssembler) {}))
	}
	qp.MapEntry(m, "iss", qp.String(iss.String()))
	qp.MapEntry(m, "prf", links(o.Proofs))
}

func link(c cid.Cid) qp.Assemble { return qp.Link(cidlink.Link{Cid: c}) }

func links(all []cid.Cid) qp.Assemble {
	return qp.List(int64(len(all)), func(l datamodel.ListAssembler) {
		for _, c := range all {
			qp.ListEntry(l, link(c))
		}
	})
}

// encode writes canonical DAG-CBOR.
func encode(n datamodel.Node) ([]byte, error) {
	var b bytes.Buffer
	err := dagcbor.Encode(n, &b)
	return b.Bytes(), err
}

// Verify asks that the receipt was signed by the key and names its DID.
// ErrForged otherwise.
func (r *Receipt) Verify(key ucan.Verifier) error {
	if r.issuer != key.DID() {
		return fmt.Errorf("%w: %s is not issued by %s", ErrForged, r.cid, key.DID())
	}
	if !key.Verify(r.ocm, signature.Decode(r.sig)) {
		return fmt.Errorf("%w: %s is not signed by %s", ErrForged, r.cid, key.DID())
	}
	return nil
}

// Verify reads a receipt, and asks that it is of the invocation and signed by
// the key.
func Verify(c cid.Cid, block []byte, invocation cid.Cid, key ucan.Verifier) (*Receipt, error) {
	r, err := Read(c, block)
	if err != nil {
		return nil, err
	}
	if r.ran != invocation {
		return nil, fmt.Errorf("%w: %s is of %s, not %s", ErrForged, c, r.ran, invocation)
	}
	return r, r.Verify(key)
}

// isLink tells whether a CID is of the form that receipts and UCANs have.
func isLink(c cid.Cid) bool {
	p := c.Prefix()
	return c.Defined() && p.Version == 1 && p.Codec == cid.DagCBOR && p.MhType == multihash.SHA2_256 && p.MhLength == 32
}

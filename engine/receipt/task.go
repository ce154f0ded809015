package receipt

import (
	"bytes"
	"crypto/ed25519"
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/multiformats/go-multihash"
	"github.com/storacha/go-ucanto/did"
	"github.com/storacha/go-ucanto/principal"
	"github.com/storacha/go-ucanto/principal/ed25519/signer"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// task is what a receipt says that an invocation is about. It is named by a
// receipt, so its own signature is not looked at.
type task struct {
	can   string
	with  string
	blob  multihash.Multihash // digest of nb.blob or nb.body
	space string              // nb.space
	exp   int64               // 0 for never
}

// readTask reads the first capability of a UCAN.
func readTask(c cid.Cid, block []byte) (t task, err error) {
	if len(block) > MaxSize || !codec.ListCID(block).Equals(c) {
		return t, fmt.Errorf("%w: %s: the bytes have another name", ErrMalformed, c)
	}
	if err := codec.CheckDAGCBOR(block, maxDepth, maxItems); err != nil {
		return t, fmt.Errorf("%w: %s: %w", ErrMalformed, c, err)
	}
	defer func() { // the decoder is not ours
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %s: decoder: %v", ErrMalformed, c, p)
		}
	}()
	b := basicnode.Prototype.Any.NewBuilder()
	if err := dagcbor.Decode(b, bytes.NewReader(block)); err != nil {
		return t, fmt.Errorf("%w: %s: %w", ErrMalformed, c, err)
	}
	ucan := b.Build()
	first := at(at(ucan, "att"), "0")
	nb := at(first, "nb")
	body := at(nb, "blob")
	if body == nil {
		body = at(nb, "body")
	}
	t = task{can: text(first, "can"), with: text(first, "with")}
	t.blob = octets(at(body, "digest"))
	if d, err := did.Decode(octets(at(nb, "space"))); err == nil {
		t.space = d.String()
	}
	if exp := at(ucan, "exp"); exp != nil {
		t.exp, _ = exp.AsInt() // null for never
	}
	return t, nil
}

// at is a field of a map or an item of a list; nil where there is none.
func at(n datamodel.Node, name string) datamodel.Node {
	if n == nil || n.Kind() != datamodel.Kind_Map && n.Kind() != datamodel.Kind_List {
		return nil
	}
	v, err := n.LookupBySegment(datamodel.ParsePathSegment(name))
	if err != nil {
		return nil
	}
	return v
}

func octets(n datamodel.Node) []byte {
	if n == nil {
		return nil
	}
	b, err := n.AsBytes()
	if err != nil {
		return nil
	}
	return b
}

// BlobKey is the key that signs http/put of a blob, and which everyone has who
// knows its digest: the last 32 bytes are its seed. So such a receipt proves
// nothing about the bytes.
func BlobKey(digest multihash.Multihash) (principal.Signer, error) {
	if len(digest) < ed25519.SeedSize {
		return nil, fmt.Errorf("%w: a digest of %d bytes", ErrMalformed, len(digest))
	}
	return signer.FromRaw(ed25519.NewKeyFromSeed(digest[len(digest)-ed25519.SeedSize:]))
}

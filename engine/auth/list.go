package auth

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/storacha/go-ucanto/core/ipld"
	"github.com/storacha/go-ucanto/core/ipld/block"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// chainFact is the fact of an authorization that says which UCANs were
// validated: a list of links, or one link to a block that is such a list. The
// signature covers either, for the link holds the hash of the list.
const chainFact = "chain"

// listNode is a list of links.
func listNode(all []cid.Cid) (datamodel.Node, error) {
	n, err := qp.BuildList(basicnode.Prototype.Any, int64(len(all)), func(l datamodel.ListAssembler) {
		for _, c := range all {
			qp.ListEntry(l, qp.Link(cidlink.Link{Cid: c}))
		}
	})
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	return n, nil
}

// listBlock is a list of links as a block. The same chain gives the same block.
func listBlock(all []cid.Cid) (ipld.Block, error) {
	n, err := listNode(all)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := dagcbor.Encode(n, &b); err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	return block.NewBlock(cidlink.Link{Cid: codec.ListCID(b.Bytes())}, b.Bytes()), nil
}

// chainOfFacts reads what the facts of an authorization say: the UCANs, or the
// block that lists them. Both are empty when they say nothing.
func chainOfFacts(facts []datamodel.Node) (all []cid.Cid, list cid.Cid) {
	for _, n := range facts {
		switch n.Kind() {
		case datamodel.Kind_Link:
			l, err := n.AsLink()
			if c := linkCID(l); err == nil && isUCANLink(c) {
				list = c
			}
		case datamodel.Kind_List:
			more, err := links(n)
			if err != nil {
				return nil, cid.Undef
			}
			all = append(all, more...)
		}
	}
	return all, list
}

// links reads a list of links.
func links(n datamodel.Node) (all []cid.Cid, err error) {
	for it := n.ListIterator(); !it.Done(); {
		_, v, err := it.Next()
		if err != nil {
			return nil, err
		}
		l, err := v.AsLink()
		if err != nil {
			return nil, err
		}
		all = append(all, linkCID(l))
	}
	return all, nil
}

// A link to a UCAN in a list: the tag of links, 37 bytes follow, the zero before
// a CID, and a CIDv1 of DAG-CBOR and SHA-256.
var listedHead = []byte{0xd8, 0x2a, 0x58, 0x25, 0x00, 0x01, 0x71, 0x12, 0x20}

// listedBytes is what such a link takes.
const listedBytes = 41

// readList is the screen for the block that lists a chain. What is no list of
// links to UCANs is nil: it says nothing here, but may to others.
func readList(c cid.Cid, b []byte, l Limits) ([]cid.Cid, error) {
	if len(b) > min(l.BlockBytes, l.Items*listedBytes, 1<<16*listedBytes) {
		return nil, fmt.Errorf("%w: list %s has %d bytes", ErrBudget, c, len(b))
	}
	if h, err := codec.HashOf(codec.ListCID(b)); err != nil || !bytes.Equal(h[:], c.Hash()[2:]) {
		return nil, fmt.Errorf("%w: list %s: the bytes have another hash", ErrMalformed, c)
	}
	n := len(b) / listedBytes // what is left is the head
	if !bytes.HasPrefix(b, listHead(n)) || len(b) != n*listedBytes+len(listHead(n)) {
		return nil, nil
	}
	all := make([]cid.Cid, n)
	for i := range all {
		link := b[len(b)-(n-i)*listedBytes:][:listedBytes]
		id, err := cid.Cast(link[5:])
		if err != nil || !bytes.HasPrefix(link, listedHead) {
			return nil, nil
		}
		all[i] = id
	}
	return all, nil
}

// listHead is how DAG-CBOR begins a list of n.
func listHead(n int) []byte {
	switch {
	case n < 24:
		return []byte{0x80 | byte(n)}
	case n < 1<<8:
		return []byte{0x98, byte(n)}
	}
	return []byte{0x99, byte(n >> 8), byte(n)} // more do not fit into the limits
}

// list finds a list among those that are kept, or else among what was sent. One
// that is in neither place is nil: the authorization is not good then.
func (s *screen) list(ctx context.Context, c cid.Cid, src Source) (all []cid.Cid, err error) {
	if s.cache != nil {
		if all, ok := s.cache.lists.get(c); ok {
			return all, nil
		}
	}
	kept := s.lists != nil
	var b []byte
	if kept {
		b, err = s.lists(ctx, c)
		kept = !errors.Is(err, ErrMissing)
	}
	if !kept {
		b, err = src(ctx, c)
	}
	if errors.Is(err, ErrMissing) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("auth: list %s: %w", c, err)
	}
	if all, err = readList(c, b, s.limits); err != nil {
		return nil, fmt.Errorf("auth: load: %w", err)
	}
	if kept && s.cache != nil { // what was sent now need not be sent again
		s.cache.lists.put(c, all, len(b)+64)
	}
	return all, nil
}

// validated is what an authorization of the chain says to have been validated;
// nil for other UCANs, and when its list is not there.
func (ch *Chain) validated(a *token) []cid.Cid {
	if a.list.Defined() {
		return ch.lists[a.list]
	}
	return a.listed
}

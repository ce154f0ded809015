package space

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	cid "github.com/ipfs/go-cid"
	accesscap "github.com/storacha/go-libstoracha/capabilities/access"
	"github.com/storacha/go-ucanto/core/delegation"
	"github.com/storacha/go-ucanto/core/ipld"
	"github.com/storacha/go-ucanto/did"
	"github.com/storacha/go-ucanto/ucan"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/auth"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// issued is where a delegation of the service's waits to be claimed.
func (s *Service) issued(audience string, c cid.Cid) string {
	return fmt.Sprintf("%s%s/%016x/%v", sideIssued, audience, ^uint64(s.o.Now().UnixMilli()), c)
}

// left is where one that somebody left here waits.
func left(audience string, c cid.Cid) string { return sideGranted + audience + "/" + c.String() }

// hold stores delegations for their audiences to claim.
func (s *Service) hold(ctx context.Context, all []delegation.Delegation, where func(audience string, c cid.Cid) string) (edits []prolly.Edit, err error) {
	for _, d := range all {
		root, err := cidOf(d.Link())
		if err != nil {
			return nil, err
		}
		blocks, err := bundle(ctx, sourceOf(d), root)
		if err == nil {
			err = putBlocks(ctx, s.e, blocks)
		}
		if err != nil {
			return nil, err
		}
		for _, b := range blocks {
			c, err := cidOf(b.Link())
			if err != nil {
				return nil, err
			}
			edits = append(edits, putLink(sideBlock+c.String(), c))
		}
		edits = append(edits, putLink(where(d.Audience().DID().String(), root), root))
	}
	return edits, nil
}

// What a session rests on at most. Anyone may leave delegations to an account
// here: what is large or too many must not keep it from logging in.
const (
	maxSessionProofs = 32
	maxSessionBytes  = maxClaim / 4 // the session is claimed, and its attestation with it once more
	maxSessionBlocks = maxBundleBlocks / 4
)

// heldFor are the delegations to an account that were left here, the smallest
// first, as many as fit: what its agents get of it, by a session.
func (s *Service) heldFor(ctx context.Context, account did.DID) ([]delegation.Proof, error) {
	links, err := s.held(ctx, account.String(), maxPage)
	if err != nil {
		return nil, err
	}
	var chains []*auth.Chain
	for _, c := range links {
		chain, err := s.auth.Load(ctx, c, authSource(s.e.ReadBlock))
		if errors.Is(err, auth.ErrMalformed) || errors.Is(err, auth.ErrBudget) || errors.Is(err, auth.ErrMissing) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !ucan.IsExpired(chain.Delegation()) {
			chains = append(chains, chain)
		}
	}
	slices.SortStableFunc(chains, func(a, b *auth.Chain) int { return a.Bytes() - b.Bytes() })
	var out []delegation.Proof
	size, blocks := 0, 0
	for _, chain := range chains {
		size, blocks = size+chain.Bytes(), blocks+len(chain.CIDs())
		if len(out) == maxSessionProofs || size > maxSessionBytes || blocks > maxSessionBlocks {
			break
		}
		out = append(out, delegation.FromDelegation(chain.Delegation()))
	}
	return out, nil
}

// held lists the delegations that wait for a DID, but those that were revoked:
// those of the service first, and of these the newest.
func (s *Service) held(ctx context.Context, audience string, limit int) (links []cid.Cid, err error) {
	err = side(ctx, s.own, func(r *engine.Root) error {
		for _, prefix := range []string{sideIssued, sideGranted} {
			for e, err := range r.Range(ctx, prolly.Range{Prefix: []byte(prefix + audience + "/"), Limit: limit}) {
				if err != nil {
					return err
				}
				c := e.Value.Link
				if gone, err := (revocations{s}).Revoked(ctx, c); err != nil || gone {
					continue
				}
				if links = append(links, c); len(links) == limit {
					return nil
				}
			}
		}
		return nil
	})
	return links, err
}

// accessDelegate leaves delegations here for their audiences to claim.
func (s *Service) accessDelegate(ctx context.Context, j *job) (*outcome, error) {
	nb, err := caveats(accesscap.DelegateCaveatsReader, j.cap.Nb)
	if err != nil {
		return nil, err
	}
	if len(nb.Delegations.Values) > maxSessionProofs {
		return nil, denied(auth.InvocationCapability, "%d delegations at once", len(nb.Delegations.Values))
	}
	var all []delegation.Delegation
	for _, l := range nb.Delegations.Values {
		c, err := cidOf(l)
		if err != nil {
			return nil, denied(auth.InvocationCapability, "%v", err)
		}
		chain, err := s.auth.Load(ctx, c, authSource(j.source))
		if err != nil {
			return nil, denied("DelegationNotFound", "%v: %v", c, err)
		}
		all = append(all, chain.Delegation())
	}
	edits, err := s.hold(ctx, all, left)
	return &outcome{ok: unit{}, side: edits}, err
}

// maxClaim is how many bytes of delegations one answer hands out: they stand in its
// receipt, which is one block.
const maxClaim = maxBlock * 3 / 4

// accessClaim hands out the delegations that wait for a DID, as many as fit.
func (s *Service) accessClaim(ctx context.Context, j *job) (*outcome, error) {
	links, err := s.held(ctx, j.cap.With, maxPage)
	if err != nil {
		return nil, err
	}
	model, size := accesscap.DelegationsModel{Values: map[string][]byte{}}, 0
	for _, c := range links {
		n := len(model.Keys)
		if err := archive(ctx, &model, linkOf(c), s.e.ReadBlock); err != nil {
			return nil, err
		}
		name := model.Keys[n]
		if take := len(model.Values[name]) + 2*len(name); size+take > maxClaim {
			model.Keys = model.Keys[:n]
			delete(model.Values, name)
		} else {
			size += take
		}
	}
	return &outcome{ok: accesscap.ClaimOk{Delegations: model}}, nil
}

// archive adds a delegation to a model: its CAR, under its CID.
func archive(ctx context.Context, m *accesscap.DelegationsModel, l ipld.Link, read blockSource) error {
	c, err := cidOf(l)
	if err != nil {
		return err
	}
	blocks, err := bundle(ctx, read, c)
	if err != nil {
		return fmt.Errorf("space: delegation %v: %w", c, err)
	}
	var b bytes.Buffer
	if err := writeCAR(&b, blocks[0], blocks[1:]); err != nil {
		return err
	}
	m.Keys = append(m.Keys, c.String())
	m.Values[c.String()] = b.Bytes()
	return nil
}

package auth

import (
	"github.com/storacha/go-ucanto/core/dag/blockstore"
	"github.com/storacha/go-ucanto/core/delegation"
	"github.com/storacha/go-ucanto/core/ipld"
)

// Carry chooses the proofs to send with a UCAN that rests on a delegation:
// the delegation with its ancestors and what lies beside it (attestations), or
// the delegation alone with its authorization, whichever has fewer bytes.
// Without an authorization it is the former. The result is for Terms.Proofs.
func Carry(proof *Chain, beside []*Chain, authorization *Chain) (proofs []delegation.Proof, trimmed bool) {
	full := union(append([]*Chain{proof}, beside...))
	if authorization != nil && len(proof.root.bytes)+authorization.Bytes() < full {
		return []delegation.Proof{delegation.FromDelegation(proof.root.alone()), delegation.FromDelegation(authorization.Delegation())}, true
	}
	proofs = append(proofs, delegation.FromDelegation(proof.Delegation()))
	for _, b := range beside {
		proofs = append(proofs, delegation.FromDelegation(b.Delegation()))
	}
	return proofs, false
}

// union is the length of all UCANs of some chains, each counted once.
func union(all []*Chain) (n int) {
	seen := map[string]bool{}
	for _, ch := range all {
		for _, t := range ch.order {
			if !seen[t.cid.KeyString()] {
				seen[t.cid.KeyString()] = true
				n += len(t.bytes)
			}
		}
	}
	return n
}

// alone is the UCAN with no block but its own.
func (t *token) alone() delegation.Delegation {
	r, err := blockstore.NewBlockReader(blockstore.WithBlocks([]ipld.Block{t.block()}))
	if err != nil {
		return t.dlg
	}
	d, err := delegation.NewDelegation(t.block(), r)
	if err != nil { // it was decoded before
		return t.dlg
	}
	return d
}

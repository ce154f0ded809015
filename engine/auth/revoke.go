package auth

import (
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/storacha/go-ucanto/did"
)

// RevokeAbility ends the validity of a UCAN: ucan/revoke {ucan, proof?}, with
// the DID of the principal who revokes.
const RevokeAbility = "ucan/revoke"

// Revoke is the ability, for the abilities of a validator.
func Revoke() Ability {
	return Ability{Can: RevokeAbility, Check: func(c Capability) error {
		_, err := RevocationOf(c)
		return err
	}}
}

// RevocationOf is the UCAN that a capability asks to revoke.
func RevocationOf(c Capability) (cid.Cid, error) {
	target := nbLink(c.Nb, "ucan")
	if c.Can != RevokeAbility || !isUCANLink(target) {
		return cid.Undef, fmt.Errorf("%w: ucan/revoke names no UCAN", ErrMalformed)
	}
	if _, err := did.Parse(c.With); err != nil {
		return cid.Undef, fmt.Errorf("%w: ucan/revoke of %.80q", ErrMalformed, c.With)
	}
	return target, nil
}

// Revocation is the capability to revoke a UCAN, for its issuer or audience,
// or someone upstream. An invocation of it brings the blocks of the UCAN and
// its proofs.
func Revocation(revoker did.DID, target cid.Cid) (Capability, error) {
	nb, err := qp.BuildMap(basicnode.Prototype.Any, 1, func(m datamodel.MapAssembler) {
		qp.MapEntry(m, "ucan", qp.Link(cidlink.Link{Cid: target}))
	})
	if err != nil {
		return Capability{}, fmt.Errorf("auth: %w", err)
	}
	return Capability{Can: RevokeAbility, With: revoker.String(), Nb: nb}, nil
}

// MayRevoke refuses with a *Denied who is neither issuer nor audience of the
// target, nor upstream of it: issuer of a proof that its issuer is the
// audience of, and so on. Downstream is nobody's business here: they have only
// what is for them. That the revoker is who it says is for Access to find out.
func MayRevoke(revoker did.DID, target *Chain) error {
	if revoker == target.root.aud {
		return nil
	}
	seen := map[cid.Cid]bool{}
	todo := []*token{target.root}
	for len(todo) > 0 {
		t := todo[0]
		todo = todo[1:]
		if t.iss == revoker {
			return nil
		}
		for _, p := range t.prf {
			if up := target.tokens[p]; up != nil && up.aud == t.iss && !seen[p] {
				seen[p] = true
				todo = append(todo, up)
			}
		}
	}
	return deny(UnauthorizedRevocation, "", nil, "%s is neither issuer nor audience of %s, nor upstream of it", revoker, target.CID())
}

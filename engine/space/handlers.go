package space

import (
	"context"

	"github.com/ipld/go-ipld-prime/datamodel"
	accesscap "github.com/storacha/go-libstoracha/capabilities/access"
	blobcap "github.com/storacha/go-libstoracha/capabilities/space/blob"
	ucancap "github.com/storacha/go-libstoracha/capabilities/ucan"
	uploadcap "github.com/storacha/go-libstoracha/capabilities/upload"
	"github.com/storacha/go-ucanto/core/result/failure"
	"github.com/storacha/go-ucanto/core/schema"

	"github.com/go-ds-prolly/go-ds-prolly/engine/auth"
)

// handler is what the service does for one ability. An error that is an
// *auth.Denied goes into the receipt.
type handler struct {
	ability auth.Ability
	run     func(ctx context.Context, j *job) (*outcome, error)
}

// newHandlers is all that can be invoked.
func (s *Service) newHandlers() map[string]handler {
	list := []handler{
		{auth.AbilityOf(blobcap.Add), s.blobAdd},
		{auth.AbilityOf(blobcap.List), s.blobList},
		{auth.AbilityOf(blobcap.Get), s.blobGet},
		{auth.AbilityOf(blobcap.Remove), s.blobRemove},
		{auth.AbilityOf(uploadcap.Add), s.uploadAdd},
		{auth.AbilityOf(uploadcap.Get), s.uploadGet},
		{auth.AbilityOf(uploadcap.List), s.uploadList},
		{auth.AbilityOf(uploadcap.Remove), s.uploadRemove},
		{auth.AbilityOf(ucancap.Conclude), s.conclude},
		{auth.AbilityOf(accesscap.Authorize), s.accessAuthorize},
		{auth.AbilityOf(accesscap.Confirm), s.accessConfirm},
		{auth.AbilityOf(accesscap.Claim), s.accessClaim},
		{auth.AbilityOf(accesscap.Delegate), s.accessDelegate},
		{auth.Revoke(), s.revoke},
		{auth.Ability{Can: auth.AuthorizeAbility}, s.ucanAuthorize},
	}
	older := list[2] // clients in the field use either name
	older.ability.Can, older.ability.Check = "space/blob/get", nil
	m := map[string]handler{}
	for _, h := range append(list, older) {
		h.ability = withoutNb(h.ability)
		m[h.ability.Can] = h
	}
	return m
}

// withoutNb takes a capability that has no nb, as JavaScript writes an empty one.
func withoutNb(a auth.Ability) auth.Ability {
	check := a.Check
	if check != nil {
		a.Check = func(c auth.Capability) error {
			if c.Nb == nil {
				c.Nb = emptyMap
			}
			return check(c)
		}
	}
	return a
}

// abilitySync is what a sync of a space is authorized with: nb has the head.
const abilitySync = "space/sync"

func (s *Service) newValidator() (*auth.Validator, error) {
	abilities := []auth.Ability{{Can: abilitySync}}
	for _, h := range s.newHandlers() {
		abilities = append(abilities, h.ability)
	}
	return auth.New(auth.Config{
		Service: s.me, Abilities: abilities, Revocations: revocations{s}, Now: s.o.Now,
		Lists: authSource(s.e.ReadBlock),
	})
}

// caveats reads nb as a type; what does not fit is refused.
func caveats[C any](r schema.Reader[any, C], nb datamodel.Node) (c C, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = denied(auth.InvocationCapability, "nb: %v", p)
		}
	}()
	if nb == nil {
		nb = emptyMap
	}
	var bad failure.Failure
	if c, bad = r.Read(nb); bad != nil {
		return c, denied(auth.InvocationCapability, "nb: %v", bad)
	}
	return c, nil
}

package auth

import (
	"errors"
	"fmt"

	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/storacha/go-ucanto/core/delegation"
	"github.com/storacha/go-ucanto/core/invocation"
	"github.com/storacha/go-ucanto/ucan"
	"github.com/storacha/go-ucanto/validator"
)

// parser is an ability in the shape that the library's validator asks for. The
// library's own compares the nb of a claim with themselves; this one with
// those that were delegated. Its methods run on goroutines of the library,
// where a panic would end the process.
type parser struct {
	ability Ability
	r       *request
}

// match is a capability of a delegation that allows what is claimed below it.
type match struct {
	parser *parser
	source validator.Source
	value  Capability
}

var (
	_ validator.CapabilityParser[any] = (*parser)(nil)
	_ validator.Match[any]            = (*match)(nil)

	errNoBuilder = errors.New("auth: a parser does not issue")
)

func (p *parser) Can() ucan.Ability { return p.ability.Can }
func (p *parser) String() string    { return fmt.Sprintf("{can:%q}", p.ability.Can) }

// Match reads what is claimed.
func (p *parser) Match(s validator.Source) (validator.Match[any], validator.InvalidCapability) {
	c := sourceCapability(s)
	if c.Can != p.ability.Can {
		return nil, validator.NewUnknownCapabilityError(s.Capability())
	}
	if err := p.ability.check(c); err != nil {
		return nil, validator.NewMalformedCapabilityError(s.Capability(), err)
	}
	return &match{parser: p, source: s, value: c}, nil
}

func (p *parser) Select(all []validator.Source) ([]validator.Match[any], []validator.DelegationError, []ucan.Capability[any]) {
	return validator.Select(p, all)
}

func (p *parser) New(with ucan.Resource, nb any) ucan.Capability[any] {
	return ucan.NewCapability(p.ability.Can, with, nb)
}

func (p *parser) Delegate(ucan.Signer, ucan.Principal, ucan.Resource, any, ...delegation.Option) (delegation.Delegation, error) {
	return nil, errNoBuilder
}

func (p *parser) Invoke(ucan.Signer, ucan.Principal, ucan.Resource, any, ...delegation.Option) (invocation.IssuedInvocation, error) {
	return nil, errNoBuilder
}

func (m *match) Source() []validator.Source  { return []validator.Source{m.source} }
func (m *match) Value() ucan.Capability[any] { return m.value.ucan() }
func (m *match) Proofs() []delegation.Delegation {
	return []delegation.Delegation{m.source.Delegation()}
}

func (m *match) String() string { return fmt.Sprintf("{can:%q,with:%q}", m.value.Can, m.value.With) }

// Prune ends the search where the issuer may say so by itself.
func (m *match) Prune(c validator.CanIssuer[any]) validator.Match[any] {
	if c.CanIssue(m.Value(), m.source.Delegation().Issuer().DID()) {
		return nil
	}
	return m
}

// Select finds the capabilities that allow this one.
func (m *match) Select(all []validator.Source) (found []validator.Match[any], bad []validator.DelegationError, unknown []ucan.Capability[any]) {
	if m.parser.r.spend(spending{comparisons: len(all)}) != nil {
		return nil, nil, nil
	}
	for _, s := range all {
		c := sourceCapability(s)
		if !covers(c.Can, m.value.Can) {
			unknown = append(unknown, s.Capability())
			continue
		}
		up, err := m.parser.ability.derive(m.value, c)
		if err != nil {
			escalated := validator.NewEscalatedCapabilityError(m.value.ucan(), s.Capability(), err)
			bad = append(bad, validator.NewDelegationError([]validator.DelegationSubError{escalated}, m))
			continue
		}
		found = append(found, &match{parser: m.parser, source: s, value: up})
	}
	return found, bad, unknown
}

// sourceCapability is what a token of ours claims or delegates.
func sourceCapability(s validator.Source) Capability {
	c := s.Capability()
	nb, _ := c.Nb().(datamodel.Node)
	return Capability{Can: c.Can(), With: c.With(), Nb: nb}
}

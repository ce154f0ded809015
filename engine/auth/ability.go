package auth

import (
	"fmt"
	"strings"

	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/storacha/go-ucanto/ucan"
	"github.com/storacha/go-ucanto/validator"
)

// Capability is what a UCAN claims or delegates. Nb is a map, or nil.
type Capability struct {
	Can  string
	With string
	Nb   datamodel.Node
}

// Ability says what an invocation of one ability looks like, and which
// delegations allow it.
type Ability struct {
	Can string

	// Check refuses capabilities that are malformed; nil refuses none.
	Check func(c Capability) error

	// Derives refuses nb that go beyond what was delegated; both are maps. The
	// second has the fields of the first, overlaid with those that the
	// delegation names. Nil asks that each field that the delegation names has
	// the same value. A panic in it, or in Check, is a refusal.
	Derives func(claimed, delegated datamodel.Node) error
}

// AbilityOf is the ability of a typed capability, which checks its form. What
// may be derived is not taken from there: the library of this version compares
// a claim with itself. Set Derives for anything but equality.
func AbilityOf[C any](p validator.CapabilityParser[C]) Ability {
	return Ability{Can: p.Can(), Check: func(c Capability) error {
		if _, bad := p.Match(validator.NewSource(c.ucan(), nil)); bad != nil {
			return fmt.Errorf("%s", bad.Error())
		}
		return nil
	}}
}

// ucan is the capability as the library's value.
func (c Capability) ucan() ucan.Capability[any] {
	if c.Nb == nil {
		return ucan.NewCapability[any](c.Can, c.With, nil)
	}
	return ucan.NewCapability[any](c.Can, c.With, c.Nb)
}

// covers tells whether an ability lies in a pattern: itself, "*", or "a/*"
// for "a/b".
func covers(pattern, can string) bool {
	prefix, wild := strings.CutSuffix(pattern, "/*")
	return pattern == can || pattern == "*" || wild && strings.HasPrefix(can, prefix+"/")
}

// derive works out what a delegated capability says of a claim: the
// capability that must hold further up, or why it does not allow the claim.
// Resources are equal, or the delegation is of "ucan:*", everything that its
// issuer holds.
func (a Ability) derive(claimed, delegated Capability) (Capability, error) {
	if delegated.With != claimed.With && delegated.With != "ucan:*" {
		return Capability{}, fmt.Errorf("resource %s is not contained by %s", claimed.With, delegated.With)
	}
	up := Capability{Can: claimed.Can, With: claimed.With, Nb: overlay(claimed.Nb, delegated.Nb)}
	derives := a.Derives
	if derives == nil {
		derives = sameFields
	}
	if delegated.Nb == nil || delegated.Nb.Length() == 0 {
		return up, nil
	}
	nb := claimed.Nb
	if nb == nil {
		nb = noFields
	}
	return up, guarded(func() error { return derives(nb, up.Nb) })
}

var noFields, _ = qp.BuildMap(basicnode.Prototype.Any, 0, func(datamodel.MapAssembler) {})

// check holds a claim to the ability's form.
func (a Ability) check(c Capability) error {
	if a.Check == nil {
		return nil
	}
	return guarded(func() error { return a.Check(c) })
}

// guarded turns a panic into an error: rules run on goroutines of the library,
// where it would end the process.
func guarded(rule func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("rule: %v", r)
		}
	}()
	return rule()
}

// sameFields refuses a claim that differs in a field.
func sameFields(claimed, delegated datamodel.Node) error {
	for it := delegated.MapIterator(); !it.Done(); {
		k, v, err := it.Next()
		if err != nil {
			return err
		}
		name, err := k.AsString()
		if err != nil {
			return err
		}
		got, err := claimed.LookupByString(name)
		if err != nil || !datamodel.DeepEqual(got, v) {
			return fmt.Errorf("nb.%s is not as delegated", name)
		}
	}
	return nil
}

// overlay is a map with the fields of both, those of the second where both
// have them.
func overlay(under, over datamodel.Node) datamodel.Node {
	if over == nil || over.Length() == 0 {
		return under
	}
	if under == nil || under.Length() == 0 {
		return over
	}
	n, err := qp.BuildMap(basicnode.Prototype.Any, -1, func(m datamodel.MapAssembler) {
		for i, from := range []datamodel.Node{under, over} {
			for it := from.MapIterator(); !it.Done(); {
				k, v, err := it.Next()
				if err != nil {
					return
				}
				name, _ := k.AsString()
				if above, _ := over.LookupByString(name); i == 1 || above == nil {
					qp.MapEntry(m, name, qp.Node(v))
				}
			}
		}
	})
	if err != nil { // both are maps of screened blocks
		return over
	}
	return n
}

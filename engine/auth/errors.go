package auth

import (
	"errors"
	"fmt"

	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	"github.com/ipld/go-ipld-prime/node/basicnode"
)

var (
	// ErrMalformed: bytes that the screen refuses.
	ErrMalformed = errors.New("malformed UCAN")

	// ErrBudget: a request costs more than its limits allow.
	ErrBudget = errors.New("over the budget of a request")

	// ErrMissing: a source does not have the block.
	ErrMissing = errors.New("no such block")

	// ErrOpenEnded: a delegation of "ucan:*" cannot be authorized as such,
	// since nobody can tell what its issuer will hold. A UCAN of the agent to
	// itself that names the resource can.
	ErrOpenEnded = errors.New("delegation names no resource")

	// ErrKeyFile: a file is not one that holds a key and is closed to others.
	ErrKeyFile = errors.New("bad key file")
)

// Names of refusals, as on today's wire.
const (
	Unauthorized           = "Unauthorized"
	InvalidAudience        = "InvalidAudience"
	Expired                = "Expired"
	NotValidBefore         = "NotValidBefore"
	Revoked                = "Revoked"
	InsufficientStorage    = "InsufficientStorage"
	HandlerNotFound        = "HandlerNotFoundError"
	InvocationCapability   = "InvocationCapabilityError"
	HandlerExecution       = "HandlerExecutionError"
	MalformedInvocation    = "MalformedInvocation"
	BudgetExceeded         = "BudgetExceeded"
	InvalidSignature       = "InvalidSignature"
	EscalatedCapability    = "EscalatedCapability"
	UnauthorizedRevocation = "UnauthorizedRevocation"
)

// maxMessage is the length in bytes to which the text of a refusal is cut.
const maxMessage = 2048

// Denied is a refusal, as it goes into a receipt: the same refusal gives the
// same bytes, so it has no stack and no time of day. It is an error of the
// caller, never of the service.
type Denied struct {
	Code   string // a name of this package: Unauthorized and so on
	Reason string // the name of what made it so: Expired, Revoked, InvalidSignature …; perhaps empty
	Text   string // for people; at most 2 KiB
	Err    error  // a sentinel of this package, or nil
}

// Name is what receipts have under out.error.name.
func (d *Denied) Name() string { return d.Code }

func (d *Denied) Error() string {
	if d.Reason == "" || d.Reason == d.Code {
		return fmt.Sprintf("%s: %s", d.Code, d.Text)
	}
	return fmt.Sprintf("%s (%s): %s", d.Code, d.Reason, d.Text)
}

func (d *Denied) Unwrap() error { return d.Err }

// ToIPLD is what stands in a receipt under out.error.
func (d *Denied) ToIPLD() (datamodel.Node, error) {
	return qp.BuildMap(basicnode.Prototype.Any, -1, func(m datamodel.MapAssembler) {
		qp.MapEntry(m, "name", qp.String(d.Code))
		qp.MapEntry(m, "message", qp.String(d.Text))
		if d.Reason != "" && d.Reason != d.Code {
			qp.MapEntry(m, "cause", qp.Map(1, func(m datamodel.MapAssembler) {
				qp.MapEntry(m, "name", qp.String(d.Reason))
			}))
		}
	})
}

// deny makes a refusal; long texts are cut.
func deny(code, reason string, err error, format string, args ...any) *Denied {
	text := fmt.Sprintf(format, args...)
	if len(text) > maxMessage {
		text = text[:maxMessage]
	}
	return &Denied{Code: code, Reason: reason, Text: text, Err: err}
}

// Refusal is the refusal that an error of Load or Access comes to, for a
// receipt. Errors of the service, which say nothing about the request, are
// none; nor is *Replayed.
func Refusal(err error) (*Denied, bool) {
	var d *Denied
	switch {
	case errors.As(err, &d):
		return d, true
	case errors.Is(err, ErrMalformed):
		return deny(MalformedInvocation, "", ErrMalformed, "%v", err), true
	case errors.Is(err, ErrBudget):
		return deny(Unauthorized, BudgetExceeded, ErrBudget, "%v", err), true
	}
	return nil, false
}

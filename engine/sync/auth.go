package sync

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"strings"

	cid "github.com/ipfs/go-cid"
)

// OpKind is what is to be done.
type OpKind string

const (
	OpList   OpKind = "list"   // the names of branches
	OpRead   OpKind = "read"   // a branch, or blocks by their CID
	OpWrite  OpKind = "write"  // move a branch
	OpCreate OpKind = "create" // make one
	OpForce  OpKind = "force"  // move a branch to what does not descend from it; asked after OpWrite, with HandlerOptions.Force
)

// Op is what a request asks to be allowed.
type Op struct {
	Kind   OpKind
	Branch string  // empty for OpList, and for blocks asked for without one
	CID    cid.Cid // of what is asked for by its name; of the new head for a write
}

// Authorize decides whether a request may do an Op: nil, or an error that wraps
// ErrUnauthorized or ErrForbidden. It is called before anything is done or told,
// by many goroutines at once; it must not read the body.
type Authorize func(r *http.Request, op Op) error

// ReadOnly allows whatever changes nothing. It is what a Handler does unless
// told otherwise.
func ReadOnly(_ *http.Request, op Op) error {
	if op.Kind == OpList || op.Kind == OpRead {
		return nil
	}
	return fmt.Errorf("%w: this server is read-only", ErrForbidden)
}

// BearerToken allows everything to who sends the token ("Authorization: Bearer
// …"), and reading to everybody when openRead is set. The comparison takes the
// same time whatever was sent.
func BearerToken(token string, openRead bool) Authorize {
	want := sha256.Sum256([]byte(token))
	return func(r *http.Request, op Op) error {
		if openRead && (op.Kind == OpList || op.Kind == OpRead) {
			return nil
		}
		scheme, sent, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(strings.TrimSpace(sent)))
		same := subtle.ConstantTimeCompare(want[:], got[:]) == 1
		if token == "" || !strings.EqualFold(scheme, "Bearer") || !same {
			return fmt.Errorf("%w: a bearer token is needed", ErrUnauthorized)
		}
		return nil
	}
}

package sync

import (
	"errors"
	"fmt"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

var (
	// ErrProtocol: the peer sent what the protocol does not allow: a malformed
	// frame, keys out of order, a block that is not what its name says.
	ErrProtocol = errors.New("sync: protocol violated")

	// ErrTruncated: the stream ended before its end mark.
	ErrTruncated = errors.New("sync: stream cut short")

	// ErrWrongRoot: what the peer sent does not have the root it announced.
	ErrWrongRoot = errors.New("sync: content does not have the announced root")

	// ErrDiverged: both sides have what the other lacks, and nobody said how to
	// merge. Nothing was changed.
	ErrDiverged = errors.New("sync: branches have diverged")

	// ErrRollback: the remote branch is at an older state than it had shown.
	ErrRollback = errors.New("sync: remote branch went back")

	// ErrUncommitted: the branch has commits, and writes after the last one.
	ErrUncommitted = errors.New("sync: writes are not committed")

	// ErrUnauthorized: who is calling is not known; ErrForbidden: it is, and may
	// not do this.
	ErrUnauthorized = errors.New("sync: unauthorized")
	ErrForbidden    = errors.New("sync: forbidden")

	// ErrSilent: the peer sent nothing for longer than Budget.Idle.
	ErrSilent = errors.New("sync: peer is silent")

	// ErrBusy: the server does as much as it is allowed to.
	ErrBusy = errors.New("sync: server is busy")

	// ErrBudget: a peer went beyond what it was allowed; a *BudgetError says in
	// what.
	ErrBudget = errors.New("sync: over budget")

	// ErrRemote: the server failed.
	ErrRemote = errors.New("sync: remote failure")

	// ErrMissing is engine.ErrMissing: a block that an entry names is on neither
	// side.
	ErrMissing = engine.ErrMissing

	// ErrNoBranch is engine.ErrNoBranch.
	ErrNoBranch = engine.ErrNoBranch
)

// BudgetError says what was too much. It wraps ErrBudget.
type BudgetError struct {
	What  string
	Limit int64
}

func (e *BudgetError) Error() string { return fmt.Sprintf("sync: more than %d %s", e.Limit, e.What) }
func (e *BudgetError) Unwrap() error { return ErrBudget }

// malformed is an ErrProtocol with its cause.
func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrProtocol, fmt.Sprintf(format, args...))
}

// codes are how errors are named on the wire, and the HTTP status that goes with
// each. The first that an error is counts.
var codes = []struct {
	code   string
	status int
	err    error
}{
	{"unauthorized", 401, ErrUnauthorized},
	{"forbidden", 403, ErrForbidden},
	{"budget", 413, ErrBudget},
	{"diverged", 409, ErrDiverged},
	{"rollback", 409, ErrRollback},
	{"uncommitted", 409, ErrUncommitted},
	{"wrong-root", 422, ErrWrongRoot},
	{"truncated", 400, ErrTruncated},
	{"protocol", 400, ErrProtocol},
	{"silent", 408, ErrSilent},
	{"busy", 503, ErrBusy},
	{"no-branch", 404, engine.ErrNoBranch},
	{"bad-name", 400, engine.ErrBadName},
	{"missing", 404, engine.ErrMissing},
	{"conflict", 409, engine.ErrConflict},
}

// codeOf names an error for the peer. Others' errors are not told: they may speak
// of files.
func codeOf(err error) (code string, status int, text string) {
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return c.code, c.status, err.Error()
		}
	}
	return "failed", 500, "the server failed"
}

// remoteError is an error that the peer told.
type remoteError struct {
	err  error
	text string
}

func (e remoteError) Error() string { return "remote: " + e.text }
func (e remoteError) Unwrap() error { return e.err }

// errorOf is the inverse of codeOf.
func errorOf(code, text string) error {
	const longest = 400
	if len(text) > longest {
		text = text[:longest] + "…"
	}
	for _, c := range codes {
		if c.code == code {
			return remoteError{c.err, text}
		}
	}
	return remoteError{ErrRemote, text}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/plain"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/sync"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Exit statuses (C1).
const (
	exitOK     = 0
	exitNo     = 1 // not found, differs, conflict, problem found, refuted
	exitFailed = 2
)

// errNo ends a command with exitNo when the output has said it all.
var errNo = errors.New("no")

// notFoundError says which key, or which place, there is nothing at.
type notFoundError struct{ what string }

func (e notFoundError) Error() string   { return e.what + ": not found" }
func (e notFoundError) Is(t error) bool { return t == engine.ErrNotFound }

func keyNotFound(key []byte) error { return notFoundError{"key " + quote(key)} }

func quote(b []byte) string { return `"` + plain.Bytes(b) + `"` }

// usageError is a command line that makes no sense.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// wantArgs is a check of the number of arguments; max below 0 is no limit.
func wantArgs(min, max int) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < min {
			return usagef("%d arguments given, %d wanted", len(args), min)
		}
		if max >= 0 && len(args) > max {
			return usagef("%d arguments given, %d taken", len(args), max)
		}
		return nil
	}
}

// report says on stderr what went wrong and returns the exit status.
func (a *app) report(ctx context.Context, cmd *cobra.Command, err error) int {
	switch {
	case err == nil, errors.Is(err, syscall.EPIPE):
		return exitOK // nobody listens any more: not our failure
	case err == errNo:
		return exitNo
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		fmt.Fprintln(a.stderr, "prollyctl: interrupted")
		return exitFailed
	}
	fmt.Fprintln(a.stderr, "prollyctl:", plain.Clean(oneLine(err)))
	if hint := a.hint(cmd, err); hint != "" {
		fmt.Fprintln(a.stderr, hint)
	}
	if errors.Is(err, prolly.ErrConflict) || errors.Is(err, sync.ErrDiverged) {
		return exitNo
	}
	switch err.(type) {
	case notFoundError, refutedError:
		return exitNo
	}
	return exitFailed
}

// oneLine is the text of an error without line feeds.
func oneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\t' }), " ")
}

// hintedError comes with what to do about it.
type hintedError struct {
	error
	hint string
}

func (e hintedError) Unwrap() error { return e.error }

// hint says what to do about an error.
func (a *app) hint(cmd *cobra.Command, err error) string {
	var usage usageError
	var hinted hintedError
	switch {
	case errors.As(err, &hinted):
		return hinted.hint
	case errors.Is(err, engine.ErrNoStore):
		return "Make one with: prollyctl" + a.storeOption() + " init"
	case errors.Is(err, engine.ErrLocked):
		return "Try again when that one is done."
	case errors.Is(err, engine.ErrNoBranch):
		return "To see which there are: prollyctl" + a.storeOption() + " branch"
	case errors.Is(err, sync.ErrUncommitted):
		return "Commit them first: prollyctl" + a.storeOption() + " commit"
	case errors.Is(err, prolly.ErrConflict), errors.Is(err, sync.ErrDiverged):
		return "Nothing was changed. --resolve decides conflicts: see " + cmd.CommandPath() + " --help"
	case errors.Is(err, engine.ErrUncommitted):
		return "Commit them first, or use --force."
	case errors.Is(err, engine.ErrUnknownRef) && !errors.Is(err, engine.ErrHistoryCut):
		return "A REF is a branch, branch~n, a tag, or the CID of a commit or root."
	case errors.As(err, &usage):
		return "See: " + cmd.CommandPath() + " --help"
	}
	return ""
}

// storeOption is the option that names the store, where it needs naming.
func (a *app) storeOption() string {
	if a.store == defaultStore || a.store == os.Getenv(storeEnv) {
		return ""
	}
	return " --store " + plain.String(a.store)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	cid "github.com/ipfs/go-cid"
	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/plain"
	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

type verifyOptions struct {
	keyOption
	get string
}

func newVerify(a *app) *cobra.Command {
	var o verifyOptions
	c := &cobra.Command{
		Use:   "verify FILE|- [ROOT]",
		Short: "Check a proof and print what it proves",
		Long: `verify checks a proof that prove has written, and prints what it proves about
the version with this ROOT. It needs no store and trusts nothing but ROOT, the
CID that "prollyctl root" prints. Without ROOT it takes the one that the file
names: then it is you who must compare it.

With --get it writes the value of a key that is in the proof, as get does. The
exit status is 1 when the proof is refuted, and with --get when it is proven
that there is no such key. Counts and ranks are as good as the root's maker: see
docs/proofs.md.`,
		Example: `  prollyctl verify both.proof bafyreigmvdarmurasghooeto6b5ley22o2brndlz7k6xgxv3oqjja6axyu
  prollyctl prove --range --prefix user/ | prollyctl verify - $(prollyctl root)
  prollyctl verify logo.proof --get logo > logo.png
  prollyctl verify both.proof -o json`,
		Args: wantArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			if c.Flags().Changed("get") {
				return a.verifiedValue(c.Context(), args, o)
			}
			return a.verify(args)
		},
	}
	o.keyOption.register(c)
	c.Flags().StringVar(&o.get, "get", "", "write the value of this key")
	return c
}

// verified reads a proof and verifies it. named tells whether the command line
// names the root.
func (a *app) verified(args []string) (f prolly.Facts, named bool, err error) {
	p, err := a.readProof(args[0])
	if err != nil {
		return f, false, err
	}
	if len(args) == 2 {
		root, err := cid.Decode(unlink(args[1]))
		if err == nil {
			_, err = codec.HashOf(root)
		}
		if err != nil {
			return f, true, usageError{fmt.Errorf("%q is no root: %w", args[1], err)}
		}
		f, err = prolly.Verify(root, p)
		return f, true, err
	}
	root, err := p.Root()
	if err == nil {
		f, err = prolly.Verify(root, p)
	}
	return f, false, err
}

func (a *app) readProof(path string) (p prolly.Proof, err error) {
	if path == "-" {
		return prolly.ReadProof(a.stdin, 0)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return prolly.ReadProof(f, 0)
}

// refutedInfo is a failed verification as JSON.
type refutedInfo struct {
	Verified bool   `json:"verified"` // false
	Problem  string `json:"problem"`
}

func (a *app) verify(args []string) error {
	f, named, err := a.verified(args)
	if errors.Is(err, prolly.ErrRefuted) {
		problem := strings.TrimPrefix(oneLine(err), prolly.ErrRefuted.Error()+": ")
		err = a.print(refutedInfo{Problem: problem}, func(w io.Writer) { fmt.Fprintln(w, "refuted:", plain.Clean(problem)) })
		if err == nil {
			err = errNo
		}
	}
	if err != nil {
		return err
	}
	info, err := newFactsInfo(&f, named)
	if err != nil {
		return err
	}
	return a.print(info, func(w io.Writer) { writeFacts(w, &f, named) })
}

// verifiedValue writes a value that is in the proof.
func (a *app) verifiedValue(ctx context.Context, args []string, o verifyOptions) error {
	key, err := o.parse(o.get)
	if err != nil {
		return err
	}
	f, _, err := a.verified(args)
	if errors.Is(err, prolly.ErrRefuted) {
		return refutedError{err}
	}
	if err != nil {
		return err
	}
	e, err := f.Tree().Lookup(ctx, key)
	switch {
	case errors.Is(err, prolly.ErrNotFound):
		return keyNotFound(key)
	case errors.Is(err, prolly.ErrMissing):
		return fmt.Errorf("the proof says nothing about the key %s", quote(key))
	case err != nil:
		return err
	case e.Value.Link.Defined():
		_, err = fmt.Fprintln(a.stdout, e.Value.Link)
		return err
	}
	err = a.copyValue(ctx, f.Tree(), key)
	if errors.Is(err, prolly.ErrMissing) {
		return fmt.Errorf("the value of %s is proven by its CID alone; prove --values puts it into the proof", quote(key))
	}
	return err
}

// refutedError ends a command with exitNo and its message on stderr.
type refutedError struct{ error }

func (e refutedError) Unwrap() error { return e.error }

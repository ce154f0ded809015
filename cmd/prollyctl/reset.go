package main

import (
	"context"
	"fmt"
	"io"

	cid "github.com/ipfs/go-cid"
	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/plain"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

type resetOptions struct {
	is    string
	force bool
}

func newReset(a *app) *cobra.Command {
	var o resetOptions
	c := &cobra.Command{
		Use:   "reset REF",
		Short: "Move the branch to another version",
		Long: `reset makes the branch begin again at a REF, with its content and its history. With
--if it does so only when the last commit of the branch is the one given. It
refuses a branch with writes that are not committed; --force discards them.`,
		Example: `  prollyctl reset main~1
  prollyctl reset v1 --force
  prollyctl reset draft --if bafyreib3h7z6zqsn4mxoqbiwiwnztqsq7ynl7w4wyhmb53hqkqpoyqwlju`,
		Args:              wantArgs(1, 1),
		ValidArgsFunction: a.completeRefs,
		RunE:              func(c *cobra.Command, args []string) error { return a.reset(c.Context(), args[0], o) },
	}
	c.Flags().StringVar(&o.is, "if", "", "CID that the last commit must have")
	c.Flags().BoolVarP(&o.force, "force", "f", false, "discard writes that are not committed")
	return c
}

func (a *app) reset(ctx context.Context, ref string, o resetOptions) error {
	want := cid.Undef
	if o.is != "" {
		var err error
		if want, err = cid.Decode(unlink(o.is)); err != nil {
			return usageError{fmt.Errorf("--if %q: %w", o.is, err)}
		}
	}
	return a.writing(ctx, func(s *session) error {
		b, err := s.e.Lookup(ctx, s.branch)
		if err != nil {
			return err
		}
		r, err := b.Reset(ctx, unlink(ref), engine.ResetOptions{If: want, Discard: o.force})
		if err != nil {
			return err
		}
		r.Branch = b.Name()
		info, err := s.rootInfo(ctx, r)
		if err != nil {
			return err
		}
		return s.print(info, func(w io.Writer) {
			at := info.Root
			if info.Commit.Defined() {
				at = info.Commit
			}
			fmt.Fprintf(w, "branch %s is at %v, %s\n", plain.String(b.Name()), at, many(info.Entries, "entry", "entries"))
		})
	})
}

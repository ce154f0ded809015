package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/plain"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

type revertOptions struct {
	resolveOption
	message string
	parent  int
}

// A revert has no newest side.
var revertResolvers = []string{"fail", "ours", "theirs", "both"}

func newRevert(a *app) *cobra.Command {
	var o revertOptions
	c := &cobra.Command{
		Use:   "revert REF",
		Short: "Take a commit's changes back, and commit",
		Long: `revert changes the branch back where a commit has changed it, and commits. What was
changed again since is a conflict, which ends it with exit status 1 and nothing
changed, unless --resolve decides: ours (as it is now), theirs (as it was before
the commit), both (the latter under the key with --suffix). Of a merge, --parent
says which side to go back to: 1 is the branch it was made on.`,
		Example: `  prollyctl revert main
  prollyctl revert main~3 --resolve ours -m "without the third last"
  prollyctl revert main --parent 1`,
		Args:              wantArgs(1, 1),
		ValidArgsFunction: a.completeRefs,
		RunE:              func(c *cobra.Command, args []string) error { return a.revert(c, args[0], o) },
	}
	o.register(c, revertResolvers)
	c.Flags().StringVarP(&o.message, "message", "m", "", "message of the commit")
	c.Flags().IntVar(&o.parent, "parent", 0, "of a merge, the parent to go back to, from 1 on")
	return c
}

// revertInfo is a revert as JSON.
type revertInfo struct {
	commitInfo
	Reverted  uint64 `json:"reverted"`  // keys
	Conflicts uint64 `json:"conflicts"` // keys changed again since
}

func (a *app) revert(c *cobra.Command, ref string, o revertOptions) error {
	ctx := c.Context()
	resolve, _, err := o.resolver(c, revertResolvers)
	if err != nil {
		return err
	}
	return a.writing(ctx, func(s *session) error {
		b, err := s.e.Lookup(ctx, s.branch)
		if err != nil {
			return err
		}
		commit, stats, err := b.Revert(ctx, unlink(ref), engine.RevertOptions{Resolve: resolve, Parent: o.parent, Message: o.message})
		if err != nil {
			return err
		}
		info := revertInfo{Reverted: stats.Taken, Conflicts: stats.Conflicts}
		if info.commitInfo, err = s.commitInfo(ctx, commit, b.Name()); err != nil {
			return err
		}
		return s.print(info, func(w io.Writer) {
			fmt.Fprintf(w, "%s: %s taken back\n", plain.String(b.Name()), many(info.Reverted, "change", "changes"))
			fmt.Fprintf(w, "%s #%d  %v  %s\n", plain.String(b.Name()), commit.Seq, commit.CID, many(info.Entries, "entry", "entries"))
		})
	})
}

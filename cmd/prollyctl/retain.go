package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

func newRetain(a *app) *cobra.Command {
	var r engine.Retention
	c := &cobra.Command{
		Use:   "retain",
		Short: "Cut off old history",
		Long: `retain keeps the newest commits of each branch and tag, and cuts off the history
beyond: those that are among the last, or young enough, are kept. The next gc
drops what was cut off. A cut stays. With --only, the histories of some branches
are cut and all others kept whole.`,
		Example: `  prollyctl retain --last 10 && prollyctl gc
  prollyctl retain --age 720h --last 1
  prollyctl retain --last 100 --only main --dry-run -o json`,
		Args: wantArgs(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return a.retain(c.Context(), r) },
	}
	c.Flags().IntVar(&r.Last, "last", 0, "keep so many of the newest commits")
	c.Flags().DurationVar(&r.Age, "age", 0, "keep commits that are not older, such as 36h")
	c.Flags().StringArrayVar(&r.Branches, "only", nil, "cut the history of this branch only; may be repeated")
	c.Flags().BoolVarP(&r.DryRun, "dry-run", "n", false, "cut nothing")
	must(c.RegisterFlagCompletionFunc("only", a.completeBranches))
	return c
}

// retainInfo is what retain did, as JSON.
type retainInfo struct {
	DryRun bool   `json:"dryRun"`
	Kept   uint64 `json:"kept"` // commits
	Cuts   uint64 `json:"cuts"` // of them, with history cut off behind
}

func (a *app) retain(ctx context.Context, r engine.Retention) error {
	if r.Last < 0 || r.Age < 0 || r.Last == 0 && r.Age < time.Millisecond {
		return usagef("say with --last or --age what to keep")
	}
	return a.writing(ctx, func(s *session) error {
		done, err := s.e.Retain(ctx, r)
		if err != nil {
			return err
		}
		return s.print(retainInfo{r.DryRun, done.Kept, done.Cuts}, func(w io.Writer) {
			verb := "cut off behind"
			if r.DryRun {
				verb = "would be cut off behind"
			}
			fmt.Fprintf(w, "kept %s; history %s %s\n", many(done.Kept, "commit", "commits"), verb, many(done.Cuts, "of them", "of them"))
		})
	})
}

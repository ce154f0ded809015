package main

import (
	"context"

	"github.com/spf13/cobra"
)

// refOption is the option --ref of commands that read entries.
type refOption struct{ ref string }

func (o *refOption) register(a *app, c *cobra.Command) {
	c.Flags().StringVar(&o.ref, "ref", "", "read this REF instead of the branch")
	must(c.RegisterFlagCompletionFunc("ref", a.completeRefs))
}

// completeBranches offers the names of branches.
func (a *app) completeBranches(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return a.names(c.Context(), false), cobra.ShellCompDirectiveNoFileComp
}

// completeRefs offers the names of branches and tags.
func (a *app) completeRefs(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return a.names(c.Context(), true), cobra.ShellCompDirectiveNoFileComp
}

// names lists branches, and tags too. A store that cannot be read offers none.
func (a *app) names(ctx context.Context, tags bool) []string {
	var names []string
	err := a.reading(ctx, func(s *session) error {
		branches, err := s.e.Branches(ctx)
		if err != nil {
			return err
		}
		for _, b := range branches {
			names = append(names, b.Name)
		}
		if !tags {
			return nil
		}
		list, err := s.e.Tags(ctx)
		for _, t := range list {
			names = append(names, t.Name)
		}
		return err
	})
	if err != nil {
		cobra.CompErrorln(err.Error())
	}
	return names
}

// optional returns the n-th argument, or an empty one.
func optional(args []string, n int) string {
	if n < len(args) {
		return args[n]
	}
	return ""
}

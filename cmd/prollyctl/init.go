package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

func newInit(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "init",
		Short: "Make a store, and an empty branch in it",
		Long: `init makes a store in the directory of --store, and the branch of --branch in
it. The directory may exist when it is empty. Where there is a store already,
nothing happens to it, except that the branch is made when it is missing.`,
		Example: `  prollyctl init
  prollyctl --store /var/lib/things init`,
		Args: wantArgs(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return a.init(c.Context()) },
	}
}

// initInfo is what init did, as JSON.
type initInfo struct {
	Store   string `json:"store"`
	Branch  string `json:"branch"`
	Created bool   `json:"created"`
}

func (a *app) init(ctx context.Context) error {
	info := initInfo{Store: a.store, Branch: a.branch}
	branch := func(s *session) error {
		_, err := s.e.Branch(ctx, a.branch)
		return err
	}
	err := a.writing(ctx, branch)
	if errors.Is(err, engine.ErrNoStore) {
		info.Created = true
		if err = a.open(ctx, &engine.Options{}, branch); errors.Is(err, engine.ErrBadName) {
			err = fmt.Errorf("the store was made, its branch was not: %w", err)
		}
	}
	if err != nil {
		return err
	}
	return a.print(info, func(w io.Writer) {
		if info.Created {
			fmt.Fprintf(w, "made a store in %s\n", a.store)
		} else {
			fmt.Fprintf(w, "there is a store in %s already\n", a.store)
		}
	})
}

package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

type delOptions struct {
	commitOption
	keyOption
}

func newDel(a *app) *cobra.Command {
	var o delOptions
	c := &cobra.Command{
		Use:   "del KEY…",
		Short: "Delete keys, and commit",
		Long: `del deletes keys and commits. When one of them is not there, nothing is deleted
and the exit status is 1.`,
		Example: `  prollyctl del greeting
  prollyctl del -m "tidy up" draft/1 draft/2`,
		Args: wantArgs(1, -1),
		RunE: func(c *cobra.Command, args []string) error { return a.del(c.Context(), args, o) },
	}
	o.commitOption.register(c)
	o.keyOption.register(c)
	return c
}

func (a *app) del(ctx context.Context, keys []string, o delOptions) error {
	edits := make([]prolly.Edit, len(keys))
	for i, arg := range keys {
		key, err := o.parse(arg)
		if err != nil {
			return err
		}
		edits[i] = prolly.Edit{Key: key, Delete: true}
		if err := prolly.CheckEdit(edits[i]); err != nil {
			return err
		}
	}
	return a.writing(ctx, func(s *session) error {
		b, err := s.e.Lookup(ctx, s.branch)
		if err != nil {
			return err
		}
		for _, e := range edits {
			if ok, err := b.Has(ctx, e.Key); err != nil {
				return err
			} else if !ok {
				return keyNotFound(e.Key)
			}
		}
		return s.edit(ctx, b, edits, o.commitOption)
	})
}

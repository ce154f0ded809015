package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/djson"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

type rankOptions struct {
	refOption
	keyOption
}

func newRank(a *app) *cobra.Command {
	var o rankOptions
	c := &cobra.Command{
		Use:   "rank KEY",
		Short: "Count the entries before a key",
		Long: `rank prints how many entries have a smaller key: the number by which at finds
the key again. The key need not be there. No entry is read on the way.`,
		Example: `  prollyctl rank user/m
  prollyctl at $(prollyctl rank user/m)`,
		Args: wantArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return a.rank(c.Context(), args[0], o) },
	}
	o.refOption.register(a, c)
	o.keyOption.register(c)
	return c
}

// rankInfo is a rank as JSON.
type rankInfo struct {
	Key   djson.Bytes `json:"key"`
	Rank  uint64      `json:"rank"`
	Found bool        `json:"found"`
}

func (a *app) rank(ctx context.Context, arg string, o rankOptions) error {
	key, err := o.parse(arg)
	if err != nil {
		return err
	}
	return a.reading(ctx, func(s *session) error {
		return s.tree(ctx, o.ref, func(t prolly.Tree) error {
			info := rankInfo{Key: key}
			if info.Rank, err = t.Rank(ctx, key); err != nil {
				return err
			}
			if info.Found, err = t.Has(ctx, key); err != nil {
				return err
			}
			return a.print(info, func(w io.Writer) { fmt.Fprintln(w, info.Rank) })
		})
	})
}

func newAt(a *app) *cobra.Command {
	var o refOption
	c := &cobra.Command{
		Use:   "at N",
		Short: "Print the entry at a place, counted from 0",
		Long: `at prints the entry before which there are N others. The exit status is 1 when
there are no more than N entries.`,
		Example: `  prollyctl at 0
  prollyctl at 1000 --ref main~1 -o json`,
		Args: wantArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return a.at(c.Context(), args[0], o) },
	}
	o.register(a, c)
	return c
}

func (a *app) at(ctx context.Context, arg string, o refOption) error {
	n, err := strconv.ParseUint(arg, 10, 64)
	if err != nil {
		return usagef("%q is no place: a number from 0 is", arg)
	}
	return a.reading(ctx, func(s *session) error {
		return s.tree(ctx, o.ref, func(t prolly.Tree) error {
			e, err := t.At(ctx, n)
			if errors.Is(err, engine.ErrNotFound) {
				return notFoundError{fmt.Sprintf("entry %d of %s", n, count(t.Len()))}
			}
			if err != nil {
				return err
			}
			return s.entries(ctx).one(e)
		})
	})
}

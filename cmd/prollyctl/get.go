package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/plain"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

type getOptions struct {
	refOption
	keyOption
}

func newGet(a *app) *cobra.Command {
	var o getOptions
	c := &cobra.Command{
		Use:   "get KEY",
		Short: "Print the value of a key",
		Long: `get prints a value: its bytes, exactly, into a file or pipe; escaped and with a
line feed at the end on a terminal. Of a link it prints the CID. With -o json it
prints {"key": …, "value": …}. The exit status is 1 when there is no such key.`,
		Example: `  prollyctl get greeting
  prollyctl get logo > logo.png
  prollyctl get greeting --ref main~1`,
		Args: wantArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return a.get(c.Context(), args[0], o) },
	}
	o.refOption.register(a, c)
	o.keyOption.register(c)
	return c
}

func (a *app) get(ctx context.Context, arg string, o getOptions) error {
	key, err := o.parse(arg)
	if err != nil {
		return err
	}
	return a.reading(ctx, func(s *session) error {
		return s.view(ctx, o.ref, func(v view) error {
			e, err := v.Lookup(ctx, key)
			switch {
			case errors.Is(err, engine.ErrNotFound):
				return keyNotFound(key)
			case err != nil:
				return err
			case a.output != text:
				return s.entries(ctx).one(e)
			case e.Value.Link.Defined():
				_, err = fmt.Fprintln(a.stdout, e.Value.Link)
				return err
			}
			return a.copyValue(ctx, v, key)
		})
	})
}

// copyValue writes a value's bytes to stdout.
func (a *app) copyValue(ctx context.Context, v view, key []byte) error {
	r, err := v.Open(ctx, key)
	if err != nil {
		return err
	}
	if !a.outTTY {
		_, err = io.Copy(a.stdout, r)
		return also(err, r.Close())
	}
	w := plain.NewWriter(a.stdout)
	if _, err = io.Copy(w, r); err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = a.stdout.WriteByte('\n')
	}
	return also(err, r.Close())
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/plain"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

type getOptions struct {
	refOption
	keyOption
	offset, length int64 // length below 0: to the end
}

// part tells whether only a part of the value is asked for.
func (o *getOptions) part() bool { return o.offset > 0 || o.length >= 0 }

func newGet(a *app) *cobra.Command {
	var o getOptions
	c := &cobra.Command{
		Use:   "get KEY",
		Short: "Print the value of a key",
		Long: `get prints a value: its bytes, exactly, into a file or pipe; escaped and with a
line feed at the end on a terminal. Of a link it prints the CID. With -o json it
prints {"key": …, "value": …}. The exit status is 1 when there is no such key. A large
value is read piece by piece; with --offset and --length only the pieces that are
asked for.`,
		Example: `  prollyctl get greeting
  prollyctl get logo > logo.png
  prollyctl get disk.img --offset 1048576 --length 512 | xxd
  prollyctl get greeting --ref main~1`,
		Args: wantArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return a.get(c.Context(), args[0], o) },
	}
	o.refOption.register(a, c)
	o.keyOption.register(c)
	c.Flags().Int64Var(&o.offset, "offset", 0, "leave out so many bytes at the beginning")
	c.Flags().Int64Var(&o.length, "length", -1, "print so many bytes at most; -1: to the end")
	return c
}

func (a *app) get(ctx context.Context, arg string, o getOptions) error {
	key, err := o.parse(arg)
	if err != nil {
		return err
	}
	if o.offset < 0 || o.length < -1 {
		return usagef("--offset and --length must not be negative")
	}
	if o.part() && a.output != text {
		return usagef("--offset and --length are for text output")
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
			case e.Value.Link.Defined() && o.part():
				return fmt.Errorf("key %s: %w", quote(key), prolly.ErrIsLink)
			case e.Value.Link.Defined():
				_, err = fmt.Fprintln(a.stdout, e.Value.Link)
				return err
			}
			return a.copyPart(ctx, v, key, o)
		})
	})
}

// copyValue writes a value's bytes to stdout.
func (a *app) copyValue(ctx context.Context, v view, key []byte) error {
	return a.copyPart(ctx, v, key, getOptions{length: -1})
}

// copyPart writes the part of a value that is asked for.
func (a *app) copyPart(ctx context.Context, v view, key []byte, o getOptions) error {
	r, err := v.Open(ctx, key)
	if err != nil {
		return err
	}
	return also(a.copyFrom(r, o), r.Close())
}

func (a *app) copyFrom(r io.ReadSeeker, o getOptions) error {
	limitMemory()
	from := io.Reader(r)
	if o.part() {
		if _, err := r.Seek(o.offset, io.SeekStart); err != nil {
			return err
		}
		if o.length >= 0 {
			from = io.LimitReader(r, o.length)
		}
	}
	if !a.outTTY {
		_, err := io.Copy(a.stdout, from)
		return err
	}
	w := plain.NewWriter(a.stdout)
	if _, err := io.Copy(w, from); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return a.stdout.WriteByte('\n')
}

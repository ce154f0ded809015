package main

import (
	"context"
	"fmt"
	"io"

	cid "github.com/ipfs/go-cid"
	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

type putOptions struct {
	commitOption
	keyOption
	link bool
}

func newPut(a *app) *cobra.Command {
	var o putOptions
	c := &cobra.Command{
		Use:   "put KEY VALUE|-",
		Short: "Set a key, and commit",
		Long: `put sets a key to a value, or with - to all that it reads from standard input,
and commits. A branch that is not there yet is made; a store is not: see init.`,
		Example: `  prollyctl put greeting hello
  prollyctl put logo - < logo.png
  prollyctl put --stage greeting hi && prollyctl commit -m "say hi"
  prollyctl put --link report bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy
  prollyctl put -- -5 "a key that begins with a dash"`,
		Args: wantArgs(2, 2),
		RunE: func(c *cobra.Command, args []string) error { return a.put(c.Context(), args[0], args[1], o) },
	}
	o.commitOption.register(c)
	o.keyOption.register(c)
	c.Flags().BoolVar(&o.link, "link", false, "the value is a link: VALUE is a CID")
	return c
}

func (a *app) put(ctx context.Context, key, value string, o putOptions) error {
	k, err := o.parse(key)
	if err != nil {
		return err
	}
	v, err := a.value(value, o.link)
	if err != nil {
		return err
	}
	edit := prolly.Edit{Key: k, Value: v}
	if err := prolly.CheckEdit(edit); err != nil {
		return err
	}
	return a.writing(ctx, func(s *session) error {
		return s.onto(ctx, func(b *engine.Branch) error {
			return s.edit(ctx, b, []prolly.Edit{edit}, o.commitOption)
		})
	})
}

// value returns what the VALUE of a command line stands for.
func (a *app) value(arg string, link bool) (prolly.Value, error) {
	if link {
		c, err := cid.Decode(arg)
		if err != nil {
			return prolly.Value{}, usageError{fmt.Errorf("link %q: %w", arg, err)}
		}
		return prolly.Value{Link: c}, nil
	}
	if arg != "-" {
		return prolly.Value{Bytes: []byte(arg)}, nil
	}
	b, err := io.ReadAll(a.stdin)
	if err != nil {
		return prolly.Value{}, fmt.Errorf("read standard input: %w", err)
	}
	return prolly.Value{Bytes: b}, nil
}

// edit stages edits and, unless they are to stay staged, commits.
func (s *session) edit(ctx context.Context, b *engine.Branch, edits []prolly.Edit, o commitOption) error {
	if err := b.Apply(ctx, edits); err != nil {
		return err
	}
	if o.stage {
		return s.printStaged(b)
	}
	return s.commitNow(ctx, b, o.message, nil)
}
